"""
A message as one recipient would read it: a letter that the engine makes as it does for
a run, read back as a mail program reads it.
"""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy

from django.conf import settings

from mailings import placeholders, tokens
from mailings.delivery.compose import Composer, Text
from mailings.delivery.letter import Letter
from mailings.delivery.plan import snapshot
from mailings.models import Mailing, Message, Run


@dataclass(frozen=True)
class Reading:
    """What the recipient sees."""

    sender: str
    to: str
    subject: str
    text: str
    html: str


def preview(message: Message, *, email: str, full_name: str, now: datetime) -> Reading:
    """
    What a run of the owner's that began now would send. Raises NotComposed.

    The link for unsubscribing leads to a page that says it is a test.
    """
    composer = Composer(text_of(message, now), sender=settings.DEFAULT_FROM_EMAIL)
    return as_read(composer.letter(0, email=email, full_name=full_name))


def text_of(message: Message, now: datetime, mailing: Mailing | None = None) -> Text:
    """As the engine takes it for a run (of `mailing`'s); this one is never saved."""
    owner = mailing.owner if mailing else message.owner
    mailing = mailing or Mailing(pk=0, owner=owner, timezone=owner.timezone)
    copied = snapshot(message, owner)
    run = Run(pk=0, mailing=mailing, scheduled_for=now, **copied)
    run.unsubscribe_key = tokens.OF_TESTS
    return Text.of(run)


def as_read(letter: Letter) -> Reading:
    parsed = message_from_bytes(letter.content, policy=policy.default)
    parts = {}
    for kind in ("plain", "html"):
        part = parsed.get_body((kind,))
        text = part.get_content() if part else ""
        parts[kind] = text.replace("\r\n", "\n").rstrip()
    return Reading(
        sender=parsed["From"],
        to=parsed["To"],
        subject=parsed["Subject"],
        text=parts["plain"],
        html=parts["html"],
    )


def unknown_placeholders(message: Message) -> list[str]:
    """What nobody would fill; forms refuse it, so it came in by another way."""
    texts = (message.subject, message.body, message.body_html)
    found = (name for text in texts for name in placeholders.unknown(text))
    return list(dict.fromkeys(found))
