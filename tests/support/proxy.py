"""
A way to a TCP server that can be interrupted, for tests:

    with Proxy(5432) as proxy:
        ...  # talk to 127.0.0.1:proxy.port
        proxy.cut()  # all connections are dropped, new ones too, until
        proxy.mend()
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_AT_ONCE = 65_536


class Proxy:
    """
    `hold()` keeps what is sent and says nothing, as a network does that has gone away;
    `swallow(words)` lets the next request with these bytes through, and drops the
    connection instead of handing on what the server answers.
    """

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self.port = 0
        self.swallowed = 0
        self._target = (host, port)
        self._words = b""
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._talks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._call(self._stopped.set)
        self._thread.join(10)

    # --- from any thread ---

    def cut(self) -> None:
        self._call(self._cut)

    def hold(self) -> None:
        self._call(self._flows.clear)

    def mend(self) -> None:
        self._call(self._mend)

    def swallow(self, words: bytes) -> None:
        self._words = words

    def _call(self, function: Callable[[], None]) -> None:
        done = threading.Event()

        def call() -> None:
            function()
            done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(10)

    # --- in the loop ---

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def _mend(self) -> None:
        self._is_cut = False
        self._flows.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped, self._flows = asyncio.Event(), asyncio.Event()
        self._flows.set()
        listener = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        listener.close()
        self._cut()
        self._flows.set()
        await asyncio.gather(*self._talks)

    def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        talk = asyncio.create_task(self._converse(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, away = await asyncio.open_connection(*self._target)
        both = (writer, away)
        self._writers.update(both)
        doomed = asyncio.Event()
        try:
            await asyncio.gather(
                self._requests(reader, away, doomed),
                self._answers(there, writer, doomed),
            )
        except OSError:  # one side is gone, or is to believe so
            pass
        finally:
            self._writers.difference_update(both)
            for each in both:
                each.transport.abort()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        away: asyncio.StreamWriter,
        doomed: asyncio.Event,
    ) -> None:
        while data := await reader.read(_AT_ONCE):
            await self._flows.wait()
            if self._words and self._words in data:
                self._words = b""
                doomed.set()
            away.write(data)
            await away.drain()
        with suppress(OSError):
            away.write_eof()

    async def _answers(
        self,
        there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        doomed: asyncio.Event,
    ) -> None:
        while data := await there.read(_AT_ONCE):
            await self._flows.wait()
            if doomed.is_set():
                self.swallowed += 1
                raise ConnectionAbortedError
            writer.write(data)
            await writer.drain()
        writer.close()
