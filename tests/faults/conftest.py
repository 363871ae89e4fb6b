"""A run, a mail server that misbehaves, and the judge of both."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailings import delivery
from mailings.delivery import PumpReport
from mailings.models import Attempt, Circuit, Run
from tests.mailings.delivery.conftest import GivenRun, given_run, ledger
from tests.support.oracle import taken_by, wrongs
from tests.support.smtp_script import Act
from tests.support.smtp_server import EXTENSIONS, SmtpServer

__all__ = ["given_run"]

# How the engine talks -> what a server announces to have it so.
MODES = {
    "lock-step": tuple(each for each in EXTENSIONS if each != "PIPELINING"),
    "pipelined": EXTENSIONS,
}

# Tests in which no envelope is spoken, so that it can't matter how: they run once.
NO_ENVELOPE = frozenset(
    {
        *("the_port_is_closed", "packets_vanish", "no_greeting"),
        *("pausing_while_the_server_is_silent", "a_greeting_that_is_none"),
        *("a_greeting_drop_by_drop", "a_wrong_password", "another_wrong_password"),
        *("logging_in_is_not_possible_now", "a_password_in_cyrillic", "an_old_server"),
        *("starttls_is_not_offered", "a_bad_certificate", "encryption_breaks"),
        *("bytes_before_the_encryption", "hostile_words_in_an_export"),
        *("hostile_words_in_the_log", "the_pause_is_told"),
        *("a_message_larger_than_announced", "a_size_that_is_no_limit"),
    }
)

Patience = Callable[..., None]


class Bench:
    """Has one mail server, which `meets` runs, and holds what both say together."""

    def __init__(self, server: SmtpServer, given_run: GivenRun) -> None:
        self.server = server
        self._given_run = given_run
        self.resends: dict[str, int] = {}  # recipient -> copies that were asked for

    def script(self, **acts: Act) -> None:
        """What the server does from now on, by stage; None is the usual again."""
        for stage, act in acts.items():
            if act is None:
                self.server.script.pop(stage, None)
            else:
                self.server.script[stage] = act

    def run(self, clients: int = 4, **mailing: Any) -> Run:
        return self._given_run(clients, **mailing)

    def pump(self, *, after: float = 0, **options: Any) -> PumpReport:
        """Pumps until nothing is due, `after` so many seconds from now."""
        moment = timezone.now() + timedelta(seconds=after)
        with time_machine.travel(moment, tick=True):
            return delivery.pump(**({"stop": lambda: False} | options))

    def ends(self, run: Run, **books: int) -> None:
        """The run's books are these, and the judge finds nothing wrong."""
        assert ledger(run) == books
        self.is_just()

    def is_just(self) -> None:
        assert wrongs(taken_by(self.server), resends=self.resends) == []
        assert self.server.complaints == []

    def is_untouched(self, run: Run) -> None:
        """Nobody was charged: all wait as if nothing had been tried."""
        run.refresh_from_db()
        self.ends(run, planned=run.planned, pending=run.planned)
        assert not Attempt.objects.filter(run=run).exists()

    @property
    def copies(self) -> list[str]:
        return sorted(mail.recipient for mail in self.server.received)

    @property
    def circuit(self) -> Circuit:
        return Circuit.objects.get(server=f"127.0.0.1:{self.server.port}")

    def logged(self, run: Run) -> list[tuple[str, str, int | None, str]]:
        """Outcome, phase, code and words of each attempt, in order."""
        rows = Attempt.objects.filter(run=run).order_by("delivery", "number")
        return list(rows.values_list("outcome", "phase", "code", "reply"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Everything happens in each mode, unless the mode has no say in it."""
    if "mode" in metafunc.fixturenames:
        name = metafunc.function.__name__.removeprefix("test_")
        metafunc.parametrize("mode", ["pipelined"] if name in NO_ENVELOPE else MODES)


@pytest.fixture
def smtp_server(
    mode: str, point_mail_at: Callable[[int], None]
) -> Iterator[SmtpServer]:
    with SmtpServer(extensions=MODES[mode]) as server:
        point_mail_at(server.port)
        yield server


@pytest.fixture
def bench(smtp_server: SmtpServer, given_run: GivenRun) -> Bench:
    return Bench(smtp_server, given_run)


@pytest.fixture
def deliver(settings: Settings) -> Callable[..., None]:
    """Settings of the engine: `deliver(connections=1)`."""

    def change(**values: Any) -> None:
        settings.DELIVERY = {**settings.DELIVERY, **values}

    return change


@pytest.fixture(autouse=True)
def _scaled_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds where a real installation waits for minutes; `patience` has even less."""
    monkeypatch.setattr("mailings.delivery.throttle._PAUSES", (0.1, 6.0))
    settings.DELIVERY = {
        **settings.DELIVERY,
        # More than a busy machine keeps a good server waiting.
        "timeouts": dict.fromkeys(settings.DELIVERY["timeouts"], 10.0),
        "rests": [0.3, 0.6],
    }


@pytest.fixture
def patience(settings: Settings) -> Patience:
    """How long to wait at one step: `patience("banner")` is not long."""

    def at(step: str, seconds: float = 0.3) -> None:
        timeouts = {**settings.DELIVERY["timeouts"], step: seconds}
        settings.DELIVERY = {**settings.DELIVERY, "timeouts": timeouts}

    return at
