"""To whom a message is shown, and how: `?client=`, `?q=`, `?part=`, `?width=`."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, QueryDict
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from mailings.delivery.compose import NotComposed
from mailings.forms.fields import SHOWN, is_key
from mailings.html import has_far_pictures
from mailings.models import Client, Message, Suppression
from mailings.previewing import Reading, preview, unknown_placeholders
from mailsvc.filters import containing
from users.models import User

SEARCHED = ["full_name", "email"]


class Recipient:
    """
    One of the user's own clients, whoever owns the message: the asked one, or the first
    that is found; somebody made up for who has none.
    """

    def __init__(self, user: User, asked: QueryDict) -> None:
        self.search = asked.get("q", "")[:200].replace("\0", "").strip()
        self._key = asked.get("client", "")
        self._rows: Any = Client.objects.owned_by(user).with_suppression()

    @cached_property
    def options(self) -> list[Client]:
        """Clients to choose from, the picked one among them."""
        found = self._shown
        picked = self.picked
        return found if picked is None or picked in found else [picked, *found]

    @cached_property
    def picked(self) -> Client | None:
        """Raises Http404 for what is no client of the user's."""
        if not self._key:
            return self._first
        row: Client | None = None
        if is_key(self._key):
            row = self._rows.filter(pk=self._key).first()
        if row is None:
            raise Http404
        # Who has searched anew does not want the one from before.
        is_found = not self.search or self._found.filter(pk=row.pk).exists()
        return row if is_found else self._first or row

    @property
    def is_nobody_found(self) -> bool:
        return bool(self.search) and self._first is None

    @property
    def full_name(self) -> str:
        return self.picked.full_name if self.picked else _("Maria Example")

    @property
    def email(self) -> str:
        return self.picked.email if self.picked else "maria@example.com"

    @property
    def suppressed_as(self) -> str:
        """Why the client would get nothing; "" for most."""
        kind = getattr(self.picked, "suppressed_as", None)
        return str(Suppression.Kind(kind).label) if kind else ""

    @cached_property
    def _found(self) -> Any:
        rows = self._rows
        return containing(rows, self.search, SEARCHED) if self.search else rows

    @cached_property
    def _shown(self) -> list[Client]:
        return list(self._found[:SHOWN])

    @property
    def _first(self) -> Client | None:
        return self._shown[0] if self._shown else None


@dataclass(frozen=True)
class Preview:
    """A message as one recipient reads it, for the template."""

    message: Message
    recipient: Recipient
    part: str
    is_narrow: bool
    read: Reading | None = None
    trouble: str = ""  # why there is nothing to read

    @property
    def has_far_pictures(self) -> bool:
        return self.read is not None and has_far_pictures(self.read.html)

    @property
    def unknown(self) -> list[str]:
        return [f"{{{{ {name} }}}}" for name in unknown_placeholders(self.message)]


def shown(message: Message, user: User, asked: QueryDict) -> Preview:
    recipient = Recipient(user, asked)
    is_text = asked.get("part") == "text" or not message.body_html
    part = "text" if is_text else "html"
    is_narrow = asked.get("width") == "phone"
    try:
        read = preview(
            message,
            email=recipient.email,
            full_name=recipient.full_name,
            now=timezone.now(),
        )
    except NotComposed as error:
        return Preview(message, recipient, part, is_narrow, trouble=str(error))
    return Preview(message, recipient, part, is_narrow, read)
