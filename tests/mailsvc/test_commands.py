import json
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import OutputWrapper
from django.db.utils import OperationalError

from mailings.models import Run
from mailsvc import shutdown
from mailsvc.commands import Outcome, Progress, ServiceCommand, stopping_on_signals
from tests import recipes
from tests.support.smtp_server import SmtpServer
from users.models import User

ROOT = Path(__file__).resolve().parents[2]


# --- the bar ---


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_and_is_clean_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Progress, "INTERVAL", 0.0)
    terminal = Terminal()
    with Progress(OutputWrapper(terminal), "file.csv") as progress:
        progress.show(1, 4)
        progress.show(9, 4)
        progress.show(0, 0)
    pictures = terminal.getvalue().split("\r")
    assert "file.csv [########" in pictures[1]
    assert [picture[-7:-3] for picture in pictures[1:4]] == [" 25%", "100%", "100%"]
    assert pictures[4] == "\x1b[K"


def test_what_is_no_terminal_shows_nothing() -> None:
    stream = StringIO()
    with Progress(OutputWrapper(stream), "file.csv") as progress:
        progress.show(1, 4)
    assert stream.getvalue() == ""


# --- errors in words ---


class Broken(ServiceCommand):
    error: BaseException

    def work(self, options: dict[str, Any]) -> Outcome:
        raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationalError("no such table: x"), "no such table: x (Has `manage.py"),
        (KeyboardInterrupt(), "Interrupted. What was done before stays."),
    ],
)
def test_what_an_administrator_can_mend_is_said_in_words(
    error: BaseException, words: str
) -> None:
    out = StringIO()
    command = Broken(stdout=out)
    command.error = error
    with pytest.raises(Exception, match=words.split(" (")[0]) as caught:
        command.handle(json=True)
    assert words in str(caught.value)
    assert json.loads(out.getvalue()) == {"error": str(caught.value)}


# --- signals ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_the_second_is_as_usual(number: int) -> None:
    usual = signal.getsignal(number)
    with stopping_on_signals():
        signal.raise_signal(number)
        assert shutdown.requested()
        assert signal.getsignal(number) is usual
    assert not shutdown.requested()
    assert signal.getsignal(number) is usual


# --- whole processes ---


def manage(env: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess":
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.process
def test_exit_codes_and_the_last_line(
    alice: User, smtp_server: SmtpServer, process_env: dict[str, str]
) -> None:
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 2))
    done = manage(process_env, "send_mailing", mailing.pk, "--wait", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["accepted"] == 2
    failed = manage(process_env, "send_mailing", 999_999, "--json")
    assert (failed.returncode, failed.stderr) == (
        1,
        "CommandError: There is no mailing 999999.\n",
    )
    wrong = manage(process_env, "send_mailing", "--wait")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "required: ID" in wrong.stderr
    Run.objects.update(attempts=7)
    drift = manage(process_env, "verify_stats", "--json")
    assert drift.returncode == 1
    assert len(json.loads(drift.stdout)["differences"]) == 1


@pytest.mark.process
def test_ctrl_c_ends_after_what_is_being_sent(
    alice: User, smtp_server: SmtpServer, process_env: dict[str, str]
) -> None:
    smtp_server.delay = 0.1
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 300))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "send_mailing", str(mailing.pk), "--wait"],
        cwd=ROOT,
        env=process_env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    smtp_server.wait_until(lambda: len(smtp_server.received) > 10, 30)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    run = Run.objects.get()
    assert err == f"CommandError: Interrupted: {run.pending} are still to be sent.\n"
    assert run.pending > 0
    assert run.accepted == len(smtp_server.received) == 300 - run.pending
    smtp_server.delay = 0.0
    assert manage(process_env, "send_mailing", mailing.pk).returncode == 0
    everybody = [mail.recipient for mail in smtp_server.received]
    assert len(everybody) == len(set(everybody)) == 300
