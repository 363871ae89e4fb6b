"""A run without sending: every letter is made, and nothing is kept or handed over."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from mailings.delivery.compose import Composer, NotComposed
from mailings.models import Mailing, Suppression
from mailings.previewing import as_read, text_of

SHOWN = 200  # of those that would be skipped
PATIENCE = 5.0  # seconds that a page may take


@dataclass(frozen=True)
class Skipped:
    """A recipient that would get nothing, and why."""

    full_name: str
    email: str
    why: str


@dataclass
class Rehearsal:
    recipients: int
    looked_at: int = 0
    made: int = 0  # letters
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)  # the first ones
    subject: str = ""  # of the first letter
    text: str = ""

    @property
    def is_whole(self) -> bool:
        return self.looked_at >= self.recipients

    def skip(self, full_name: str, email: str, why: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < SHOWN:
            self.skipped.append(Skipped(full_name, email, why))


def rehearse(
    mailing: Mailing, now: datetime, *, seconds: float = PATIENCE
) -> Rehearsal:
    """What a run that began now would send; stops looking after `seconds`."""
    message = mailing.message
    assert message is not None  # noqa: S101 - a constraint: only a deleted one has none
    text = text_of(message, now, mailing)
    composer = Composer(text, sender=settings.DEFAULT_FROM_EMAIL)
    reach = mailing.reach()
    found = Rehearsal(recipients=reach.figures()[0])
    rows: Any = reach.clients().with_suppression().order_by("pk")
    until = time.monotonic() + seconds
    for row in rows.values_list("full_name", "email", "suppressed_as").iterator():
        if time.monotonic() > until:
            break
        found.looked_at += 1
        _try(found, composer, *row)
    return found


def _try(
    found: Rehearsal,
    composer: Composer,
    full_name: str,
    email: str,
    suppressed_as: str | None,
) -> None:
    if suppressed_as is not None:
        why = str(Suppression.Kind(suppressed_as).label)
        found.skip(full_name, email, why)
        return
    try:
        letter = composer.letter(0, email=email, full_name=full_name)
    except NotComposed as error:
        found.skip(full_name, email, str(error))
        return
    found.made += 1
    if found.made == 1:
        read = as_read(letter)
        found.subject, found.text = read.subject, read.text
