"""
What is behind the figures: the attempts of a run or of a mailing, and the recipients of
a mailing. The books and the statistics say where such rows are: a page looks there, and
not through all there are.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import django_tables2 as tables
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from mailings.models import Attempt, Delivery, ReplyCount, Run
from mailings.tables import BadgesColumn, DeliveryTable
from mailsvc.tables import BaseTable, BoundedTable, NumberColumn, TimeColumn

MOST = BoundedTable.MOST


@dataclass(frozen=True)
class Question:
    """Which attempts are asked for. `code` 0: those without a reply."""

    outcome: str = ""
    code: int | None = None
    enhanced_code: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    email: str = ""

    def of_counts(self) -> Q:
        """The rows of `ReplyCount` that such attempts are counted in."""
        wanted = {
            "outcome": self.outcome or None,
            "code": self.code,
            "enhanced_code": self.enhanced_code,
            "last_at__gte": self.since,
            "first_at__lt": self.before,
        }
        return Q(**{name: value for name, value in wanted.items() if value is not None})


def attempts_at_hand(
    rows: "QuerySet[Attempt]", runs: "QuerySet[Run]", question: Question
) -> "tuple[QuerySet[Attempt], bool]":
    """
    Those of `rows` (the answer to the question, of `runs`) that one page can be made
    of, and whether that is all of them: else they are of the newest runs.
    """
    if question.email:
        return rows, True  # few already
    counts = list(
        ReplyCount.objects.filter(question.of_counts(), run__in=runs)
        .order_by("-run__scheduled_for", "-run", "pk")
        .values_list("run", "outcome", "code", "attempts")[: MOST + 1]
    )
    per_run: Counter[int] = Counter()
    for run, _outcome, _code, attempts in counts:
        per_run[run] += attempts
    chosen = newest(per_run.items())
    rows = rows.filter(run__in=chosen)
    if all(outcome != Attempt.Outcome.ACCEPTED for _run, outcome, *_rest in counts):
        # In these words the index of failures is found.
        rows = rows.exclude(outcome=Attempt.Outcome.ACCEPTED)
        if question.outcome:
            rows = rows.filter(_of_codes({code for _run, _outcome, code, _n in counts}))
    return rows, len(chosen) == len(per_run)


def _of_codes(codes: set[int]) -> Q:
    replied = Q(code__in=codes - {0})
    return replied | Q(code=None) if 0 in codes else replied


def recipients_at_hand(
    rows: "QuerySet[Delivery]", runs: "QuerySet[Run]", state: str
) -> "tuple[QuerySet[Delivery], bool]":
    """The same for deliveries in this state, or in any."""
    runs = runs.filter(**{f"{state or 'planned'}__gt": 0})
    sizes = runs.order_by("-scheduled_for", "-pk").values_list("pk", "planned")
    counts = list(sizes[: MOST + 1])
    chosen = newest(counts)
    return rows.filter(run__in=chosen), len(chosen) == len(counts)


def newest(counts: Iterable[tuple[int, int]]) -> list[int]:
    """The first runs that together have no more than MOST rows; at least one."""
    chosen: list[int] = []
    total = 0
    for run, count in counts:
        total += count
        if chosen and total > MOST:
            break
        chosen.append(run)
    return chosen


def _story_of(record: Attempt) -> str:
    query = urlencode({"email": record.delivery.email})
    return f"{reverse('reports:story')}?{query}"


class AttemptLogTable(BoundedTable):
    """The attempts of one run, each with its recipient."""

    label = _("Attempts")
    SORTED = ("started_at",)

    started_at = TimeColumn(seconds=True, order_by=("started_at", "pk"))
    email = tables.Column(
        accessor="delivery__email", verbose_name=_("Recipient"), linkify=_story_of
    )
    outcome = BadgesColumn()
    code = NumberColumn(order_by=("code", "enhanced_code"))
    number = NumberColumn()
    # In the file alone; on the page the reply begins with the enhanced code.
    duration_ms = NumberColumn(visible=False)
    full_name = tables.Column(
        accessor="delivery__full_name", verbose_name=_("Full name"), visible=False
    )
    enhanced_code = tables.Column(visible=False)

    class Meta(BaseTable.Meta):
        model = Attempt
        fields = (
            *("started_at", "email", "full_name", "outcome", "code"),
            *("enhanced_code", "reply", "number", "duration_ms"),
        )
        empty_text = _("No attempts yet.")

    def render_reply(self, value: str) -> str:
        return value if len(value) <= 160 else f"{value[:159]}…"

    def value_reply(self, value: str) -> str:
        return value


class MailingAttemptTable(AttemptLogTable):
    """Of several runs."""

    run = TimeColumn(
        accessor="run__scheduled_for",
        verbose_name=_("Run"),
        linkify=("reports:run", [tables.A("run_id")]),
    )

    class Meta(AttemptLogTable.Meta):
        sequence = ("started_at", "email", "full_name", "run", "...")


class RecipientTable(BoundedTable, DeliveryTable):
    """The deliveries of several runs."""

    label = _("Recipients")

    run = TimeColumn(
        accessor="run__scheduled_for",
        verbose_name=_("Run"),
        linkify=("reports:run", [tables.A("run_id")]),
    )

    class Meta(DeliveryTable.Meta):
        sequence = ("full_name", "email", "run", "...")


def in_order(rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Attempts: the newest first, as the index has them."""
    return rows.order_by("-started_at", "-pk")
