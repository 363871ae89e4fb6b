"""
The verbs about addresses: recipients unsubscribe, owners suppress an address by hand
and allow one again. (The engine itself puts down those that a server refuses.)
"""

from django.db import transaction
from django.utils.translation import gettext as _

from mailings import delivery, tokens
from mailings.lifecycle import NotPossible
from mailings.models import Delivery, Run, Suppression
from users import audit
from users.models import AuditEntry, User


@transaction.atomic
def unsubscribe(token: str) -> bool:
    """
    Whoever got the letter with this token gets no more from its sender, blocked or not.

    Any number of times; False if no letter has such a token.
    """
    found = letter_of(token)
    if found is None:
        return False
    mailing = found.run.mailing
    kind = Suppression.Kind.UNSUBSCRIBED
    fresh = {"kind": kind, "mailing": mailing.title, "delivery": found}
    row, is_new = Suppression.objects.get_or_create(
        owner=mailing.owner, email=found.email.lower(), defaults=fresh
    )
    if not is_new and not row.is_unsubscribed:
        # What a recipient has said is worth more than what we found out.
        fresh_row = Suppression(pk=row.pk, owner=row.owner, email=row.email, **fresh)
        fresh_row.save(force_update=True)
    _end_waiting(row.owner, row.email, kind)
    return True


@transaction.atomic
def suppress(suppression: Suppression, *, by: User) -> None:
    """Saves an address that its owner puts down by hand; nothing more goes there."""
    suppression.kind, suppression.by = Suppression.Kind.BY_HAND, by
    suppression.save()
    _end_waiting(suppression.owner, suppression.email, suppression.kind)
    audit.record(
        AuditEntry.Action.SUPPRESSED,
        by=by,
        on=suppression,
        reason=suppression.words[:500],
    )


@transaction.atomic
def allow_again(
    suppression: Suppression, *, by: User, was_asked_for: bool = False
) -> None:
    """
    The address is written to again by the runs to come; what has ended stays as it is.

    Who has unsubscribed must have asked for it. Raises NotPossible.
    """
    if suppression.is_unsubscribed and not was_asked_for:
        raise NotPossible(_("Only if the recipient has asked for it."))
    words = [suppression.get_kind_display(), suppression.words]
    audit.record(
        AuditEntry.Action.ALLOWED_AGAIN,
        by=by,
        on=suppression,
        reason=": ".join(filter(None, words))[:500],
    )
    suppression.delete()


def letter_of(token: str) -> Delivery | None:
    """The delivery whose letter has this token; None if there is none."""
    number = tokens.delivery_of(token)
    if number is None:
        return None
    deliveries = Delivery.objects.filter(run__mailing__owner__deleted_at=None)
    found = deliveries.select_related("run__mailing__owner").filter(pk=number).first()
    if found is None or not tokens.is_genuine(
        token, found.run.unsubscribe_key, found.pk
    ):
        return None
    return found


def _end_waiting(owner: User, email: str, kind: str) -> None:
    """What waits ends now; what a pump has claimed, it gives back within a second."""
    runs = Run.objects.owned_by(owner).unfinished()
    delivery.end_waiting(
        Delivery.objects.to(email).filter(run__in=runs),
        state=Delivery.State.SUPPRESSED,
        reason=kind,
    )
