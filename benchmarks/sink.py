"""
A mail server that takes everything, forgets it, and is as far away as one likes.

Each reply leaves `--delay-ms` after its command came: a round trip. What came
together waits once, as over a real line. At the end (SIGTERM) it prints how many
messages, recipients and connections there were, as JSON.

    python -m benchmarks.sink --delay-ms 20 [--no-pipelining]
"""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass, field


@dataclass
class Sink:
    delay: float
    pipelining: bool
    messages: int = 0
    connections: int = 0
    reads: int = 0
    recipients: set[bytes] = field(default_factory=set)

    def extensions(self) -> bytes:
        lines = [b"sink.example.com", b"8BITMIME", b"SIZE 10485760"]
        if self.pipelining:
            lines.append(b"PIPELINING")
        *others, last = lines
        return b"".join(b"250-%s\r\n" % line for line in others) + b"250 %s\r\n" % last


class Talk(asyncio.Protocol):
    """One connection. No command is ever refused."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._in_body = False
        self._scanned = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sink.connections += 1
        self._say(b"220 sink.example.com ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._sink.reads += 1
        self._buffer += data
        replies = b""
        while (reply := self._next_reply()) is not None:
            replies += reply
        if replies:
            self._say(replies)

    def _say(self, replies: bytes) -> None:
        if self._sink.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self._sink.delay, self._transport.write, replies)
        else:
            self._transport.write(replies)

    def _next_reply(self) -> bytes | None:
        if self._in_body:
            return self._end_of_body()
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return self._answer(line)

    def _end_of_body(self) -> bytes | None:
        end = self._buffer.find(b"\r\n.\r\n", max(0, self._scanned - 4))
        if end < 0:
            self._scanned = len(self._buffer)
            return None
        del self._buffer[: end + 5]
        self._in_body, self._scanned = False, 0
        self._sink.messages += 1
        return b"250 2.0.0 Ok: queued as %X\r\n" % self._sink.messages

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._sink.recipients.add(line)
        elif verb == b"DATA":
            self._in_body = True
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        elif verb == b"EHLO":
            return self._sink.extensions()
        elif verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.0.0 Ok\r\n"


async def _serve(sink: Sink, port: int) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    listener = await loop.create_server(
        lambda: Talk(sink), "127.0.0.1", port, backlog=1024
    )
    sys.stdout.write(f"{listener.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await over.wait()
    counted = {**asdict(sink), "recipients": len(sink.recipients)}
    sys.stdout.write(json.dumps(counted) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--no-pipelining", action="store_true")
    options = parser.parse_args()
    sink = Sink(options.delay_ms / 1000, not options.no_pipelining)
    asyncio.run(_serve(sink, options.port))


if __name__ == "__main__":
    main()
