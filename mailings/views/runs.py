"""Runs: their books live, the snapshot, every delivery and every attempt."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from mailings import badges
from mailings.filters import DeliveryFilter, RunFilter
from mailings.models import Client, Delivery, Run
from mailings.models.run import STATES
from mailings.tables import AllRunsTable, AttemptTable, DeliveryTable
from mailings.views.access import AtHand, Visible
from mailsvc.views import DetailPage, TablePage, foreign_html


class RunListPage(AtHand, TablePage):
    """All runs; `?mailing=` are those of one mailing."""

    model = Run
    table_class = AllRunsTable
    filterset_class = RunFilter
    title = _("Runs")
    lead = _("Each time that a mailing went out, and what became of it.")

    def get_queryset(self) -> "QuerySet[Any]":
        # Without the texts, each of which may be half a megabyte.
        rows = super().get_queryset().select_related("mailing")
        return rows.defer("body", "body_html")


def ledger_of(run: Run) -> dict[str, Any]:
    """The books as an equation: planned = the states, each with its badge."""
    states = [
        (name, badges.of_delivery_state(name), getattr(run, name)) for name in STATES
    ]
    refresh = (2 if run.is_busy else 30) if run.is_open else None
    return {"run": run, "states": states, "refresh": refresh}


class RunDetailPage(Visible, TablePage):
    """A run, and its deliveries as a table."""

    model = Delivery
    table_class = DeliveryTable
    filterset_class = DeliveryFilter
    template_name = "mailings/run_detail.html"

    @cached_property
    def run(self) -> Run:
        runs = Run.objects.visible_to(self.user).select_related("mailing")
        return get_object_or_404(runs, pk=self.kwargs["pk"])

    def get_queryset(self) -> "QuerySet[Any]":
        rows = Delivery.objects.filter(run=self.run).with_last_reply()
        # As they were planned. There is an index in this order; by their keys, page 200
        # would sort all keys of the run.
        return rows.order_by("client_id", "pk")

    def get_table_kwargs(self) -> dict[str, Any]:
        """The books have counted them, unless more is asked for than a state."""
        data = self.filterset.data
        asked = {name: data[name] for name in self.filterset.filters if data.get(name)}
        if not asked:
            return {"count": self.run.planned}
        if asked.keys() == {"state"} and asked["state"] in STATES:
            return {"count": self.run.ledger()[asked["state"]]}
        return {}

    def export_version(self) -> object | None:
        return self.run.version()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        files = self.run.attachments.described()
        return super().get_context_data(  # type: ignore[no-any-return]
            **ledger_of(self.run), attachments=files, **kwargs
        )


class RunHtml(Visible, DetailPage):
    """The HTML version of what was sent, for the frame on the page."""

    model = Run

    def render_to_response(self, context: Any, **kwargs: Any) -> HttpResponse:
        return foreign_html(self.object.body_html)


class RunLivePart(Visible, DetailPage):
    """The part of the page that htmx fetches again and again."""

    model = Run
    template_name = "mailings/_run_live.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**ledger_of(self.object), **kwargs)


class DeliveryDetailPage(Visible, DetailPage):
    model = Delivery
    template_name = "mailings/delivery_detail.html"

    def get_queryset(self) -> "QuerySet[Any]":
        return super().get_queryset().select_related("run__mailing", "client")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        attempts = AttemptTable(list(self.object.attempts.all()), orderable=False)
        clients = Client.objects.visible_to(self.user)
        return super().get_context_data(
            attempts=attempts,
            client_has_page=clients.filter(pk=self.object.client_id).exists(),
            **kwargs,
        )
