"""What the commands share: `--json`, exit codes, a progress bar."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.utils import OperationalError, ProgrammingError

from mailsvc import shutdown


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command did: for a program, for a person, and whether it went well."""

    data: dict[str, Any]
    text: str
    failure: str = ""


class ServiceCommand(BaseCommand):
    """
    Exits with 0 on success, 1 on failure and 2 on wrong use.

    Subclasses write `add_options` and `work`. With `--json` the last line of stdout
    is one JSON object, `{"error": …}` if there was nothing else to tell; errors in
    words go to stderr.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_options(parser)
        parser.add_argument(
            "--json",
            action="store_true",
            help="Print the result as one JSON object (the last line of the output).",
        )

    def add_options(self, parser: CommandParser) -> None:
        """Adds the options of this command."""

    def work(self, options: dict[str, Any]) -> Outcome:
        """Does it. Raises CommandError in words if it can't be done."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = self._work_in_words(options)
        except CommandError as error:
            if options["json"]:
                self._print_json({"error": str(error)})
            raise
        if options["json"]:
            self._print_json(outcome.data)
        else:
            self.stdout.write(outcome.text)
        if outcome.failure:
            raise CommandError(outcome.failure)

    def _work_in_words(self, options: dict[str, Any]) -> Outcome:
        try:
            return self.work(options)
        except (OperationalError, ProgrammingError) as error:
            # No server, no table, a locked file: what the administrator has to mend.
            raise CommandError(
                f"The database does not answer as it should: {error}".strip()
                + " (Has `manage.py migrate` been run?)"
            ) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted. What was done before stays.") from None

    def _print_json(self, data: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder))

    def progress(self, label: str) -> "Progress":
        return Progress(self.stderr, label)


_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """
    SIGINT and SIGTERM ask, by `shutdown`, for an end after what is being done; a
    second one ends the process as usual.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    usual = {number: signal.getsignal(number) for number in _STOP_SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        shutdown.request()
        signal.signal(number, usual[signal.Signals(number)])

    for number in usual:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        shutdown.reset()


class Progress:
    """A bar in the last line of a terminal; silent where there is no terminal."""

    WIDTH = 30
    INTERVAL = 0.1  # seconds between two pictures

    def __init__(self, stream: Any, label: str) -> None:
        self._stream: TextIO = stream
        self._label = label
        self.visible = bool(stream.isatty())
        self._drawn_at = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn_at:
            self._put("\r\x1b[K")

    def show(self, done: int, total: int) -> None:
        """Draws `done` of `total`, but not more often than the eye can follow."""
        if not self.visible or time.monotonic() - self._drawn_at < self.INTERVAL:
            return
        self._drawn_at = time.monotonic()
        share = min(1.0, done / total) if total else 1.0
        bar = ("#" * round(share * self.WIDTH)).ljust(self.WIDTH, "·")
        self._put(f"\r{self._label} [{bar}] {share:4.0%}\x1b[K")

    def _put(self, text: str) -> None:
        # Django's wrapper would end each piece with a new line, and paint it red.
        self._stream.write(text, style_func=str, ending="")  # type: ignore[call-arg]
        self._stream.flush()
