"""Real workers, a real mail server in a process of its own, and a judge."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailings.models import Delivery, Mailing, Run
from tests.conftest import ROOT
from tests.mailings.delivery.conftest import given_run, pump
from tests.support import processes
from tests.support.commands import call
from tests.support.smtp_server import SmtpProcess

__all__ = ["given_run", "pump"]

MANAGE = [sys.executable, str(ROOT / "manage.py")]


class Workers:
    """`manage.py qcluster`, as many as wanted."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [*MANAGE, "qcluster"], env=self._env, start_new_session=True, cwd=ROOT
        )
        self._running.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """kill -9 of it and all its processes, as a power cut would."""
        processes.kill(processes.family(worker.pid))
        worker.wait(10)
        self._running.remove(worker)

    def end(self) -> None:
        for worker in self._running:
            worker.terminate()
        for worker in self._running:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                self.kill(worker)
                raise


def until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def is_finished(mailing: Mailing) -> bool:
    mailing.refresh_from_db()
    return mailing.status == "finished"


def judge(run: Run, server: SmtpProcess, *, doubtful: int = 0) -> None:
    """
    Holds the mail server's own ledger of what it took against the database: nobody
    missing, nobody twice, `accepted` only what it took, at most `doubtful` unknown.
    """
    run.refresh_from_db()
    taken = Counter(recipient for recipient, _ in server.taken())
    state_of = dict(run.deliveries.values_list("email", "state"))
    assert len(state_of) == run.deliveries.count() == run.planned
    assert [each for each, copies in taken.items() if copies > 1] == []
    accepted = {email for email, state in state_of.items() if state == "accepted"}
    unknown = {email for email, state in state_of.items() if state == "unknown"}
    assert accepted - taken.keys() == set()
    assert taken.keys() - accepted - unknown == set()
    assert len(unknown) <= doubtful
    assert not Delivery.objects.filter(
        run=run, state__in=["pending", "sending", "deferred"]
    ).exists()
    assert call("verify_stats").failure == ""


@pytest.fixture
def mail_server(
    tmp_path: Path, point_mail_at: Callable[[int], None]
) -> Iterator[SmtpProcess]:
    with SmtpProcess(tmp_path / "taken.txt", delay_ms=2) as server:
        point_mail_at(server.port)
        yield server


@pytest.fixture
def workers(mail_server: SmtpProcess, process_env: dict[str, str]) -> Iterator[Workers]:
    made = Workers(process_env)
    yield made
    made.end()
