"""The bytes of one connection: what leaves, and the replies that come."""

import asyncio
import contextlib
from math import inf

from mailings.delivery.replies import BYTES_LIMIT, Garbled, Reply, take_reply

EARLY = "The server replied before it had the message."
_AT_A_TIME = 8 * 1024  # bytes; what is read without a buffer of its own is copied less


class Wire(asyncio.BufferedProtocol):
    """Bytes in, replies out; knows whether all that was written has left."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.buffer = bytearray()
        self.lost = ""
        self._flushed = True
        self._wants_silence = False
        self._loop = asyncio.get_running_loop()
        self._incoming = memoryview(bytearray(_AT_A_TIME))
        self.flights = 0  # of words of ours that were answered
        self.quickest = inf  # seconds for an answer: the road's own, at the most
        self._said_at = 0.0  # what nothing has been heard of so far
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0  # by the loop's clock: so long is waited
        self._alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self.transport = transport
        # pause_writing shall tell that something has not left yet. Over TLS a mark of
        # 0 makes asyncio say so at every second write, even when all has left.
        is_encrypted = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=1 if is_encrypted else 0, low=0)
        self._flushed = True

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        self.buffer += self._incoming[:nbytes]
        if self._wants_silence and not self._flushed and self.buffer[:1] not in b"45":
            # In this very moment, as the end is still here: it is certain.
            self.lost = EARLY
            self.transport.abort()
        if len(self.buffer) > 2 * BYTES_LIMIT:  # nobody reads that much
            self.lost = "The server does not stop talking."
            self.transport.abort()
        self._wake()

    def eof_received(self) -> bool:
        self.lost = self.lost or "The server closed the connection."
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or (
            f"The connection broke: {exc}"
            if exc
            else "The server closed the connection."
        )
        if self._alarm is not None:
            self._alarm.cancel()
        self._wake()

    def pause_writing(self) -> None:
        self._flushed = False

    def resume_writing(self) -> None:
        self._flushed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _something_happens(self, until: float) -> "asyncio.Future[None]":
        """Fails with TimeoutError if nothing does before the loop's clock says so."""
        self._waiter = self._loop.create_future()
        self._until = until
        # One alarm for many waits, which hardly ever rings: a timer for each of them,
        # and its removal, would take longer than the wait's other parts together.
        if self._alarm is None or self._alarm.when() > until:
            self._set_alarm()
        return self._waiter

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._until:  # it was set for an earlier wait
            self._set_alarm()
        else:
            self._waiter.set_exception(TimeoutError())

    def say(self, words: bytes) -> None:
        """Raises ConnectionError where asyncio would drop it without a word."""
        if self.lost or self.transport.is_closing():
            raise ConnectionError(self.lost or "The connection broke.")
        self._said_at = self._loop.time()
        self.transport.write(words)

    def heard(self) -> Reply | None:
        """The next reply, if it is here."""
        reply = take_reply(self.buffer) if self.buffer else None
        if reply is not None and self._said_at:
            self.flights += 1
            self.quickest = min(self.quickest, self._loop.time() - self._said_at)
            self._said_at = 0.0
        return reply

    async def reply(self, seconds: float) -> Reply:
        """The next reply, whole, within `seconds`."""
        until = self._loop.time() + seconds
        while (reply := self.heard()) is None:
            if self.lost:
                raise ConnectionError(self.lost)
            await self._something_happens(until)
        return reply

    @property
    def has_left(self) -> bool:
        """All that was written."""
        return self._flushed

    async def flush(self, seconds: float) -> bool:
        """
        Waits until everything written has left this process. False: the server has
        begun to refuse it before that; anything else that it says ends the connection.
        """
        until = self._loop.time() + seconds
        self._wants_silence = True
        try:
            while not self._flushed:
                if self.lost:
                    raise (Garbled if self.lost == EARLY else ConnectionError)(
                        self.lost
                    )
                if self.buffer:
                    return False
                await self._something_happens(until)
        finally:
            self._wants_silence = False
        return True


async def within(seconds: float | None, event: asyncio.Event) -> None:
    """Until the event is there, or the time is over; None is no limit."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
