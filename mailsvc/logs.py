"""
Lines of the log: one a record, with what it is about: the request, the lease, the run.

As text for people or, by LOG_FORMAT, as JSON for programs. No bodies, no secrets, no
recipient's address: a delivery is told by its number.
"""

import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailsvc.validators import one_line

# What `extra` and `about` may name.
FIELDS = ("mailing", "run", "delivery", "attempt", "lease", "host")


@dataclass
class RequestContext:
    address: str
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    user_id: int | None = None

    def __str__(self) -> str:
        user = f" user={self.user_id}" if self.user_id else ""
        return f"[{self.request_id} from={self.address}{user}] "


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)
_about: ContextVar[Mapping[str, object]] = ContextVar("about", default={})  # noqa: B039


@contextmanager
def request_context(address: str) -> Iterator[RequestContext]:
    context = RequestContext(address)
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Every line from within names these, like `lease=7`."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def set_user(user_id: int) -> None:
    """Whose request it is, once that is known."""
    context = _current.get()
    if context is not None:
        context.user_id = user_id


def _request_of(record: logging.LogRecord) -> RequestContext | None:
    # Django tells of a refusal when the request is over, and hands it along.
    of_record = getattr(getattr(record, "request", None), "context", None)
    return _current.get() or of_record


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    known = {**_about.get(), **vars(record)}
    return {name: known[name] for name in FIELDS if known.get(name) is not None}


class OneLineFormatter(logging.Formatter):
    """
    Nobody writes a second line by a line break in a path or a subject. Where it was
    raised stands below an error, as always.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={v}" for name, v in _fields_of(record).items())
        record.message = one_line(record.message) + fields
        record.context = _request_of(record) or ""
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One object a line; where an error was raised is a field of it."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": one_line(record.getMessage()),
            **_fields_of(record),
        }
        request = _request_of(record)
        if request is not None:
            line |= {"request": request.request_id, "from": request.address}
            if request.user_id:
                line["user"] = request.user_id
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class WithoutTraces(logging.Filter):
    """
    A request that is refused (another host's name, no right to it) is somebody's doing
    out there: one line says so, and where in Django it was noticed tells nothing.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class PatientHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """A log that can't be written, its disk being full, is lost; nothing else is."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Says nothing about it: there is nowhere to say it."""
