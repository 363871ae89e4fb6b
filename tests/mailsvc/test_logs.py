"""Lines of the log: whole, on one line, about something, and no danger to anybody."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from mailings.models import Attempt, Lease, Run
from mailsvc import logs
from tests import recipes
from tests.conftest import ROOT
from tests.mailsvc.conftest import until
from tests.mailsvc.test_qcluster import Start
from tests.support.smtp_script import reply
from tests.support.smtp_server import SmtpServer
from users.models import User

PASSWORD = "canary-of-mail-1"


def written(formatter: logging.Formatter, *arguments: Any, **options: Any) -> str:
    """What `logger.warning` with these arguments writes."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("mailings.test")
    logger.addHandler(handler)
    logger.warning(*arguments, **options)
    return stream.getvalue()


TEXT = logs.OneLineFormatter("{levelname} {context}{message}", style="{")


def test_a_line_of_json_has_its_fields() -> None:
    with logs.about(lease=7), logs.request_context("203.0.113.9") as request:
        line = written(
            logs.JsonFormatter(), "Hi %s", "там\nтут", extra={"run": 3, "other": 4}
        )
    fields = json.loads(line)
    assert line.count("\n") == 1
    assert fields.pop("time")[-6:] == "+00:00"
    assert fields == {
        "level": "WARNING",
        "logger": "mailings.test",
        "message": "Hi там тут",
        "run": 3,
        "lease": 7,
        "request": request.request_id,
        "from": "203.0.113.9",
    }


def test_an_error_stays_on_its_line_of_json() -> None:
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        line = written(logs.JsonFormatter(), "Failed", exc_info=True)
    assert line.count("\n") == 1
    assert json.loads(line)["error"].endswith("ValueError: one\ntwo")


def test_a_line_of_text_names_them_at_its_end() -> None:
    with logs.about(lease=7):
        line = written(TEXT, "Hi\nyou", extra={"delivery": 5, "run": 3})
    assert line == "WARNING Hi you run=3 delivery=5 lease=7\n"
    assert written(TEXT, "Hi") == "WARNING Hi\n"


# --- of requests ---


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What goes where the log of the installation goes."""
    [handler] = logging.getLogger("django").handlers
    stream = StringIO()
    before = handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    handler.setStream(before)  # type: ignore[attr-defined]


def test_a_request_for_another_host_is_one_line(log: StringIO) -> None:
    assert Client().get("/", HTTP_HOST="evil.example").status_code == 400
    said = log.getvalue()
    assert said.count("\n") == 1
    assert "DisallowedHost" in said
    assert "evil.example" in said


@pytest.mark.django_db
def test_a_request_that_is_not_allowed_is_one_line(
    log: StringIO, alice_client: Client
) -> None:
    assert alice_client.get("/manage/audit/").status_code == 403
    assert log.getvalue().count("\n") == 1


@pytest.mark.django_db
def test_where_an_error_was_raised_is_told(
    log: StringIO, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("mailsvc.middleware.UserPreferencesMiddleware.__call__", broken)
    alice_client.raise_request_exception = False
    assert alice_client.get("/").status_code == 500
    assert "Traceback" in log.getvalue()


# --- of real commands ---


def _send(env: dict[str, str], *, stderr: Any, **settings: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "send_due", "--json"],
        cwd=ROOT,
        env=env | settings,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr or ""


@pytest.mark.process
def test_the_engine_tells_what_each_line_is_about_and_no_more(
    alice: User, smtp_server: SmtpServer, process_env: dict[str, str]
) -> None:
    smtp_server.accounts = {"news": PASSWORD}
    smtp_server.extensions.append("AUTH PLAIN LOGIN")
    address = process_env["EMAIL_URL"].removeprefix("smtp://")
    to = recipes.clients(alice, 2)
    refusal = reply(550, f"5.1.1 <{to[0].email}> is unknown")
    smtp_server.script["rcpt"] = {to[0].email: refusal}
    mailing = recipes.mailing(alice, clients=to)
    assert mailing.message is not None
    code, said = _send(
        process_env,
        stderr=subprocess.PIPE,
        LOG_FORMAT="json",
        LOG_LEVEL="DEBUG",
        EMAIL_URL=f"smtp://news:{PASSWORD}@{address}",
    )
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    run = Run.objects.get()
    told = {
        (line["run"], line["delivery"], line["attempt"])
        for line in lines
        if "attempt" in line
    }
    rows = Attempt.objects.values_list("run", "delivery", "number")
    assert told == set(rows)
    assert {line["lease"] for line in lines if "attempt" in line} != {None}
    (end,) = (line for line in lines if line["message"].startswith("Pump ended"))
    assert end["message"] == "Pump ended: accepted 1, refused 1, deferred 0, unknown 0"
    for secret in (PASSWORD, to[0].email, to[1].email, "this is the news", run.subject):
        assert secret not in said


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_log_that_cant_be_written_does_no_harm(
    kind: str, alice: User, smtp_server: SmtpServer, process_env: dict[str, str]
) -> None:
    recipes.mailing(alice, clients=recipes.clients(alice, 3))
    with Path("/dev/full").open("w") as full:
        code, _ = _send(process_env, stderr=full, LOG_LEVEL="DEBUG", LOG_FORMAT=kind)
    assert len(smtp_server.received) == 3
    assert Run.objects.get().accepted == 3
    assert Lease.objects.count() == 0
    assert code == 0


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_worker_without_a_log_works(
    alice: User, smtp_server: SmtpServer, start: Start
) -> None:
    recipes.mailing(alice, clients=recipes.clients(alice, 3))
    shell = f"exec {sys.executable} manage.py qcluster >/dev/full 2>&1"
    worker = start.command(["sh", "-c", shell], LOG_LEVEL="DEBUG")  # type: ignore[attr-defined]
    until(lambda: len(smtp_server.received) == 3)
    assert worker.process.poll() is None
