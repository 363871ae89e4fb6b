"""The report of a mailing and of a run: the ledger, the reasons, the chart."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, cast

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.views.generic.detail import BaseDetailView

from mailings import badges
from mailings.models import Delivery, Mailing, Run
from mailings.models.run import STATES
from mailings.tables import RunTable
from mailsvc import cache, moments
from mailsvc.statements import Parameter, Statement
from mailsvc.views import DetailPage
from reports import reasons, statistics
from reports.ledger import COUNTERS
from reports.overview import success
from reports.statistics import Of
from users.models import User

RUNS_SHOWN = 25
State = Run.State


class _Visible:
    request: HttpRequest
    object: Any

    @property
    def user(self) -> User:
        return cast("User", self.request.user)


class _OfMailing(_Visible):
    model = Mailing

    def get_queryset(self) -> "QuerySet[Any]":
        return Mailing.objects.reported_to(self.user).select_related("owner")

    @property
    def of(self) -> Of:
        return Of.mailing(self.object.pk)


class _OfRun(_Visible):
    model = Run

    def get_queryset(self) -> "QuerySet[Any]":
        return Run.objects.visible_to(self.user).select_related("mailing__owner")

    @property
    def of(self) -> Of:
        return Of.run(self.object.pk)


class _Report(DetailPage):
    """
    The books, the reasons and the chart: of what has finished they are kept, as one
    part of the page that is the same for everybody who may see it.
    """

    request: HttpRequest
    addresses: Mapping[str, str]  # of what the figures lead to, by name

    @property
    def of(self) -> Of:
        raise NotImplementedError

    def books(self) -> dict[str, Any]:
        """The figures of COUNTERS."""
        raise NotImplementedError

    def version(self) -> object | None:
        """What the figures depend on; None while they may still move."""
        raise NotImplementedError

    def series(self) -> Iterable[tuple[date, dict[str, int]]]:
        """The oldest first."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = self.version()
        report: str
        if version is None:
            kept, report = None, self._rendered()
        else:
            kept = cache.fragment(
                "report",
                self._rendered,
                version=(self.model._meta.model_name, self.object.pk, version),
                refresh="refresh" in self.request.GET,
            )
            report = kept.value
        return super().get_context_data(report=report, kept=kept, **kwargs)

    def _rendered(self) -> SafeString:
        """Without the request: nothing in it can depend on the reader."""
        return render_to_string("reports/_report.html", self._figures())

    def _figures(self) -> dict[str, Any]:
        books = self.books()
        replies, span = statistics.replies(self.of)
        is_over = self.version() is not None
        told = partial(reasons.afterwards, expired=books["expired"])
        addresses = {
            name: reverse(address, args=[self.object.pk])
            for name, address in self.addresses.items()
        }
        return addresses | {
            "books": books,
            "states": [
                (name, badges.of_delivery_state(name), books[name]) for name in STATES
            ],
            "replies": [
                (
                    badges.of_delivery_state(row.outcome).__html__(),
                    row,
                    told(row.reason) if is_over else row.reason,
                )
                for row in replies
            ],
            "ends": [
                (
                    badges.of_delivery_state(row.state).__html__(),
                    row,
                    reasons.of_end(row.state, row.reason.label),
                )
                for row in statistics.ends(self.of)
            ],
            "span": span,
            "outcomes": [Delivery.State(name).label for name in statistics.OUTCOMES],
            "series": [
                (moments.plain(when), row.values()) for when, row in self.series()
            ][::-1],
            "success": success(**books),
        }


_SUMS = {
    **{name: Sum(name, default=0) for name in COUNTERS},
    "run_count": Count("pk"),
    "open_runs": Count("pk", filter=Q(state__in=[State.PLANNING, State.SENDING])),
    "last_finished": Max("finished_at"),
}
_sums = Statement(
    lambda: (
        Run.objects.filter(mailing=Parameter("mailing"))
        .order_by()
        .values("mailing")
        .annotate(**{f"of_{name}": value for name, value in _SUMS.items()})
        .values_list(*(f"of_{name}" for name in _SUMS))
    )
)
_latest_runs = Statement(
    lambda: Run.objects.filter(mailing=Parameter("mailing")).order_by(
        "-scheduled_for", "-pk"
    )[: RUNS_SHOWN + 1]
)


class MailingReport(_OfMailing, _Report):
    template_name = "reports/mailing.html"
    addresses = {
        "chart_url": "reports:mailing-chart",
        "attempts_url": "reports:mailing-attempts",
        "recipients_url": "reports:mailing-recipients",
    }

    @cached_property
    def sums(self) -> dict[str, Any]:
        """Of all runs; and what tells whether these may still move."""
        for row in _sums.rows(mailing=self.object.pk):
            return dict(zip(_SUMS, row, strict=True))
        return dict.fromkeys(_SUMS, 0)

    def books(self) -> dict[str, Any]:
        return {name: self.sums[name] for name in COUNTERS}

    def version(self) -> object | None:
        if self.sums["open_runs"]:
            return None
        return tuple(map(str, self.sums.values()))

    def series(self) -> Iterable[tuple[date, dict[str, int]]]:
        return statistics.by_day(self.of).items()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        runs = _latest_runs.objects(mailing=self.object.pk)
        return super().get_context_data(
            run_table=RunTable(runs[:RUNS_SHOWN], orderable=False),
            has_more_runs=len(runs) > RUNS_SHOWN,
            **kwargs,
        )


class RunReport(_OfRun, _Report):
    template_name = "reports/run.html"
    addresses = {
        "chart_url": "reports:run-chart",
        "attempts_url": "reports:run-attempts",
        "recipients_url": "mailings:run-detail",
    }

    def get_queryset(self) -> "QuerySet[Any]":
        changeable = Mailing.objects.changeable_by(self.user)
        may_change = Exists(changeable.filter(pk=OuterRef("mailing")))
        rows: QuerySet[Any] = super().get_queryset().annotate(may_change=may_change)
        return rows

    def books(self) -> dict[str, Any]:
        books: dict[str, Any] = self.object.ledger()
        return books

    def version(self) -> object | None:
        version: object | None = self.object.version()
        return version

    @cached_property
    def periods(self) -> dict[datetime, dict[str, int]]:
        return statistics.by_period(self.of)

    def series(self) -> Iterable[tuple[date, dict[str, int]]]:
        return self.periods.items()

    def _figures(self) -> dict[str, Any]:
        figures = super()._figures()
        span = figures["span"]
        per_minute = span and span.per_minute(self.periods)
        return figures | {"run": self.object, "per_minute": per_minute}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        run = self.object
        failures = run.deferred + run.expired + run.unknown + run.refused
        may_retry = bool(failures) and run.may_change
        return super().get_context_data(may_retry=may_retry, **kwargs)


class _Chart(BaseDetailView):  # type: ignore[type-arg]
    """
    The numbers of the table as JSON; who has them already gets a 304 (RFC 9110 13).

    The tag says what the answer depends on: the runs' attempts, zone and language.
    """

    def series(self) -> dict[str, dict[str, int]]:
        raise NotImplementedError

    def version(self) -> object:
        """Another one whenever there was an attempt."""
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
        zone = timezone.get_current_timezone_name()
        words = repr((self.request.path, self.version(), zone, get_language()))
        return f'"{hashlib.sha256(words.encode()).hexdigest()[:32]}"'


_attempts = Statement(
    lambda: (
        Run.objects.filter(mailing=Parameter("mailing"))
        .order_by()
        .values("mailing")
        .annotate(n=Count("pk"), sum=Sum("attempts"))
        .values_list("n", "sum")
    )
)


class MailingChart(_OfMailing, _Chart):
    def get_queryset(self) -> "QuerySet[Any]":
        return Mailing.objects.reported_to(self.user)

    def version(self) -> object:
        return _attempts.rows(mailing=self.object.pk)

    def series(self) -> dict[str, dict[str, int]]:
        days = statistics.by_day(self.of)
        return {moments.plain(day): row for day, row in days.items()}


class RunChart(_OfRun, _Chart):
    def get_queryset(self) -> "QuerySet[Any]":
        return Run.objects.visible_to(self.user)

    def version(self) -> object:
        return self.object.attempts

    def series(self) -> dict[str, dict[str, int]]:
        periods = statistics.by_period(self.of)
        return {moments.plain(when): row for when, row in periods.items()}
