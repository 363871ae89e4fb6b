"""The calendar: what runs in the next 90 days."""

from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from mailings import agenda, headcount
from mailings.agenda import Busy, Place, Planned
from mailings.filters import CalendarFilter
from mailings.models import Mailing, Run
from mailings.pace import Pace, current_pace
from mailings.views.access import AtHand
from mailsvc.moments import local_day

DAYS = 90
SHOWN = 50  # runs on a page
_UNDER_WAY = 20  # runs that are being sent and looked at


class CalendarPage(AtHand, TemplateView):
    """`?from=` is a day to begin with, `?at=` the run that a page left off at."""

    model = Mailing
    template_name = "mailings/calendar.html"
    title = _("Calendar")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        horizon = now + timedelta(days=DAYS)
        # Rights and shares are asked of the rows that are shown, and of no others.
        mailings = Mailing.objects.at_hand(self.user).existing()
        found = CalendarFilter(self.request.GET, queryset=mailings)
        begin = _place(self.request, now, horizon)
        coming = agenda.to_come(found.qs)
        runs, following = agenda.page(coming, begin, horizon, SHOWN)
        pace = current_pace()
        rows = self._rows(runs, pace, now)
        return super().get_context_data(
            filter=found,
            days=_by_day(rows),
            pace=pace,
            months=_months(now, horizon, begin.moment),
            following=following and str(following),
            is_first=begin.moment <= now,
            idle=found.qs.idle().count(),
            horizon=horizon,
            **kwargs,
        )

    def _rows(
        self, runs: list[tuple[datetime, int]], pace: Pace, now: datetime
    ) -> list[Planned]:
        keys = {pk for _, pk in runs}
        mailings = self.get_queryset().filter(pk__in=keys).in_bulk()
        recipients = headcount.at_most(mailings.values(), reader=self.user.pk)
        return agenda.planned(runs, mailings, recipients, pace, self._busy(pace, now))

    def _busy(self, pace: Pace, now: datetime) -> list[Busy]:
        """What is being sent at this moment, until it is expected to be done."""
        runs = Run.objects.at_hand(self.user).unfinished().allowed_to_send()
        rows = runs.select_related("mailing")[:_UNDER_WAY]
        return [
            Busy(run.mailing_id, run.mailing.title, now, now + lasts)
            for run in rows
            if (lasts := pace.lasts(run.pending + run.sending))
        ]


def _place(request: HttpRequest, now: datetime, horizon: datetime) -> Place:
    """Where the page begins; now, if the address names nothing that can be read."""
    try:
        if "at" in request.GET:
            place = Place.read(request.GET["at"])
        else:
            day = date.fromisoformat(request.GET.get("from", ""))
            place = Place(timezone.make_aware(datetime.combine(day, time.min)))
        return place if now <= place.moment < horizon else Place(now)
    except (OverflowError, TypeError, ValueError):
        return Place(now)


def _by_day(rows: list[Planned]) -> list[tuple[date, list[Planned]]]:
    grouped = groupby(rows, key=lambda row: local_day(row.moment))
    return [(day, list(runs)) for day, runs in grouped]


def _months(now: datetime, horizon: datetime, shown: datetime) -> list[dict[str, Any]]:
    """The months that the 90 days lie in, each with the day to begin it with."""
    first, last, current = local_day(now), local_day(horizon), local_day(shown)
    months = [first]
    while (following := _next_month(months[-1])) <= last:
        months.append(following)
    return [
        {"day": day, "is_shown": (day.year, day.month) == (current.year, current.month)}
        for day in months
    ]


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
