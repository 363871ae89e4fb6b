"""Lines of the log: one a record, with the request that it belongs to."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from mailsvc.validators import one_line


@dataclass
class RequestContext:
    address: str
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    user_id: int | None = None

    def __str__(self) -> str:
        user = f" user={self.user_id}" if self.user_id else ""
        return f"[{self.request_id} from={self.address}{user}] "


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


@contextmanager
def request_context(address: str) -> Iterator[RequestContext]:
    context = RequestContext(address)
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def set_user(user_id: int) -> None:
    """Whose request it is, once that is known."""
    context = _current.get()
    if context is not None:
        context.user_id = user_id


class OneLineFormatter(logging.Formatter):
    """
    Nobody writes a second line by a line break in a path or a subject. Where it was
    raised stands below an error, as always.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        # Django tells of a refusal when the request is over, and hands it along.
        of_record = getattr(getattr(record, "request", None), "context", None)
        record.message = one_line(record.message)
        record.context = _current.get() or of_record or ""
        return super().formatMessage(record)
