"""
A test of a message: sent to a few addresses while its author waits, in no statistics.

The letter is the one that a run would send, but for a mark in the subject; its link for
unsubscribing leads to a page that says so, and unsubscribes nobody.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailings.delivery import circuit, identity
from mailings.delivery.compose import Composer, NotComposed, Text
from mailings.delivery.enclosures import Enclosures
from mailings.delivery.letter import Letter, Piece, Unreadable
from mailings.delivery.rates import Asked, Rates, take_turn
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.delivery.server import configured_server, fingerprint
from mailings.delivery.single import Busy, a_place, hand_over
from mailings.delivery.troubles import Server
from mailings.models import Message, Suppression
from mailings.models.run import new_key
from mailings.previewing import text_of
from mailsvc.rates import rates
from users import audit
from users.models import AuditEntry, User

PATIENCE = 15.0  # seconds that a page may wait for the mail server
_MARK = "t"  # the outbox shows who asked for the test by it

_UNREADABLE = _("The attachments can't be read at the moment.")
_WORDS = {
    Verdict.ACCEPTED: _("The mail server has accepted it."),
    Verdict.REFUSED: _("The mail server refuses it for good."),
    Verdict.DEFERRED: _("The mail server does not take it now; try again later."),
    Verdict.UNKNOWN: _(
        "The mail server was given it and has not answered: it may arrive or not."
    ),
    Verdict.SERVER: _("The mail server takes no mail just now."),
    Verdict.ACCOUNT: _("The mail server does not let this installation send."),
}


class NotPossible(Exception):
    """Nothing is sent; the text says why."""


@dataclass(frozen=True)
class Tried:
    """What became of one address."""

    email: str
    words: str
    reply: str = ""  # the server's, or what we saw where it said nothing
    is_accepted: bool = False

    @classmethod
    def of(cls, email: str, outcome: Outcome) -> "Tried":
        code = f"{outcome.code} " if outcome.code else ""
        return cls(
            email,
            words=str(
                _UNREADABLE
                if outcome.phase is Phase.COMPOSE
                else _WORDS[outcome.verdict]
            ),
            reply=f"{code}{outcome.text}".strip(),
            is_accepted=outcome.verdict is Verdict.ACCEPTED,
        )


def send_test(
    message: Message, *, to: Sequence[str], full_name: str, by: User, now: datetime
) -> list[Tried]:
    """
    Sends it to all of `to` that may be written to, filled in for somebody of that name,
    and waits for the replies. Raises NotPossible.
    """
    _require_mail_server(now)
    try:
        with a_place():
            return _sent(message, to=to, full_name=full_name, by=by, now=now)
    except Busy as error:
        words = gettext("Other tests are under way. Try again in a few seconds.")
        raise NotPossible(words) from error


def _sent(
    message: Message, *, to: Sequence[str], full_name: str, by: User, now: datetime
) -> list[Tried]:
    _require_permission_to_send(message, by, now)
    found = _suppressed(message, to, by)
    text = _marked(message, now)
    letters = {}
    with closing(Enclosures()) as enclosures:
        try:
            keys = message.attachments.values_list("pk", flat=True)
            enclosed = enclosures.pieces(keys)
        except Unreadable as error:  # taken off meanwhile; the disk is full
            raise NotPossible(str(_UNREADABLE)) from error
        for email in to:
            if email in found:
                continue
            try:
                letters[email] = _letter(text, email, full_name, by, enclosed)
            except NotComposed as error:
                found[email] = Tried(email, str(error))
        found |= _too_many(message, list(letters), now)
        going = [letter for email, letter in letters.items() if email not in found]
        found |= _handed_over(message, going, by, now)
    return [found[email] for email in to]


def _require_mail_server(now: datetime) -> None:
    """Where it is known not to work, nobody waits to hear that."""
    server = configured_server()
    why = circuit.objection(str(server), now, fingerprint=fingerprint(server))
    if why:
        raise _does_not_work(why)


def _does_not_work(why: str) -> NotPossible:
    words = gettext("The mail server does not work at the moment: %(reason)s")
    return NotPossible(words % {"reason": why})


def _handed_over(
    message: Message, letters: Sequence[Letter], by: User, now: datetime
) -> dict[str, Tried]:
    if not letters:
        return {}
    server = configured_server()
    admitted = circuit.admits(str(server), now, fingerprint=fingerprint(server))
    if admitted == 0:  # somebody else was admitted meanwhile, or has failed
        raise _does_not_work(circuit.reason(str(server)))
    names = [letter.recipient for letter in letters]
    reason = ", ".join(names)[:500]
    audit.record(AuditEntry.Action.TEST_SENT, by=by, on=message, reason=reason)
    outcomes = hand_over(
        letters, server, timeouts=settings.DELIVERY["timeouts"], seconds=PATIENCE
    )
    if admitted is not None:
        _tell_circuit(server, outcomes[0])
    return {
        name: Tried.of(name, outcome)
        for name, outcome in zip(names, outcomes, strict=True)
    }


def _tell_circuit(server: Server, outcome: Outcome) -> None:
    """Of a test that was the probe; others say nothing about the server."""
    if outcome.phase is Phase.COMPOSE:
        return
    if outcome.is_attempt and not outcome.is_unknown:
        circuit.succeeded(str(server))
    else:
        circuit.failed(
            str(server), outcome, timezone.now(), fingerprint=fingerprint(server)
        )


def _require_permission_to_send(message: Message, by: User, now: datetime) -> None:
    """As for a run: no held installation sends, and nothing of the blocked goes out."""
    if held := identity.hold(now):
        raise NotPossible(held.words)
    people = User.objects.filter(pk__in={message.owner_id, by.pk}, is_active=True)
    if people.count() < len({message.owner_id, by.pk}):
        raise NotPossible(gettext("The owner of the message is blocked."))
    limits = rates(settings.DELIVERY["rates"]["tests"])
    seconds = ceil(take_turn(f"tests:{by.pk}", limits, now))
    if seconds:
        words = ngettext(
            "That was the last test for now. The next one can be sent in %(seconds)d "
            "second.",
            "That was the last test for now. The next one can be sent in %(seconds)d "
            "seconds.",
            seconds,
        )
        raise NotPossible(words % {"seconds": seconds})


def _suppressed(message: Message, to: Sequence[str], by: User) -> dict[str, Tried]:
    """Who wants nothing of the owner, or of who tries, gets no tests either."""
    rows = Suppression.objects.filter(
        owner__in={message.owner_id, by.pk}, email__in=[each.lower() for each in to]
    )
    kinds = {row.email: Suppression.Kind(row.kind).label for row in rows}
    words = gettext("Nothing was sent, the address is suppressed: %(why)s.")
    return {
        email: Tried(email, words % {"why": kinds[email.lower()]})
        for email in to
        if email.lower() in kinds
    }


def _marked(message: Message, now: datetime) -> Text:
    text = text_of(message, now)
    subject = gettext("[Test] %(subject)s") % {"subject": text.subject}
    return replace(text, subject=subject)


def _letter(
    text: Text, email: str, full_name: str, by: User, enclosed: Sequence[Piece]
) -> Letter:
    """Each with a key of its own: no two tests have the same Message-ID."""
    composer = Composer(
        replace(text, key=new_key()),
        sender=settings.DEFAULT_FROM_EMAIL,
        mark=_MARK,
        enclosed=enclosed,
    )
    return composer.letter(by.pk, email=email, full_name=full_name)


def _too_many(
    message: Message, emails: Sequence[str], now: datetime
) -> dict[str, Tried]:
    """Tests count as any letter where the installation's rates are limited."""
    limits = Rates()
    if not (limits.are_set and emails):
        return {}
    asked = [
        Asked(place, message.owner_id, email.rpartition("@")[2].lower())
        for place, email in enumerate(emails)
    ]
    words = gettext("Nothing was sent: the limit of letters is reached for now.")
    late = limits.too_many(asked, now)
    return {emails[place]: Tried(emails[place], words) for place in late}
