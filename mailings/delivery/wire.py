"""The bytes of one connection: what leaves, and the replies that come."""

import asyncio

from mailings.delivery.replies import BYTES_LIMIT, Garbled, Reply, take_reply

EARLY = "The server replied before it had the message."


class Wire(asyncio.Protocol):
    """Bytes in, replies out; knows whether all that was written has left."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.buffer = bytearray()
        self.lost = ""
        self._flushed = True
        self._wants_silence = False
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self.transport = transport
        # pause_writing shall tell that something has not left yet. Over TLS a mark of
        # 0 makes asyncio say so at every second write, even when all has left.
        is_encrypted = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=1 if is_encrypted else 0, low=0)
        self._flushed = True

    def data_received(self, data: bytes) -> None:
        self.buffer += data
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
        self._wake()

    def pause_writing(self) -> None:
        self._flushed = False

    def resume_writing(self) -> None:
        self._flushed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _something_happens(self, until: float) -> None:
        """Raises TimeoutError if nothing does before the loop's clock says so."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        # Less than a third of what asyncio.timeout() takes.
        timer = loop.call_at(until, _too_late, self._waiter)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def reply(self, seconds: float) -> Reply:
        """The next reply, whole, within `seconds`."""
        reply = take_reply(self.buffer)
        if reply is not None:
            return reply
        until = asyncio.get_running_loop().time() + seconds
        while True:
            if self.lost:
                raise ConnectionError(self.lost)
            await self._something_happens(until)
            reply = take_reply(self.buffer)
            if reply is not None:
                return reply

    def write(self, data: bytes) -> None:
        """Raises ConnectionError where asyncio would drop it without a word."""
        if self.lost or self.transport.is_closing():
            raise ConnectionError(self.lost or "The connection broke.")
        self.transport.write(data)

    @property
    def has_left(self) -> bool:
        """All that was written."""
        return self._flushed

    async def flush(self, seconds: float) -> bool:
        """
        Waits until everything written has left this process. False: the server has
        begun to refuse it before that; anything else that it says ends the connection.
        """
        until = asyncio.get_running_loop().time() + seconds
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


def _too_late(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
