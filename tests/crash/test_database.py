"""
The database goes away in the middle of a run and comes back: the pump waits for it,
hands over nothing new meanwhile, forgets no outcome, and goes on by itself.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from mailings import delivery
from mailings.delivery import PumpReport
from mailings.models import Lease, Run
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.proxy import Proxy
from tests.support.smtp_script import reply
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

RECIPIENTS = 150
AFTER = 30  # attempts, before anything happens
LASTS = 1.5  # seconds
CONNECTIONS = settings.DELIVERY["connections"]


class Trouble:
    """Begins after some attempts; lasts for a while after the pump has noticed."""

    def __init__(
        self,
        server: SmtpServer,
        log: pytest.LogCaptureFixture,
        *,
        begin: Callable[[], object],
        end: Callable[[], object],
    ) -> None:
        self._server, self._log, self._begin, self._end = server, log, begin, end
        self.is_on = self.is_over = False
        self._noticed_at = 0.0
        self.sent: list[int] = []  # what had been taken at each of the looks

    def on_progress(self, report: PumpReport) -> None:
        if not (self.is_on or self.is_over) and report.attempts >= AFTER:
            self.is_on = True
            self._begin()

    def stop(self) -> bool:
        if self.is_on and "The database is away" in self._log.text:
            self._noticed_at = self._noticed_at or time.monotonic()
            self.sent.append(len(self._server.received))
            if time.monotonic() > self._noticed_at + LASTS:
                self.is_on, self.is_over = False, True
                self._end()
        return False

    @property
    def was_waited_for(self) -> bool:
        """It came, no more went out than the connections had in hand, and it went."""
        more = self.sent[-1] - self.sent[0]
        return self.is_over and more <= CONNECTIONS and self.sent[-1] < RECIPIENTS


def is_clean(run: Run, server: SmtpServer) -> bool:
    """Nobody lost, nobody doubled, nobody in doubt, nothing left behind."""
    everybody = {"planned": RECIPIENTS, "accepted": RECIPIENTS, "attempts": RECIPIENTS}
    assert ledger(run) == everybody
    assert len(server.received) == len({each.recipient for each in server.received})
    assert not Lease.objects.exists()
    return True


# --- PostgreSQL ---


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Between the pump and its database."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no network to cut")
    usual = dict(connection.settings_dict)
    with Proxy(int(usual["PORT"] or 5432), host=usual["HOST"] or "127.0.0.1") as proxy:
        connection.close()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": proxy.port}
        yield proxy
        proxy.mend()
        connection.close()
        connection.settings_dict |= usual


def test_a_database_that_cannot_be_reached_is_waited_for(
    proxy: Proxy,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Y12. PostgreSQL can't be reached in the middle of a run.

    What the connections have in hand is finished and kept, nothing new is handed over;
    when it is back, all goes on. Nobody is lost, doubled or in doubt.
    """
    smtp_server.delay = 0.05  # so that it is not over before it begins
    run = given_run(RECIPIENTS)
    trouble = Trouble(smtp_server, caplog, begin=proxy.cut, end=proxy.mend)
    pump(stop=trouble.stop, on_progress=trouble.on_progress)
    assert trouble.was_waited_for
    assert is_clean(run, smtp_server)


def test_a_commit_whose_answer_is_lost_is_repeated_without_harm(
    proxy: Proxy, smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    """
    Y13. A commit succeeds and its answer is lost: of claims, of outcomes, of returns.

    Each is repeated, and what was done already is not done again.
    """
    smtp_server.script["rcpt"] = {"c7@example.com": reply(550, "5.1.1 No such user")}
    run = given_run(40)
    assert delivery.objection(timezone.now()) == ""  # this host is known from now on
    changes = 0

    def swallow(execute: Any, sql: str, *args: Any) -> Any:
        nonlocal changes
        changes += sql.startswith(("UPDATE", "INSERT"))
        if changes % 4 == 2 and proxy.swallowed < 5:
            proxy.swallow(b"COMMIT")
        return execute(sql, *args)

    with connection.execute_wrapper(swallow):
        pump()
    assert proxy.swallowed == 5
    assert len({each.recipient for each in smtp_server.received}) == 39
    assert len(smtp_server.received) == 39
    assert ledger(run) == {"planned": 40, "accepted": 39, "refused": 1, "attempts": 40}


def test_a_network_that_says_nothing_ends_with_the_lease(
    proxy: Proxy,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    settings: Any,
) -> None:
    """
    Y12. The network swallows everything and the pump hangs in a statement.

    Sending ends with the lease, which nobody can renew; afterwards all goes on.
    """
    settings.DELIVERY = {**settings.DELIVERY, "lease": 2.0}
    smtp_server.delay = 0.2  # 8 connections: 40 a second
    run = given_run(RECIPIENTS)
    silent: list[int] = []

    def speak_again() -> None:
        silent.append(len(smtp_server.received))
        proxy.mend()

    timer = threading.Timer(4, speak_again)

    def fall_silent(report: PumpReport) -> None:
        if report.attempts >= AFTER and not timer.is_alive() and not silent:
            proxy.hold()
            timer.start()

    pump(on_progress=fall_silent)
    timer.join()
    assert silent[0] < AFTER + 2 * 40 + 16 < RECIPIENTS
    assert is_clean(run, smtp_server)


# --- SQLite ---


@pytest.fixture
def impatient_sqlite() -> str:
    """The path of the database; who finds it locked is told so at once."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite is locked as a whole")
    connection.ensure_connection()
    connection.connection.execute("PRAGMA busy_timeout = 100")
    return str(connection.settings_dict["NAME"])


def test_a_database_that_another_has_locked_is_waited_for(
    impatient_sqlite: str,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Y14. Another process keeps SQLite locked for long.

    As Y12: nothing new is handed over, then all goes on.
    """
    smtp_server.delay = 0.05  # so that it is not over before it begins
    run = given_run(RECIPIENTS)
    writer = sqlite3.connect(impatient_sqlite, isolation_level=None)
    trouble = Trouble(
        smtp_server,
        caplog,
        begin=lambda: writer.execute("BEGIN IMMEDIATE"),
        end=lambda: writer.execute("ROLLBACK"),
    )
    pump(stop=trouble.stop, on_progress=trouble.on_progress)
    writer.close()
    assert trouble.was_waited_for
    assert is_clean(run, smtp_server)


@pytest.mark.usefixtures("impatient_sqlite")
def test_a_full_disk_is_waited_for(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Y16. The disk has no space for the database.

    The log says so, nothing is corrupted, and with space all goes on by itself.
    """
    smtp_server.delay = 0.05  # so that it is not over before it begins
    run = given_run(RECIPIENTS)
    raw = connection.connection
    pages = raw.execute("PRAGMA page_count").fetchone()[0]

    def fill() -> None:
        # All that is free is taken: what SQLite keeps in its file counts, too.
        raw.execute("CREATE TABLE ballast (x)")
        raw.execute(f"PRAGMA max_page_count = {pages}")
        with suppress(sqlite3.OperationalError):  # "full"
            while True:
                raw.execute("INSERT INTO ballast VALUES (zeroblob(500))")

    trouble = Trouble(
        smtp_server,
        caplog,
        begin=fill,
        end=lambda: raw.execute("PRAGMA max_page_count = 1000000"),
    )
    pump(stop=trouble.stop, on_progress=trouble.on_progress)
    raw.execute("DROP TABLE ballast")
    assert trouble.is_over
    assert "database or disk is full" in caplog.text
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert is_clean(run, smtp_server)


# --- without end ---


def test_who_is_told_to_stop_waits_no_longer_and_recovery_does_the_rest(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    """
    Y12. The worker is stopped while the database is away.

    It ends at once; the journal has what was received, and recovery writes it down.
    """
    run = given_run(RECIPIENTS)
    is_away = False

    def leave(report: PumpReport) -> None:
        nonlocal is_away
        is_away = report.attempts >= AFTER

    def execute_or_not(execute: Any, *args: Any) -> Any:
        if is_away:
            raise OperationalError("gone")
        return execute(*args)

    with connection.execute_wrapper(execute_or_not), pytest.raises(OperationalError):
        pump(stop=lambda: is_away, on_progress=leave)
    assert delivery.recover(timezone.now()) == 1
    pump()
    assert is_clean(run, smtp_server)
