"""
Why did or didn't somebody get it: each delivery to an address, each attempt with the
server's words, and what comes next.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils.html import format_html
from django.utils.translation import gettext as _

from mailings.delivery.circuit import reason as trouble_of
from mailings.models import Attempt, Delivery, Mailing, Suppression
from mailsvc import moments
from reports.reasons import Reason, of_reply
from users.models import User

_State = Delivery.State
# What would come next here, if there was nothing against the address.
_AFTER_SUPPRESSION = {
    *(_State.PENDING, _State.DEFERRED, _State.REFUSED, _State.SUPPRESSED),
}

# The columns that a story is made of: there are a hundred others.
_TOLD = (
    *("run", "client", "email", "full_name", "state", "reason", "due_at"),
    *("run__scheduled_for", "run__closes_at", "run__mailing"),
    *(
        f"run__mailing__{name}"
        for name in ("owner", "title", "deleted_at", "paused_at", "pause_reason")
    ),
    *("run__mailing__held_at", "run__mailing__hold_reason"),
    "run__mailing__owner__is_active",
)


@dataclass(frozen=True)
class Chapter:
    """One delivery, told in full."""

    delivery: Delivery
    attempts: list[tuple[Attempt, Reason]]
    next_step: str
    may_retry: bool


def deliveries_to(email: str, user: User, some: slice) -> "QuerySet[Delivery]":
    """
    `some` of those to this address, whatever its case, that the user may see; newest
    first.

    Each with `may_change`: whether the user may have it tried again.
    """
    visible = Delivery.objects.visible_to(user).annotate(address=Lower("email"))
    found = visible.filter(address=email.strip().lower()).order_by("-pk")
    # Joined once they are chosen: somebody may have got a thousand.
    rows = Delivery.objects.filter(pk__in=found.values("pk")[some])
    changeable = Mailing.objects.changeable_by(user).filter(pk=OuterRef("run__mailing"))
    rows = rows.annotate(may_change=Exists(changeable))
    return rows.select_related("run__mailing__owner").only(*_TOLD).order_by("-pk")


def suppressions_of(email: str, user: User) -> list[Suppression]:
    """What stands against the address, by owner, as far as the user may see."""
    visible = Suppression.objects.visible_to(user).with_rights(user)
    rows = visible.filter(email=email.strip().lower())
    return list(rows.select_related("by"))


def chapters(
    deliveries: list[Delivery],
    *,
    server: str,
    now: datetime,
    suppressions: Mapping[int, Suppression],
) -> list[Chapter]:
    """`suppressions`: what stands against the address, by owner."""
    attempts: dict[int, list[tuple[Attempt, Reason]]] = defaultdict(list)
    rows = Attempt.objects.filter(delivery__in=deliveries).order_by(
        "delivery_id", "number"
    )
    for row in rows:
        reason = of_reply(row.outcome, row.phase, row.code or 0, row.enhanced_code)
        attempts[row.delivery_id].append((row, reason))
    waits = any(one.is_open for one in deliveries)
    trouble = trouble_of(server) if waits else ""
    return [
        Chapter(
            one,
            attempts[one.pk],
            _next_step(one, trouble, now, suppressions),
            one.may_change  # type: ignore[attr-defined]
            and one.run.mailing.owner_id not in suppressions
            and _can_be_retried(one),
        )
        for one in deliveries
    ]


def _can_be_retried(one: Delivery) -> bool:
    states = (_State.DEFERRED, _State.EXPIRED, _State.UNKNOWN, _State.REFUSED)
    return (
        one.state in states
        and one.client_id is not None
        and not one.run.mailing.is_deleted
    )


def _next_step(
    one: Delivery,
    trouble: str,
    now: datetime,
    suppressions: Mapping[int, Suppression],
) -> str:
    suppression = suppressions.get(one.run.mailing.owner_id)
    if suppression is not None and one.state in _AFTER_SUPPRESSION:
        return _suppressed(suppression)
    if one.state in (_State.PENDING, _State.DEFERRED):
        return _what_it_waits_for(one, trouble, now)
    words = {
        _State.SENDING: _("It is being handed over at this moment."),
        _State.ACCEPTED: _("Nothing: the mail server has accepted it."),
        _State.REFUSED: _("Nothing by itself: the refusal was final."),
        _State.UNKNOWN: _("Nothing by itself: it may have arrived."),
    }
    return words.get(_State(one.state)) or _("Nothing: %(reason)s.") % {
        "reason": one.get_reason_display() or _State(one.state).label
    }


def _suppressed(suppression: Suppression) -> str:
    return format_html(
        _("Nothing: the address is suppressed since {time} because {reason}."),
        time=moments.shown(suppression.since),
        reason=Delivery.Reason(suppression.kind).label,
    )


def _what_it_waits_for(one: Delivery, trouble: str, now: datetime) -> str:
    mailing = one.run.mailing
    if mailing.is_held:
        return _("The mailing is held by a manager: %(reason)s") % {
            "reason": mailing.hold_reason
        }
    if not mailing.owner.is_active:
        return _("It waits: the owner of the mailing is blocked.")
    if mailing.pause_reason:
        return _(
            "The mail server refuses the message, the mailing is paused: %(reason)s"
        ) % {"reason": mailing.pause_reason}
    if mailing.is_paused:
        return _("It waits: the mailing is paused.")
    if one.run.is_waiting:
        return _("The files of the run can't be read at the moment: %(reason)s") % {
            "reason": one.run.waits_because
        }
    if trouble:
        return _("The mail server does not work at the moment: %(reason)s") % {
            "reason": trouble
        }
    if one.due_at <= now:
        return _("It is next in the queue.")
    until = moments.shown(one.run.closes_at)
    return format_html(
        _("It is tried again at {time}, until {end} at the latest."),
        time=moments.shown(one.due_at),
        end=until,
    )
