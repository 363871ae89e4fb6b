"""
kill -9 of the process that sends, at every step of a delivery. The mail server is what
kills it: nothing in the program is made for that.
"""

import os
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from mailings import delivery
from mailings.models import Delivery, Run
from tests.conftest import ROOT
from tests.crash.conftest import MANAGE, until
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_script import TAKE, USUAL, Action, Context, Steps, Within
from tests.support.smtp_server import SmtpServer

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

RECIPIENTS = 80
CONNECTIONS = settings.DELIVERY["connections"]


class Sender:
    """`manage.py send_mailing`, and the shot that ends it."""

    def __init__(self, run: Run, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*MANAGE, "send_mailing", str(run.mailing_id)],
            env=env,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        self.journals = Path(env["VAR_DIR"]) / "journal"

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait(20) == -signal.SIGKILL

    def said(self) -> bytes:
        """What its journal has."""
        return b"".join(path.read_bytes() for path in self.journals.glob("*.journal"))


class Shot(Action):
    """The client is dead before another byte comes."""

    def __init__(self) -> None:
        self.sender: Sender | None = None

    async def perform(self, talk: Any) -> None:
        if self.sender is not None:
            os.kill(self.sender.process.pid, signal.SIGKILL)


Send = Callable[[Run], Sender]


@pytest.fixture
def send(smtp_server: SmtpServer, process_env: dict[str, str]) -> Iterator[Send]:
    begun: list[Sender] = []

    def begin(run: Run) -> Sender:
        begun.append(Sender(run, process_env))
        return begun[-1]

    yield begin
    for sender in begun:
        sender.process.kill()
        sender.process.wait(20)


def is_made_good(run: Run, server: SmtpServer, pump: Pump, *, doubtful: int) -> bool:
    """At once after a restart: recovery, and the rest is sent; to nobody twice."""
    assert delivery.recover(timezone.now()) == 1
    pump()
    taken = Counter(mail.recipient for mail in server.received)
    assert set(taken.values()) == {1}
    figures = ledger(run)
    unknown = figures.get("unknown", 0)
    assert unknown <= doubtful
    assert figures["accepted"] + unknown == RECIPIENTS
    accepted = run.deliveries.filter(state="accepted").values_list("email", flat=True)
    assert set(accepted) <= taken.keys()
    in_doubt = run.deliveries.filter(state="unknown").values_list("email", flat=True)
    assert taken.keys() <= {*accepted, *in_doubt}
    return True


def at_the(number: int, act: object) -> Callable[[Context], object]:
    """The usual, and this at the so-manieth time."""
    times = iter(range(1, 10_000))
    return lambda context: act if next(times) == number else USUAL


@pytest.mark.parametrize(
    ("stage", "number", "act", "doubtful"),
    [
        pytest.param("connect", 1, lambda shot: shot, 0, id="nothing begun"),
        pytest.param("data", 20, lambda shot: shot, CONNECTIONS, id="before the body"),
        pytest.param(
            "body", 20, lambda shot: Within(1, shot), CONNECTIONS, id="in the body"
        ),
        pytest.param("dot", 20, lambda shot: shot, CONNECTIONS, id="after the body"),
        pytest.param(
            "dot",
            20,
            lambda shot: Steps(TAKE, shot),
            CONNECTIONS,
            id="when it is taken",
        ),
    ],
)
def test_the_sender_is_killed(
    stage: str,
    number: int,
    act: Callable[[Shot], object],
    doubtful: int,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    send: Send,
) -> None:
    """
    Y1-Y3. kill -9 after the claim, before a body, in it, after it, when it was taken.

    At most one unknown per connection, nobody lost, nobody doubled; recovery does not
    wait for the lease.
    """
    shot = Shot()
    smtp_server.script[stage] = at_the(number, act(shot))
    run = given_run(RECIPIENTS)
    shot.sender = send(run)
    assert shot.sender.process.wait(60) == -signal.SIGKILL
    assert len(smtp_server.received) < RECIPIENTS
    assert is_made_good(run, smtp_server, pump, doubtful=doubtful)


@contextmanager
def nobody_writes() -> Iterator[None]:
    """All deliveries are locked, by a connection of its own."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        other: Any = sqlite3.connect(values["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
        login = {ours: values[theirs] or None for ours, theirs in names.items()}
        other = psycopg.connect(dbname=values["NAME"], **login)
        other.execute("LOCK TABLE mailings_delivery IN EXCLUSIVE MODE")
    try:
        yield
    finally:
        other.close()


def test_the_sender_is_killed_before_it_has_written_down_what_it_heard(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, send: Send
) -> None:
    """
    Y4-Y5. kill -9 when replies are in the journal and not yet in the database.

    Recovery writes them down: nobody is in doubt who was answered.
    """
    smtp_server.delay = 0.05
    run = given_run(RECIPIENTS)
    sender = send(run)
    until(lambda: len(smtp_server.received) > 5)
    with nobody_writes():
        written = Delivery.objects.filter(state="accepted").count()
        until(lambda: sender.said().count(b"\nR ") >= written + 10)
        sender.kill()
        heard = sender.said().count(b"\nR ")
    assert delivery.recover(timezone.now()) == 1
    assert ledger(run)["accepted"] == heard > written
    pump()
    figures = ledger(run)
    assert figures["accepted"] + figures.get("unknown", 0) == RECIPIENTS
    assert figures.get("unknown", 0) <= CONNECTIONS
    assert len(smtp_server.received) == len({m.recipient for m in smtp_server.received})


def test_the_sender_is_killed_right_after_it_has_written_down_a_batch(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, send: Send
) -> None:
    """
    Y6. kill -9 right after a commit of outcomes.

    They count once, though the journal has them, too.
    """
    smtp_server.delay = 0.05
    run = given_run(RECIPIENTS)
    sender = send(run)
    until(lambda: Delivery.objects.filter(state="accepted").exists())
    sender.kill()
    assert is_made_good(run, smtp_server, pump, doubtful=CONNECTIONS)
