"""What the built-in mail catcher has taken in: one file a mail, read here."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_binary_file, policy
from email.message import EmailMessage
from functools import cached_property
from heapq import nlargest
from pathlib import Path

from django.conf import settings

AT_MOST = 500  # mails that one view of the page looks at
_NAME = re.compile(
    r"(?P<nanoseconds>\d{15,20})-(?:(?P<delivery>\d{1,19})|t(?P<tester>\d{1,19}))"
)


@dataclass(frozen=True)
class Mail:
    """`name` is the file's, without .eml; what the file says is read when asked for."""

    name: str
    delivery_id: int  # 0 if the mail belongs to none
    received_at: datetime
    path: Path
    tester_id: int = 0  # who has sent it as a test; 0 if nobody has

    @cached_property
    def content(self) -> EmailMessage:
        """The parsed mail; an empty one if the file has gone meanwhile."""
        try:
            with self.path.open("rb") as file:
                return message_from_binary_file(file, policy=policy.default)
        except OSError:
            return EmailMessage()

    @property
    def to(self) -> str:
        return self._header("To")

    @property
    def subject(self) -> str:
        return self._header("Subject") or "—"

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, self._header(name)) for name in dict.fromkeys(self.content)]

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _header(self, name: str) -> str:
        # A header that was sent broken must not break the page.
        try:
            return str(self.content[name] or "")
        except (ValueError, LookupError, AttributeError):
            return ""

    def _part(self, kind: str) -> str:
        part = self.content.get_body((kind,))
        if part is None:
            return ""
        try:
            return str(part.get_content())
        except (ValueError, LookupError):
            payload = part.get_payload(decode=True)
            return payload.decode("latin-1") if isinstance(payload, bytes) else ""


def newest() -> list[Mail]:
    """The newest mails, newest first; nothing if there is no directory yet."""
    directory = Path(settings.MAILCATCHER_DIR)
    if not directory.is_dir():
        return []
    names = (path.stem for path in directory.iterdir() if path.suffix == ".eml")
    mails = (mail for name in names if (mail := named(name)) is not None)
    return nlargest(AT_MOST, mails, key=lambda mail: mail.received_at)


def named(name: str) -> Mail | None:
    """The mail of this name, if the name is one that the catcher gives."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    seconds = int(match["nanoseconds"]) / 1e9
    try:
        received_at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    path = Path(settings.MAILCATCHER_DIR) / f"{name}.eml"
    delivery, tester = (int(match[kind] or 0) for kind in ("delivery", "tester"))
    return Mail(name, delivery, received_at, path, tester)
