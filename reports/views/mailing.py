"""The report of a mailing and of a run: the ledger, the reasons, the chart."""

import hashlib
from typing import Any, cast

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language
from django.views.generic.detail import BaseDetailView

from mailings import badges
from mailings.models import Delivery, Mailing, Run
from mailings.models.run import STATES
from mailings.tables import RunTable
from mailsvc.views import DetailPage
from reports import statistics
from reports.ledger import COUNTERS
from users.models import User

RUNS_SHOWN = 25


class _Visible:
    request: HttpRequest
    object: Any

    @property
    def user(self) -> User:
        return cast("User", self.request.user)


class _OfMailing(_Visible):
    model = Mailing

    def get_queryset(self) -> "QuerySet[Mailing]":
        rows = Mailing.objects.visible_to(self.user).existing()
        return rows.select_related("owner")

    def runs(self) -> "QuerySet[Run]":
        return Run.objects.filter(mailing=self.object)


class _OfRun(_Visible):
    model = Run

    def get_queryset(self) -> "QuerySet[Run]":
        return Run.objects.visible_to(self.user).select_related("mailing__owner")

    def runs(self) -> "QuerySet[Run]":
        return Run.objects.filter(pk=self.object.pk)


class _Report(DetailPage):
    def runs(self) -> "QuerySet[Run]":
        raise NotImplementedError

    def books(self) -> dict[str, int]:
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        books = self.books()
        replies, span = statistics.replies(self.runs())
        return super().get_context_data(
            books=books,
            states=[
                (name, badges.of_delivery_state(name), books[name]) for name in STATES
            ],
            replies=[
                (badges.of_delivery_state(row.outcome).__html__(), row)
                for row in replies
            ],
            ends=[
                (badges.of_delivery_state(row.state).__html__(), row)
                for row in statistics.ends(self.runs())
            ],
            span=span,
            outcomes=[Delivery.State(name).label for name in statistics.OUTCOMES],
            **kwargs,
        )


class MailingReport(_OfMailing, _Report):
    template_name = "reports/mailing.html"

    def get_queryset(self) -> "QuerySet[Any]":
        sums = {f"sum_{name}": Sum(f"runs__{name}", default=0) for name in COUNTERS}
        return super().get_queryset().annotate(**sums)

    def books(self) -> dict[str, int]:
        return {name: getattr(self.object, f"sum_{name}") for name in COUNTERS}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        runs = list(self.runs().order_by("-scheduled_for", "-pk")[: RUNS_SHOWN + 1])
        days = statistics.by_day(self.runs())
        return super().get_context_data(
            run_table=RunTable(runs[:RUNS_SHOWN], orderable=False),
            has_more_runs=len(runs) > RUNS_SHOWN,
            series=[(day, row.values()) for day, row in reversed(days.items())],
            **kwargs,
        )


class RunReport(_OfRun, _Report):
    template_name = "reports/run.html"

    def get_queryset(self) -> "QuerySet[Any]":
        own = Run.objects.changeable_by(self.user)
        return super().get_queryset().annotate(may_change=Q(pk__in=own))

    def books(self) -> dict[str, int]:
        books: dict[str, int] = self.object.ledger()
        return books

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        periods = statistics.by_period(self.runs())
        run = self.object
        failures = run.deferred + run.expired + run.unknown + run.refused
        return super().get_context_data(
            may_retry=bool(failures) and run.may_change,
            series=[(when, row.values()) for when, row in reversed(periods.items())],
            **kwargs,
        )


class _Chart(BaseDetailView):  # type: ignore[type-arg]
    """
    The numbers of the table as JSON; who has them already gets a 304 (RFC 9110 13).

    The tag says what the answer depends on: the runs' attempts, zone and language.
    """

    def runs(self) -> "QuerySet[Run]":
        raise NotImplementedError

    def series(self) -> dict[str, dict[str, int]]:
        raise NotImplementedError

    def render_to_response(self, context: Any) -> HttpResponse:
        tag = self._tag()
        answer = get_conditional_response(self.request, etag=tag) or JsonResponse(
            self._data()
        )
        answer["ETag"] = tag
        answer["Cache-Control"] = "private, no-cache"
        return answer

    def _data(self) -> dict[str, Any]:
        series = self.series()
        return {
            "labels": list(series),
            "series": [
                {
                    "name": name,
                    "label": str(Delivery.State(name).label),
                    "values": [row[name] for row in series.values()],
                }
                for name in statistics.OUTCOMES
            ],
        }

    def _tag(self) -> str:
        of_runs = self.runs().aggregate(n=Count("pk"), sum=Sum("attempts"))
        zone = timezone.get_current_timezone_name()
        words = repr((self.request.path, of_runs, zone, get_language()))
        return f'"{hashlib.sha256(words.encode()).hexdigest()[:32]}"'


class MailingChart(_OfMailing, _Chart):
    def series(self) -> dict[str, dict[str, int]]:
        days = statistics.by_day(self.runs())
        return {day.isoformat(): row for day, row in days.items()}


class RunChart(_OfRun, _Chart):
    def series(self) -> dict[str, dict[str, int]]:
        periods = statistics.by_period(self.runs())
        return {f"{when:%Y-%m-%d %H:%M}": row for when, row in periods.items()}
