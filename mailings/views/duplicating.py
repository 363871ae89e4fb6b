"""A new mailing like one that exists: same message and recipients, new times."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from mailings import recurrence
from mailings.models import Mailing
from mailings.views.mailings import MailingCreatePage, OwnMailings


class MailingDuplicatePage(OwnMailings, MailingCreatePage):
    """The form of a new mailing, filled in; the owner's, as the copy will be."""

    @cached_property
    def original(self) -> Mailing:
        return cast("Mailing", self.get_object())

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()
        return kwargs | {"original": self.original}

    def get_initial(self) -> dict[str, Any]:
        old = self.original
        start = next_time_like(old.start_at, timezone.now())
        return {
            "message": old.message_id,
            "all_clients": old.all_clients,
            "periodicity": old.periodicity,
            "when_unknown": old.when_unknown,
            "title": (_("%(title)s (copy)") % {"title": old.title[:200]}),
            "start_at": start,
            "end_at": start + (old.end_at - old.start_at),
        }


def next_time_like(moment: datetime, now: datetime) -> datetime:
    """The next instant at which the reader's clock shows the same time of day."""
    zone = timezone.get_current_timezone()
    time = moment.astimezone(zone).time()
    day = now.astimezone(zone).date()
    today = recurrence.instant(datetime.combine(day, time), zone)
    if today > now:
        return today
    tomorrow = datetime.combine(day + timedelta(days=1), time)
    return recurrence.instant(tomorrow, zone)
