"""What is known about users: how much they send, and when they last did something."""

from typing import Any

from django.db.models import (
    Count,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
)
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from mailings.models import Mailing
from users.models import AuditEntry, User


class State(TextChoices):
    ACTIVE = "active", _("Active")
    BLOCKED = "blocked", _("Blocked")
    OFF = "off", _("Switched off")


IN_STATE = {
    State.ACTIVE: Q(is_active=True),
    State.BLOCKED: Q(blocked_at__isnull=False),
    State.OFF: Q(is_active=False, blocked_at=None),
}


def state_of(user: User) -> State:
    if user.is_active:
        return State.ACTIVE
    return State.BLOCKED if user.is_blocked else State.OFF


def with_activity(users: "QuerySet[User]") -> "QuerySet[User, Any]":
    """
    Adds mailing_count, unfinished_count and last_active: the newest of the last
    sign-in and what the user did that is on the audit log.
    """
    mailings = Mailing.objects.existing().filter(owner=OuterRef("pk"))
    unfinished = mailings.exclude(status=Mailing.Status.FINISHED)
    deeds = AuditEntry.objects.filter(actor=OuterRef("pk")).order_by()
    last_deed = Subquery(
        deeds.values("actor").annotate(newest=Max("at")).values("newest")
    )
    return users.annotate(
        mailing_count=_count(mailings),
        unfinished_count=_count(unfinished),
        # SQLite's greatest of something and nothing is nothing.
        last_active=Coalesce(
            Greatest(last_deed, "last_login"), last_deed, "last_login"
        ),
    )


def _count(mailings: "QuerySet[Mailing]") -> Coalesce:
    counted = mailings.order_by().values("owner").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
