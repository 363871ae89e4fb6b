"""
A few letters at once, outside of any run: who has asked waits for the replies.

Nothing of it is in the books or in the journal.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from mailings.delivery.clock import clock
from mailings.delivery.letter import Letter, Unreadable
from mailings.delivery.record import not_composed
from mailings.delivery.replies import Outcome, outcome
from mailings.delivery.smtp import Connection, usable_for
from mailings.delivery.troubles import Failed, Server

AT_ONCE = 2  # in each process: the other threads have pages to answer
_places = threading.BoundedSemaphore(AT_ONCE)
_LEAST = 0.1  # seconds; a step whose time is over fails by itself, in words


class Busy(Exception):
    """As many as may wait for the mail server do."""


class _Remaining(Mapping[str, float]):
    """Timeouts that end, all of them, when the time for everything does."""

    def __init__(self, timeouts: Mapping[str, float], seconds: float) -> None:
        self._timeouts = timeouts
        self._until = clock() + seconds

    def __getitem__(self, name: str) -> float:
        return max(_LEAST, min(self._timeouts[name], self._until - clock()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._timeouts)

    def __len__(self) -> int:
        return len(self._timeouts)


@contextmanager
def a_place() -> Iterator[None]:
    """Raises Busy."""
    if not _places.acquire(blocking=False):
        raise Busy
    try:
        yield
    finally:
        _places.release()


def hand_over(
    letters: Sequence[Letter],
    server: Server,
    *,
    timeouts: Mapping[str, float],
    seconds: float,
) -> list[Outcome]:
    """
    What became of each letter, after little more than `seconds` at the most. To be
    called in `a_place`.
    """
    loop = asyncio.new_event_loop()
    try:
        remaining = _Remaining(timeouts, seconds)
        return loop.run_until_complete(_one_by_one(letters, server, remaining))
    finally:
        loop.close()  # asyncio.run would wait for a host name that nobody resolves


async def _one_by_one(
    letters: Sequence[Letter], server: Server, timeouts: Mapping[str, float]
) -> list[Outcome]:
    found: list[Outcome] = []
    connection: Connection | None = None
    for letter in letters:
        connection = await usable_for(letter, connection)
        try:
            # In lock-step: what a server says about PIPELINING is not put to the test.
            connection = connection or await Connection.open(
                server, timeouts, pipelining=False
            )
        except Failed as failed:  # the others would hear the same
            rest = len(letters) - len(found)
            return found + [outcome(failed.exchange)] * rest
        try:
            exchange = await connection.send(letter, before_body=lambda: None)
        except Unreadable as error:
            found.append(not_composed(str(error)))
        else:
            found.append(outcome(exchange))
    if connection is not None:
        await connection.close()
    return found
