"""
A mail server that does as it is told, for tests: in a thread

    with SmtpServer({"rcpt": {"bad@example.com": b"550 5.1.1 No\\r\\n"}}) as server:
        ...  # talk to 127.0.0.1:server.port
    assert [mail.recipient for mail in server.received] == [...]

or in a process of its own (`SmtpProcess`), which prints its port and keeps a ledger:

    python -m tests.support.smtp_server --ledger FILE

With no script it is a good server: strict about the order of commands, answers
pipelined commands in order, takes responsibility before it says so. `smtp_script`
has what it can be told. aiosmtpd is too well-behaved for most of that.
"""

import argparse
import asyncio
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.support.smtp_script import (
    MOODS,
    STAGES,
    USUAL,
    Act,
    Action,
    Context,
    Over,
    script_of_moods,
    script_of_whims,
)
from tests.support.smtp_talk import Conversation, Received

EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES")
_ROOT = Path(__file__).resolve().parents[2]
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class SmtpServer:
    """
    What happened is in `received`, `commands` (the lines), `connections` (opened so
    far), `open` (now), `peak` (open at once), `reads` (about: round trips) and
    `complaints` (what the client did that a standard forbids).
    """

    def __init__(
        self,
        script: Mapping[str, Act] | None = None,
        *,
        port: int = 0,
        extensions: tuple[str, ...] = EXTENSIONS,
        accounts: Mapping[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        max_connections: int | None = None,
        tls: ssl.SSLContext | None = None,
        delay: float = 0.0,
        always_354: bool = False,
        on_message: Callable[[Received], None] | None = None,
    ) -> None:
        self.script = dict(script or {})
        self.port = port
        self.accounts = accounts  # user -> password; then MAIL needs a login
        self.max_connections = max_connections  # the next one gets a 421
        self.tls = tls
        self.delay = delay  # seconds until the reply to each message
        self.always_354 = always_354  # RFC 2920 3.1: even if no recipient was good
        self.extensions = list(extensions)
        if accounts is not None:
            self.extensions.append(f"AUTH {mechanisms}")
        self.received: list[Received] = []
        self.commands: list[str] = []
        self.complaints: list[str] = []
        self.errors: list[Exception] = []  # of the script
        self.connections = self.open = self.peak = self.reads = 0
        self.take = on_message or self.received.append
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._talks: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None
        unknown = self.script.keys() - STAGES
        if unknown:
            raise ValueError(f"no such stage: {', '.join(sorted(unknown))}")

    def act(self, context: Context) -> Act:
        """What the script says about this moment, down to what can be done."""
        act, recipient = self.script.get(context.stage, USUAL), ""
        while not isinstance(act, bytes | Action):
            if isinstance(act, dict):
                recipient = context.recipients[-1] if context.recipients else ""
                try:
                    act = act[recipient]
                except KeyError:
                    act = act.get(None, USUAL)
            elif isinstance(act, list):
                key = (context.stage, recipient)
                place = min(self._occurrences[key], len(act) - 1)
                self._occurrences[key] += 1
                act = act[place]
            else:
                act = act(context)
        return act

    # --- in a thread ---

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        if self.errors:
            raise self.errors[0]

    def start(self) -> None:
        """Listens; after a `stop`, on the same port as before."""
        listening = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.serve(listening.set)), name="smtp-server"
        )
        self._thread.start()
        if not listening.wait(10):
            raise RuntimeError("the mail server did not start")

    def stop(self) -> None:
        """Drops all connections and listens no more."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)
            self._thread = None

    def wait_until(self, question: Callable[[], object], seconds: float = 10) -> None:
        """Waits until the question is answered with something true."""
        deadline = time.monotonic() + seconds
        while not question():
            if time.monotonic() > deadline:
                raise TimeoutError("what was waited for has not happened")
            time.sleep(0.005)

    # --- in the loop ---

    async def serve(self, when_listening: Callable[[], object]) -> None:
        """Serves until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        listening = socket.create_server(("127.0.0.1", self.port))
        # Else a kernel may take megabytes of a letter that nobody reads.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**18)
        listener = await asyncio.start_server(self._converse, sock=listening)
        self.port = listener.sockets[0].getsockname()[1]
        when_listening()
        await self._stopped.wait()
        listener.close()
        await asyncio.sleep(0.01)  # who was let in at this moment begins, too
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0)  # connections are closed in the loop's next turn

    def close(self) -> None:
        """Ends `serve`; to be called in the loop, by a signal handler for one."""
        self._stopped.set()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        self.connections += 1
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            await Conversation(self, self.connections, reader, writer).run()
        except (Over, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            self.open -= 1
            self._talks.discard(task)
            writer.close()


class SmtpProcess:
    """
    The server in a process of its own, which outlives the kill of its clients.

    `moods` are those of `smtp_script.MOODS` that addresses may ask for; `failing` is
    the share of messages that meet a fault, at random.
    """

    def __init__(
        self,
        ledger: Path,
        *,
        port: int = 0,
        delay_ms: float = 0,
        moods: tuple[str, ...] = (),
        max_connections: int | None = None,
        failing: float = 0,
    ) -> None:
        self.ledger = ledger
        self.port = port
        self._options = ["--ledger", str(ledger), f"--delay-ms={delay_ms}"]
        if moods:
            self._options += ["--moods", *moods]
        if max_connections is not None:
            self._options.append(f"--max-connections={max_connections}")
        if failing:
            self._options.append(f"--failing={failing}")
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Waits until it listens; after a `stop`, on the same port as before."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, f"--port={self.port}", *self._options],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the mail server did not start")
        self.port = int(line)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def taken(self) -> list[tuple[str, str]]:
        """(recipient, Message-ID) of what it took responsibility for, in order."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        pairs = (line.partition(" ") for line in lines)
        return [(recipient, message_id) for recipient, _, message_id in pairs]


def _ledger(path: Path) -> Callable[[Received], None]:
    """Writes a line per message: one write(), so that a kill leaves whole lines."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(mail: Received) -> None:
        head = mail.data.partition(b"\r\n\r\n")[0]
        found = _MESSAGE_ID.search(head)
        message_id = found[1] if found else b"-"
        os.write(file, mail.recipient.encode() + b" " + message_id + b"\n")

    return write


async def _main(server: SmtpServer) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.close)

    def tell() -> None:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()

    await server.serve(tell)


def main() -> None:
    parser = argparse.ArgumentParser(description="A mail server for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--moods", nargs="*", choices=sorted(MOODS), default=[])
    parser.add_argument("--max-connections", type=int)
    parser.add_argument("--failing", type=float, default=0, help="share, at random")
    options = parser.parse_args()
    script = script_of_moods(options.moods) if options.moods else {}
    if options.failing:
        script |= script_of_whims(options.failing, random.Random(1))
    server = SmtpServer(
        script,
        port=options.port,
        delay=options.delay_ms / 1000,
        max_connections=options.max_connections,
        on_message=_ledger(options.ledger),
    )
    asyncio.run(_main(server))


if __name__ == "__main__":
    main()
