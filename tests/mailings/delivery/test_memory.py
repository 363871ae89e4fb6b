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
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from mailings import delivery
from mailings.delivery.courier import Courier
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
LEASE = timedelta(seconds=settings.DELIVERY["lease"])
CONNECTIONS = settings.DELIVERY["connections"]


class Exhausted:
    """Counts the engine's lines in a thread, and raises at one of them."""

    def __init__(self, thread: str, at: int = 0) -> None:
        self.lines = 0
        self.where = ""
        self._thread, self._at = thread, at

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(ENGINE):
            return None
        if threading.current_thread().name != self._thread:
            return None
        words = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and not words.startswith(NO_WORK):
            self.lines += 1
            if self.lines == self._at:
                name = Path(frame.f_code.co_filename).name
                self.where = f"{name}:{frame.f_lineno} {frame.f_code.co_name}"
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


def lines(total: int) -> list[int]:
    every = range(int(os.environ.get("MEMORY_FROM", "1")), total + 1)
    if not LINES or total <= LINES:
        return list(every)
    return sorted(random.Random(1).sample(every, LINES))


@pytest.fixture
def silence() -> Iterator[None]:
    """Records of the log would keep what nobody could close until the test is over."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")  # about what nobody has had memory to close
@pytest.mark.timeout(int(os.environ.get("MEMORY_TIMEOUT", "110")))
@pytest.mark.parametrize("thread", ["courier", "MainThread"])
def test_memory_that_is_exhausted_anywhere_harms_nobody(
    thread: str,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    silence: None,
) -> None:
    """
    Y18. There is no memory left at any line of what sends.

    Nobody is lost, doubled or charged for it; unknown is at most one per connection.
    """
    count = Exhausted(thread)
    with traced(count):
        given_run(RECIPIENTS)
        pump()
    for number in lines(count.lines):
        smtp_server.received.clear()
        Circuit.objects.all().delete()
        run = given_run(RECIPIENTS)
        fault = Exhausted(thread, number)
        with traced(fault), suppress(MemoryError):
            pump()
        # At once, or where nobody could even close the journal: when the lease is over.
        delivery.recover(timezone.now())
        delivery.recover(timezone.now() + LEASE)
        assert not Lease.objects.exists(), fault.where
        Circuit.objects.all().delete()
        pump()
        figures = ledger(run)
        unknown = figures.pop("unknown", 0)
        copies = Counter(mail.recipient for mail in smtp_server.received)
        assert set(copies.values()) == {1}, fault.where
        assert unknown <= CONNECTIONS, fault.where
        assert figures["accepted"] + unknown == RECIPIENTS, (fault.where, figures)
        assert figures["attempts"] == RECIPIENTS, (fault.where, figures)
        gc.collect()
        if LINES == 0:
            print(number, fault.where, unknown, file=sys.__stderr__)


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
