"""
Memory that is exhausted at any line of the engine: nobody is lost, doubled or charged.

Python raises MemoryError wherever it finds none, so it is raised here at one line after
the other, in the thread that has the sockets and in the one that has the database.
"""

import gc
import linecache
import logging
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.utils import timezone

from mailings import delivery
from mailings.delivery.courier import Courier
from mailings.delivery.letter import Letter
from mailings.delivery.tray import Tray
from mailings.models import Circuit, Lease
from tests.conftest import ROOT
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

ENGINE = str(ROOT / "mailings" / "delivery")
RECIPIENTS = 6
# Lines that are tried of each thread; all of them by hand: MEMORY_LINES=0.
LINES = int(os.environ.get("MEMORY_LINES", "40"))
# The interpreter stops at these, too, and asks for no memory there: a line of `with`
# comes once more when its block is left, and what is raised then keeps the lock.
NO_WORK = ("try:", "finally:", "else:", "with ", "os.close(", "self._started.set()")
NO_WORK += ("self._ended.set()",)
# Always tried: a letter is on its way here, or its outcome is in few hands.
PRECARIOUS = ("_carry", "_hand_over", "_enter", "_end")
LEASE = timedelta(seconds=settings.DELIVERY["lease"])
CONNECTIONS = settings.DELIVERY["connections"]


class Place(NamedTuple):
    """A line of the engine's, and which time that it is come to in a thread."""

    file: str
    line: int
    function: str
    time: int


class Exhausted:
    """Counts how often a thread comes to each line of the engine; raises at a place."""

    def __init__(self, thread: str, at: Place | None = None) -> None:
        self.times = Counter[tuple[str, int, str]]()
        self.has_raised = False
        self._thread, self._at = thread, at

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(ENGINE):
            return None
        if threading.current_thread().name != self._thread:
            return None
        words = linecache.getline(path, frame.f_lineno).strip()
        if event == "line" and not words.startswith(NO_WORK):
            line = (Path(path).name, frame.f_lineno, frame.f_code.co_name)
            self.times[line] += 1
            if self._at == (*line, self.times[line]):
                self.has_raised = True
                raise MemoryError
        return self


@contextmanager
def traced(by: Exhausted) -> Iterator[None]:
    before = sys.gettrace()
    threading.settrace(by)
    sys.settrace(by)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(before)  # type: ignore[arg-type]


def places(counted: Exhausted) -> list[Place]:
    """The first time of every line, and one amid the others; or some of them."""
    every = [
        Place(*line, time)
        for line, times in sorted(counted.times.items())
        for time in sorted({1, min(times, RECIPIENTS // 2)})
    ]
    if not LINES:
        return every
    some = random.Random(1).sample(every, min(LINES, len(every)))
    firsts = (each for each in every if each.time == 1)
    return sorted({*some, *(each for each in firsts if each.function in PRECARIOUS)})


@pytest.fixture
def silence() -> Iterator[None]:
    """Records of the log would keep what nobody could close until the test is over."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def twice_in_hand(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Letters that have an outcome and were given back: one seat more, and they go."""
    done, found = set[tuple[int, int]](), list[int]()
    enter, give_back = Tray.done, Tray.give_back

    def note(tray: Tray, letter: Letter, *args: Any, **options: Any) -> None:
        done.add((id(tray), letter.delivery_id))
        enter(tray, letter, *args, **options)

    def look(tray: Tray, letter: Letter) -> None:
        if (id(tray), letter.delivery_id) in done:
            found.append(letter.delivery_id)
        give_back(tray, letter)

    monkeypatch.setattr(Tray, "done", note)
    monkeypatch.setattr(Tray, "give_back", look)
    return found


@pytest.mark.filterwarnings("ignore")  # about what nobody has had memory to close
@pytest.mark.timeout(int(os.environ.get("MEMORY_TIMEOUT", "110")))
@pytest.mark.parametrize("thread", ["courier", "MainThread"])
def test_memory_that_is_exhausted_anywhere_harms_nobody(
    thread: str,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    silence: None,
    twice_in_hand: list[int],
) -> None:
    """
    Y18. There is no memory left at any line of what sends.

    Nobody is lost, doubled or charged for it; unknown is at most one per connection.
    """
    counted = Exhausted(thread)
    with traced(counted):
        given_run(RECIPIENTS)
        pump()
    for place in places(counted):
        smtp_server.received.clear()
        Circuit.objects.all().delete()
        run = given_run(RECIPIENTS)
        fault = Exhausted(thread, place)
        with traced(fault), suppress(MemoryError):
            pump()
        # At once, or where nobody could even close the journal: when the lease is over.
        delivery.recover(timezone.now())
        delivery.recover(timezone.now() + LEASE)
        assert not Lease.objects.exists(), place
        Circuit.objects.all().delete()
        pump()
        figures = ledger(run)
        unknown = figures.pop("unknown", 0)
        copies = Counter(mail.recipient for mail in smtp_server.received)
        assert set(copies.values()) == {1}, place
        assert not twice_in_hand, place
        assert unknown <= CONNECTIONS, place
        assert figures["accepted"] + unknown == RECIPIENTS, (place, figures)
        assert figures["attempts"] == RECIPIENTS, (place, figures)
        gc.collect()
        if LINES == 0:
            print(*place, fault.has_raised, unknown, file=sys.__stderr__)


def test_connections_that_had_no_memory_to_hear_of_the_end_are_told_again(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    silence: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []

    def once_in_vain(courier: Courier) -> None:
        told.append(1)
        if len(told) == 1:
            raise MemoryError
        wake_all(courier)

    wake_all = Courier._wake_all
    monkeypatch.setattr(Courier, "_wake_all", once_in_vain)
    run = given_run(RECIPIENTS)
    pump()
    assert ledger(run)["accepted"] == RECIPIENTS
    assert len(told) == 2
