"""
The built-in mail catcher: takes every message and keeps it as a file.

It delivers nothing to anybody. So that a demo shows what mail servers do, it plays
their moods by address: `bad+…` and `bad.…` are unknown, `full.…` has no room left,
`grey+…` and `grey.…` are turned away at the first try.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailsvc import ports

KEEP = 5_000  # messages
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_IDLE_SECONDS = 300.0  # RFC 5321 4.5.3.2.7

# What the delivery engine writes: the delivery, the run's key, the sender's domain;
# of a test, the user who has sent it.
_OUR_MESSAGE_ID = re.compile(r"<([dt])([1-9][0-9]{0,18})\.[0-9A-Za-z]{1,32}@[^<>@\s]+>")


class Outbox:
    """A directory of messages `<time-ns>-<delivery id or 0>.eml`, the newest kept."""

    def __init__(self, directory: Path, *, keep: int) -> None:
        self._directory = directory
        self._keep = keep
        self._last = 0
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count = len(self._messages())

    def add(self, content: bytes) -> Path:
        """Complete or not at all: a reader never sees half a message."""
        self._last = max(time.time_ns(), self._last + 1)
        path = self._directory / f"{self._last}-{origin(content)}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(content)
        unfinished.rename(path)
        self._count += 1
        if self._count > self._keep + self._keep // 10:
            self._forget_the_oldest()
        return path

    def _messages(self) -> list[Path]:
        # By time, as all times of this age have 19 digits.
        return sorted(self._directory.glob("*.eml"))

    def _forget_the_oldest(self) -> None:
        messages = self._messages()
        for path in messages[: -self._keep]:
            path.unlink(missing_ok=True)
        self._count = min(len(messages), self._keep)


def origin(content: bytes) -> str:
    """
    Of which delivery this message is, by its Message-ID, or t and the user whose test
    it is; 0 if it is not ours.
    """
    message_id = BytesHeaderParser().parsebytes(content).get("Message-ID", "")
    found = _OUR_MESSAGE_ID.fullmatch(str(message_id).strip())
    if found is None:
        return "0"
    return found[2] if found[1] == "d" else f"t{found[2]}"


class Moods:
    """The reply to a recipient, by the first letters of the address."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def reply(self, address: str) -> str:
        """In the words of SMTP; empty if the recipient is welcome."""
        address = address.lower()
        if address.startswith(("bad+", "bad.")):
            return "550 5.1.1 No such mailbox here"
        if address.startswith("full."):
            return "452 4.2.2 The mailbox is full"
        if address.startswith(("grey+", "grey.")) and address not in self._seen:
            self._seen.add(address)
            return "451 4.7.1 Greylisted, try again later"
        return ""


class Handler:
    """What aiosmtpd asks; the names are its."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._moods = Moods()

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        refusal = self._moods.reply(address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        try:
            self._outbox.add(envelope.original_content or b"")
        except OSError as error:
            return f"452 4.3.1 Not kept: {error.strerror}"
        return "250 2.0.0 Kept"


async def serve(
    host: str, port: int, outbox: Outbox, *, when_up: Callable[[], None]
) -> None:
    """Until SIGTERM or SIGINT. Raises OSError if nobody can listen there."""
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    handler = Handler(outbox)
    server = await loop.create_server(lambda: _conversation(handler), host, port)
    when_up()
    await asked_to_stop.wait()
    server.close()


def _conversation(handler: Handler) -> SMTP:
    return SMTP(
        handler,
        hostname="mailcatcher.localhost",
        ident="mailsvc mail catcher",
        data_size_limit=MAX_MESSAGE_BYTES,
        timeout=_IDLE_SECONDS,
        enable_SMTPUTF8=True,
    )


class Command(BaseCommand):
    help = (
        "Runs a mail server that delivers nothing and keeps every message as a file "
        "for the Outbox page. It refuses recipients named bad.… or bad+…, has no room "
        "for full.…, and turns grey.… and grey+… away at the first try."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Default: 127.0.0.1.")
        parser.add_argument(
            "--port", help="Default: the environment's MAILCATCHER_PORT, or 2525."
        )
        parser.add_argument(
            "--dir",
            type=Path,
            default=settings.MAILCATCHER_DIR,
            help=f"Where the messages are kept. Default: {settings.MAILCATCHER_DIR}",
        )
        parser.add_argument(
            "--keep",
            type=int,
            default=KEEP,
            help=f"How many messages are kept, at least. Default: {KEEP}.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], self._port(options["port"])
        if options["keep"] < 1:
            raise CommandError("--keep is a number from 1 on.")
        if trouble := ports.trouble_with(host, port):
            raise CommandError(
                f"Port {port} of {host}: {trouble}. Choose another one with --port."
            )
        try:
            outbox = Outbox(options["dir"], keep=options["keep"])
        except OSError as error:
            raise CommandError(f"{options['dir']}: {error.strerror}") from error

        def say_so() -> None:
            self.stdout.write(f"Mail for {host}:{port} is kept in {options['dir']}")
            self.stdout.flush()

        asyncio.run(serve(host, port, outbox, when_up=say_so))

    def _port(self, option: str | None) -> int:
        if option is not None:
            os.environ["MAILCATCHER_PORT"] = option
        try:
            return ports.from_environment("MAILCATCHER_PORT", 2525)
        except ValueError as error:
            raise CommandError(str(error)) from error
