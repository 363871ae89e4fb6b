"""The list of mailings; of those that run, live."""

from collections.abc import Collection
from typing import Any

from django.db.models import F, Max, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from mailings.condition import condition
from mailings.filters import MailingFilter
from mailings.models import Run
from mailings.pace import Progress, progress
from mailings.tables import MailingTable
from mailings.views.mailings import MailingsAtHand
from mailsvc.filters import is_key
from mailsvc.tables import PAGE_SIZES
from mailsvc.views import TablePage


class MailingListPage(MailingsAtHand, TablePage):
    table_class = MailingTable
    filterset_class = MailingFilter
    template_name = "mailings/mailing_list.html"
    title = _("Mailings")
    lead = _("A message to clients, once or again and again until its end.")
    create_url = "mailings:mailing-create"
    create_label = _("New mailing")

    def get_queryset(self) -> "QuerySet[Any]":
        newest = Run.objects.filter(mailing=OuterRef("pk")).order_by("-scheduled_for")
        failed = newest.annotate(failed=F("refused") + F("unknown") + F("expired"))
        rows: Any = super().get_queryset()
        annotated: QuerySet[Any] = rows.with_last_occurrence().annotate(
            subject=F("message__subject"),
            last_planned=Subquery(newest.values("planned")[:1]),
            last_accepted=Subquery(newest.values("accepted")[:1]),
            last_failed=Subquery(failed.values("failed")[:1]),
            last_pk=Subquery(newest.values("pk")[:1]),
            last_state=Subquery(newest.values("state")[:1]),
        )
        return annotated

    def get_table_kwargs(self) -> dict[str, Any]:
        return {"now": timezone.now()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if self.is_export:
            return context
        table, found = context["table"], condition(context["table"].now)
        table.look_at_runs(found)
        rows = table.progress
        return context | {"condition": found, **looked_at(rows, rows.values())}


def looked_at(mailings: Collection[int], rows: Collection[Progress]) -> dict[str, Any]:
    """For the template: whether to look again at these, and after how many seconds."""
    refresh = 3 if any(each.is_moving for each in rows) else 30
    return {"running": sorted(mailings), "refresh": refresh}


class MailingProgressPart(MailingsAtHand, TemplateView):
    """What htmx fetches while rows of the list run; `?mailing=` are their keys."""

    template_name = "mailings/_progress_live.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        keys = [key for key in self.request.GET.getlist("mailing") if is_key(key)]
        mailings = self.get_queryset().filter(pk__in=keys[: max(PAGE_SIZES)]).in_bulk()
        # The newest of each: the run before it ends when the next one begins.
        runs = {
            run.mailing_id: run
            for run in Run.objects.filter(
                pk__in=Run.objects.filter(mailing__in=mailings)
                .order_by()
                .values("mailing")
                .annotate(newest=Max("pk"))
                .values("newest")
            )
        }
        rows = progress(runs.values(), condition(timezone.now())) if runs else []
        return super().get_context_data(
            rows=[(each, mailings[each.run.mailing_id]) for each in rows],
            **looked_at([key for key, run in runs.items() if run.is_open], rows),
            **kwargs,
        )
