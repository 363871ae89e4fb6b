"""Clients: list, detail, create, edit, delete."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from mailings import lifecycle
from mailings.filters import ClientPageFilter
from mailings.forms.client import ClientForm
from mailings.models import Client, ClientList, Delivery, Suppression
from mailings.tables import ClientDeliveryTable, ClientTable
from mailings.views.access import AtHand, ByOwner, Changeable, Own, Visible
from mailsvc.views import ConfirmPage, CreatePage, DetailPage, TablePage, UpdatePage

DELIVERIES_SHOWN = 20


class ClientListPage(AtHand, TablePage):
    model = Client
    table_class = ClientTable
    filterset_class = ClientPageFilter
    template_name = "mailings/client_list.html"
    title = _("Clients")
    lead = _("The people who get your mailings.")
    create_url = "mailings:client-create"
    create_label = _("New client")

    def get_queryset(self) -> "QuerySet[Any]":
        rows: Any = super().get_queryset()
        rows = rows.with_evidence()
        found: QuerySet[Any] = (
            rows.with_list_names() if self.is_export else rows.prefetch_related("lists")
        )
        return found

    def get_table_kwargs(self) -> dict[str, Any]:
        return {"is_search": self.filterset.is_active}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        lists = ClientList.objects.owned_by(self.user)
        context: dict[str, Any] = super().get_context_data(lists=lists, **kwargs)
        if not self.is_export:
            context["table"].look_at_results()
        return context


class ClientDetailPage(Visible, DetailPage):
    model = Client
    template_name = "mailings/client_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        deliveries = Delivery.objects.visible_to(self.user).filter(client=self.object)
        newest = deliveries.select_related("run__mailing").order_by("-pk")
        return super().get_context_data(
            lists=self.object.lists.all(),
            suppression=self._suppression(),
            deliveries=ClientDeliveryTable(
                list(newest[:DELIVERIES_SHOWN]), orderable=False
            ),
            **kwargs,
        )

    def _suppression(self) -> Suppression | None:
        found = Suppression.objects.filter(
            owner=self.object.owner, email=self.object.email.lower()
        )
        return found.select_related("by").first()


class ClientCreatePage(Visible, ByOwner, CreatePage):
    model = Client
    form_class = ClientForm
    template_name = "mailings/client_form.html"
    success_message = _("The client is saved.")


class ClientUpdatePage(Changeable, ByOwner, UpdatePage):
    model = Client
    form_class = ClientForm
    template_name = "mailings/client_form.html"
    success_message = _("The client is saved.")


class ClientDeletePage(Own, ConfirmPage):
    model = Client
    success_url = reverse_lazy("mailings:client-list")
    title = _("Delete client")
    question = _("Delete this client?")
    consequence = _(
        "What still waits for this client is cancelled. What was sent stays in the "
        "history of the runs."
    )
    success_message = _("The client is deleted.")

    def confirmed(self) -> None:
        lifecycle.delete_client(self.object, by=self.user)
