"""The verb "confirm": mail may be sent from where the database is now."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mailings import delivery, schedules
from mailings.lifecycle import NotPossible
from mailings.models import Installation
from users import audit
from users.models import AuditEntry, User


@transaction.atomic
def confirm_installation(*, by: User) -> None:
    """Sending goes on from here. Raises NotPossible if it is not held."""
    Installation.objects.select_for_update().first()
    hold = delivery.hold(timezone.now())
    if hold is None:
        raise NotPossible(_("Sending is not held."))
    prospects = delivery.forecast(timezone.now())
    messages = sum(each.messages for each in prospects)
    delivery.confirm()
    audit.record(
        AuditEntry.Action.INSTALLATION_CONFIRMED,
        by=by,
        reason=f"{hold.host}: {len(prospects)} / {messages}",
    )
    schedules.wake()
