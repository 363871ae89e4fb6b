"""
Keeps several connections busy, in a thread and an event loop of its own.

The pump's thread owns the database, this one the sockets: letters go in, results
come out. Nothing here knows what a database is.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from math import inf

from mailings.delivery.breaks import Breaks
from mailings.delivery.clock import clock
from mailings.delivery.journal import Journal, Result
from mailings.delivery.letter import Letter, NotBegun, Unreadable
from mailings.delivery.loop import BeforeWaiting
from mailings.delivery.refusals import Refusals
from mailings.delivery.replies import Outcome, Phase, Verdict, outcome
from mailings.delivery.smtp import Connection, usable_for
from mailings.delivery.threads import afterwards
from mailings.delivery.throttle import Throttle
from mailings.delivery.tray import Takings, Tray, named
from mailings.delivery.troubles import Failed, Server
from mailings.delivery.wire import within

logger = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE = 0.5  # seconds until the same connection is tried again


class Courier:
    """
    Carries letters over up to `connections` connections to `server`. Every letter that
    was submitted ends in exactly one of: a result in `collect()`, or `recall()`, which
    hands back those that have not been begun.
    """

    def __init__(
        self,
        server: Server,
        journal: Journal,
        *,
        connections: int,
        timeouts: Mapping[str, float],
        batch: int,
        rests: Sequence[float],
        per_domain: int = 0,
        is_probe: bool = False,
        pipelining: bool = True,
    ) -> None:
        """
        `rests` are the seconds until a connection that was given up is tried again,
        growing. At most `per_domain` letters of one domain are under way; 0 is as many
        as do no harm. A probe is one connection until the first result is there.
        """
        self._server, self._journal = server, journal
        self._timeouts = timeouts
        self._batch, self._rests = batch, rests
        self._pipelining = pipelining
        self._is_probe = is_probe
        self._tray = Tray(Throttle(connections, per_domain=per_domain))
        self._takings = Takings()
        self._refusals = Refusals()
        self._breaks = Breaks()
        self._quickest = inf  # seconds for an answer of this server's
        self._seats, self._resting = connections, 0
        self._lock = threading.Lock()  # guards the five above
        self._news = threading.Event()
        self._lease_until = 0.0
        self._handed_over: dict[int, bool] = {}  # bodies; true: without an outcome yet
        self.failure = ""  # why nothing is handed over any more; ours, not the server's
        self._closing = False
        self._ready, self._welcome = asyncio.Event(), asyncio.Event()
        self._end = asyncio.Event()
        self._loop = asyncio.SelectorEventLoop(BeforeWaiting(self._put_down))
        self._started, self._ended = threading.Event(), threading.Event()
        # In the pump's context: its lines of the log name the lease, and these do, too.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="courier", daemon=True
        )

    # --- called by the pump's thread ---

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def renew(self, lease_until: float) -> None:
        """The lease is good until then (by `clock()`); after it nothing is begun."""
        self._lease_until = lease_until

    def submit(self, letters: Iterable[Letter]) -> None:
        self._tray.put(letters)
        self._call(self._ready.set)

    @property
    def backlog(self) -> int:  # letters that no connection has taken yet
        return self._tray.backlog

    @property
    def unfinished(self) -> int:  # without a result so far, and perhaps with one later
        return 0 if self._ended.is_set() else self._tray.unfinished

    @property
    def broken(self) -> set[int]:  # deliveries: see `Breaks`
        return self._breaks.deliveries

    @property
    def has_connections(self) -> bool:
        return self._seats > 0 and not self._ended.is_set()

    def collect(self, seconds: float) -> Takings:
        """What has come in, after waiting for a batch or `seconds`."""
        self._news.wait(seconds)
        self._news.clear()
        with self._lock:
            takings, self._takings = self._takings, Takings()
        return takings

    def recall(
        self, wanted: Callable[[Letter], bool], *, announced: bool = True
    ) -> list[Letter]:
        """
        Takes back the letters not begun yet that are `wanted`. Those that are
        `announced`, their envelope having flown ahead, cost a connection each.
        """
        return self._tray.recall(wanted, announced=announced)

    def put_off(self) -> dict[int, float]:
        """Takes back what can't go soon: delivery -> seconds until it could."""
        return self._tray.put_off()

    def let_go_on(self, run_id: int) -> None:
        """What is left of the run may be sent; its refusals are counted anew."""
        with self._lock:
            self._refusals.forget(run_id)
        self._tray.let_go_on(run_id)
        self._call(self._ready.set)

    def close(self) -> None:
        """Ends the connections after what is in hand, for which it waits once only."""
        is_first, self._closing = not self._closing, True
        self._call(self._wake_all)
        while is_first and not self._ended.wait(1):
            self._call(self._wake_all)  # its thread may have had no memory to hear it

    def when_ended(self, then: Callable[[], None]) -> None:
        """Calls it as soon as nothing here uses a file any more."""
        afterwards(self._ended, then)

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # its thread may have ended
            self._loop.call_soon_threadsafe(function)

    # --- the courier's own thread ---

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._work())
            self._put_down()
        except BaseException as error:  # no memory, above all
            self.failure = self.failure or repr(error)
            logger.exception("The connections have failed.")
        finally:
            self._started.set()
            self._ended.set()

    def _wake_all(self) -> None:
        for event in (self._ready, self._welcome, self._end):
            event.set()

    async def _work(self) -> None:
        self._started.set()
        for seat in asyncio.as_completed(map(self._carry, range(self._seats))):
            try:
                await seat
            except Exception as error:  # over no letter: no memory, above all
                logger.exception("A connection's task failed.")
                self._give_up(repr(error))

    async def _carry(self, seat: int) -> None:
        """One connection: takes letter after letter until there is no more work."""
        if seat > 0:  # nobody knocks at a dead server with all connections at once
            await self._welcome.wait()
        connection: Connection | None = None
        proven = False  # has served since it was opened, or since it last failed
        rests = 0
        ahead: list[Letter] = []  # one at most: taken, as its envelope has left
        try:
            while (letter := await self._next_letter(ahead)) is not None:
                if connection is not None and not connection.can_send(letter):
                    connection = await usable_for(letter, connection)
                try:
                    if connection is None:
                        connection = await Connection.open(
                            self._server, self._timeouts, pipelining=self._pipelining
                        )
                        if not self._is_probe:  # a probed one has to show more
                            self._welcome.set()
                    answered = await self._hand_over(letter, connection, ahead)
                except Failed as failure:
                    self._give_back(letter)
                    connection = await usable_for(letter, connection)
                    if not proven and not await self._go_on_after(failure, rests):
                        return
                    rests += not proven
                    proven = False
                except Unreadable as reason:
                    self._note_not_taken(letter)  # nor ever whole on its way
                    self._set_aside(letter, str(reason))
                    connection = await usable_for(letter, connection)
                except NotBegun as reason:
                    self._give_back(letter)
                    self._give_up(str(reason))
                except Exception as error:
                    logger.exception("A connection's task failed.", extra=named(letter))
                    self._account_for(letter, error)
                    self._give_up(str(error) or type(error).__name__)
                else:
                    self._handed_over.pop(letter.delivery_id, None)  # no sooner
                    if answered:
                        proven, rests = True, 0
                    else:  # no answer: time to see whether others get one
                        await asyncio.sleep(_PAUSE_AFTER_FAILURE)
                if self.failure:
                    return
        finally:
            for letter in filter(self._tray.begin, ahead):
                self._give_back(letter)
            with self._lock:
                self._seats -= 1
                self._news.set()
            if connection is not None:
                await connection.close()

    async def _next_letter(self, ahead: list[Letter]) -> Letter | None:
        while not (self._closing or self.failure):
            if (ahead or self._tray.has_letters) and clock() >= self._lease_until:
                await asyncio.sleep(0.05)  # until the lease is renewed
            elif ahead:
                if self._tray.begin(letter := ahead.pop()):
                    return letter
            elif taken := self._take(self._tray.take):
                return taken
            else:
                self._ready.clear()
                await within(self._tray.rest, self._ready)
        return None

    def _take(self, take: Callable[[], Letter | None]) -> Letter | None:
        if clock() >= self._lease_until:
            return None
        letter = take()
        if self._tray.backlog in (self._batch // 2, 2 * self._seats):
            self._news.set()  # time to claim more
        return letter

    async def _hand_over(
        self, letter: Letter, connection: Connection, ahead: list[Letter]
    ) -> bool:
        """
        True if there was an answer. `ahead` gets the letter that the connection's next
        words were about.
        """
        started_at, begun = datetime.now(UTC), time.monotonic()
        flights = connection.flights
        self._tray.set_out(letter)

        def before_body() -> None:
            # First on record, then a last look at the lease: whoever took it over
            # meanwhile finds this letter in doubt, and not among the unsent.
            try:
                self._journal.handing_over(letter.delivery_id)
            except OSError as error:
                raise NotBegun(f"The journal can't be written: {error}") from error
            if clock() >= self._lease_until or self._journal.is_taken:
                raise NotBegun("The lease has run out.")
            self._handed_over[letter.delivery_id] = True

        def following() -> Letter | None:
            # The last ones are for who has none: nobody waits beside an idle seat.
            if self._closing or self.failure or self._tray.backlog <= self._seats:
                return None
            if then := self._take(partial(self._tray.announce, letter)):
                ahead.append(then)
            return ahead[0] if ahead else None

        said = await connection.send(
            letter, before_body=before_body, following=following
        )
        if connection.out_of_step:
            self._pipelining = False  # for connections that are opened from now on
        verdict = outcome(said)
        if not verdict.is_attempt:
            verdict = self._breaks.blame(letter.delivery_id, verdict)
        if not verdict.is_attempt:
            if said.phase is Phase.DOT:
                self._note_not_taken(letter)
            raise Failed(said)
        took = int((time.monotonic() - begun) * 1000)
        self._quickest = min(self._quickest, connection.quickest)
        self._enter(
            letter,
            Result(letter.delivery_id, verdict, started_at, took),
            road=(connection.flights - flights) * self._quickest,
        )
        return not verdict.is_unknown

    def _note_not_taken(self, letter: Letter) -> None:
        self._handed_over.pop(letter.delivery_id, None)
        # Without the line it would be in doubt after a kill, and not doubled.
        with contextlib.suppress(OSError):
            self._journal.not_taken(letter.delivery_id)

    def _account_for(self, letter: Letter, error: Exception) -> None:
        """After a failure of our own; what has an outcome is left to the journal."""
        is_open = self._handed_over.get(letter.delivery_id)
        if is_open is None:  # certainly not begun
            self._give_back(letter)
        elif is_open:
            doubt = Outcome(Verdict.UNKNOWN, Phase.DOT, None, "", repr(error))
            self._enter(letter, Result(letter.delivery_id, doubt, datetime.now(UTC), 0))

    def _give_up(self, reason: str) -> None:
        """Ends all seats: here, not at the server, something is wrong."""
        logger.error("Nothing is handed over any more: %s", reason)
        with self._lock:
            self.failure = reason
            self._news.set()
        self._wake_all()

    def _enter(self, letter: Letter, result: Result, *, road: float = 0.0) -> None:
        """`road` are the seconds that it was on the way, whoever it is for."""
        self._journal.received(result)
        self._handed_over[result.delivery_id] = False  # never again, whatever fails now
        with self._lock:
            self._breaks.server_works = True
            self._takings.results.append(result)
            is_batch = len(self._takings.results) >= self._batch
            is_refused = self._refusals.note(letter.run_id, result.outcome)
            if is_refused:
                self._tray.stop(letter.run_id)
                self._takings.refusals[letter.run_id] = result.outcome
        self._tray.done(letter, result, road=road)
        if is_batch or is_refused or not self._tray.has_letters:
            self._news.set()
        self._ready.set()  # there may be room for a domain that waited
        self._welcome.set()

    def _put_down(self) -> None:
        """What was received in this moment, before this thread waits for more."""
        try:
            self._journal.flush()
        except OSError as error:  # the results count, and are the last ones
            if not self.failure:
                self._give_up(f"The journal can't be written: {error}")

    def _set_aside(self, letter: Letter, why: str) -> None:
        """With all of its run: a file of it can't be read. Others' go on."""
        with self._lock:
            self._tray.stop(letter.run_id)
            self._takings.unreadable[letter.run_id] = why
            self._news.set()
        self._give_back(letter)

    def _give_back(self, letter: Letter) -> None:
        self._tray.give_back(letter)
        self._ready.set()  # another seat may be waiting for work

    async def _go_on_after(self, failure: Failed, rests: int) -> bool:
        """
        After a failure out there, false if this seat is given up. While others work, it
        may just be one too many: it rests, longer each time, and tries again.
        """
        trouble = outcome(failure.exchange)
        with self._lock:
            others_work = self._welcome.is_set() and self._seats - self._resting > 1
            rests_now = others_work and trouble.verdict is Verdict.SERVER
            if not rests_now:
                self._takings.troubles.append(trouble)
                self._news.set()
            self._resting += rests_now
        if trouble.verdict is Verdict.ACCOUNT:  # knocking again makes it worse
            return False
        if rests_now:
            logger.info("One connection less: %s", failure)
            await within(self._rests[min(rests, len(self._rests) - 1)], self._end)
        else:
            await within(_PAUSE_AFTER_FAILURE, self._end)
        with self._lock:
            self._resting -= rests_now
        return not self._closing
