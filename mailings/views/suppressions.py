"""Addresses that are written to no more: list, add by hand, allow again."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from django.views.generic.detail import SingleObjectMixin

from mailings import suppressing
from mailings.filters import SuppressionFilter
from mailings.forms.client import AllowAgainForm, SuppressionForm
from mailings.models import Suppression
from mailings.tables import SuppressionTable
from mailings.views.access import ByOwner, Own, Visible
from mailsvc import views

_LIST = reverse_lazy("mailings:suppression-list")


class ListPage(Visible, views.TablePage):
    """A user's own; whoever sees the clients of all sees these of all."""

    model = Suppression
    table_class = SuppressionTable
    filterset_class = SuppressionFilter
    title = _("Suppressed addresses")
    lead = _(
        "Who has unsubscribed, what a mail server has refused for good, and what you "
        "put here yourself. No mailing writes to these addresses, even if they are "
        "imported again."
    )
    create_url = "mailings:suppression-create"
    create_label = _("Suppress an address")

    def get_queryset(self) -> "QuerySet[Any]":
        return super().get_queryset().select_related("owner")

    def get_table_kwargs(self) -> dict[str, Any]:
        sees_all = self.user.has_perm("mailings.view_all_clients")
        return {"exclude": () if sees_all else ("owner",)}


class CreatePage(Visible, ByOwner, views.CreatePage):
    model = Suppression
    form_class = SuppressionForm
    success_url = _LIST
    success_message = _("The address is suppressed. Nothing more is sent there.")
    extra_context = {
        "title": _("Suppress an address"),
        "cancel": "mailings:suppression-list",
    }

    def saved(self) -> None:
        suppressing.suppress(self.object, by=self.user)


class AllowAgainPage(Own, SingleObjectMixin, FormView):  # type: ignore[type-arg]
    model = Suppression
    form_class = AllowAgainForm
    template_name = "mailings/suppression_allow.html"
    title = _("Allow an address again")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.object = self.get_object()
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"suppression": self.object}

    def form_valid(self, form: AllowAgainForm) -> HttpResponse:
        suppressing.allow_again(
            self.object,
            by=self.user,
            was_asked_for=form.cleaned_data.get("was_asked_for", False),
        )
        messages.success(self.request, str(_("The address is allowed again.")))
        return redirect(_LIST)
