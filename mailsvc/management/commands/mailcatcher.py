"""The built-in mail catcher, see mailsvc.catcher."""

import asyncio
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailsvc import catcher, ports

KEEP = 5_000


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
            outbox = catcher.Outbox(options["dir"], keep=options["keep"])
        except OSError as error:
            raise CommandError(f"{options['dir']}: {error.strerror}") from error
        self.stdout.write(f"Mail for {host}:{port} is kept in {options['dir']}")
        self.stdout.flush()
        asyncio.run(catcher.serve(host, port, outbox))

    def _port(self, option: str | None) -> int:
        if option is not None:
            os.environ["MAILCATCHER_PORT"] = option
        try:
            return ports.from_environment("MAILCATCHER_PORT", 2525)
        except ValueError as error:
            raise CommandError(str(error)) from error
