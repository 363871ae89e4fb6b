"""Lists of clients, and who is on them."""

from itertools import islice
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse_lazy
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views import View

from mailings import removing
from mailings.filters import ClientFilter, ClientListFilter
from mailings.forms.client import ClientListForm
from mailings.models import Client, ClientList
from mailings.tables import ClientListTable, PickClientTable
from mailings.views.access import AtHand, ByOwner, Changeable, Own, Visible
from mailsvc.filters import is_key
from mailsvc.numbers import grouped
from mailsvc.views import ConfirmPage, CreatePage, TablePage, UpdatePage


class ListListPage(AtHand, TablePage):
    model = ClientList
    table_class = ClientListTable
    filterset_class = ClientListFilter
    title = _("Client lists")
    lead = _("Named groups of clients. A client may be on several.")
    create_url = "mailings:list-create"
    create_label = _("New list")

    def get_queryset(self) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset().with_size()  # type: ignore[attr-defined]
        return rows


class ListCreatePage(Visible, ByOwner, CreatePage):
    model = ClientList
    form_class = ClientListForm
    success_message = _("The list is saved. Now add clients to it.")
    extra_context = {"title": _("New list"), "cancel": "mailings:list-list"}


class ListUpdatePage(Changeable, ByOwner, UpdatePage):
    model = ClientList
    form_class = ClientListForm
    success_message = _("The list is saved.")
    extra_context = {"title": _("Edit list"), "cancel": "mailings:list-list"}


class ListDeletePage(Own, ConfirmPage):
    model = ClientList
    success_url = reverse_lazy("mailings:list-list")
    title = _("Delete list")
    question = _("Delete this list?")
    consequence = _(
        "The clients stay. Mailings to this list go on to their other recipients."
    )
    success_message = _("The list is deleted.")

    def confirmed(self) -> None:
        removing.delete_list(self.object, by=self.user)


class _Addable:
    """Which clients may be put on a list: its owner's, as far as one has them."""

    user: Any

    def addable(self, client_list: ClientList) -> "QuerySet[Client]":
        return Client.objects.at_hand(self.user).filter(owner=client_list.owner)


class MembersPage(_Addable, Visible, TablePage):
    """The list itself: its clients, each with a box."""

    model = Client
    table_class = PickClientTable
    filterset_class = ClientFilter
    template_name = "mailings/clientlist_detail.html"

    @cached_property
    def list(self) -> ClientList:
        lists = self.with_rights(ClientList.objects.visible_to(self.user))
        return cast("ClientList", get_object_or_404(lists, pk=self.kwargs["pk"]))

    def get_queryset(self) -> "QuerySet[Any]":
        members = self.members.filter(client_id=OuterRef("pk"))
        return Client.objects.owned_by(self.list.owner).filter(Exists(members))

    @property
    def members(self) -> "QuerySet[Any]":
        return ClientList.clients.through.objects.filter(clientlist=self.list)

    def get_table_kwargs(self) -> dict[str, Any]:
        """Picking is for who may change the list; a page, for who sees its client."""
        is_visible = self.list.owner == self.user or self.user.has_perm(
            "mailings.view_all_clients"
        )
        may_change = getattr(self.list, "may_change", False)
        return {
            "have_pages": is_visible,
            "exclude": () if may_change else ("pick",),
            "is_search": self.filterset.is_active,
            "total": self.total,
        }

    def total(self) -> int:
        return self.members.count()


class NonMembersPage(MembersPage):
    """Clients of the same owner who are not on the list yet."""

    template_name = "mailings/clientlist_add.html"

    def get_table_kwargs(self) -> dict[str, Any]:
        words = _("Nobody is left to add.")
        return super().get_table_kwargs() | {"empty_text": words}

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        if not getattr(self.list, "may_change", False):
            raise PermissionDenied
        return super().dispatch(*args, **kwargs)

    def get_queryset(self) -> "QuerySet[Any]":
        members = self.members.filter(client_id=OuterRef("pk"))
        return self.addable(self.list).filter(~Exists(members))

    def total(self) -> int:
        # Whoever is on it could be added, were they not. An editor can add nobody.
        return max(0, self.addable(self.list).count() - self.members.count())


class MembersChange(_Addable, Changeable, View):
    """POST only: puts clients on the list or takes them off; `clients` are ids."""

    http_method_names = ["post"]
    model = ClientList

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        clients = self.get_clients(cast("ClientList", self.get_object()))
        messages.success(request, self.change(clients))
        return redirect("mailings:list-detail", pk)

    def get_clients(self, client_list: ClientList) -> "QuerySet[Client]":
        self.list = client_list
        return self.addable(client_list).filter(pk__in=self.keys())

    def keys(self) -> list[str]:
        return [key for key in self.request.POST.getlist("clients") if is_key(key)]

    def change(self, clients: "QuerySet[Client]") -> str:
        raise NotImplementedError


class MembersAdd(MembersChange):
    def get_clients(self, client_list: ClientList) -> "QuerySet[Client]":
        """With `everybody` those whom the search `q` finds, on however many pages."""
        if "everybody" not in self.request.POST:
            return super().get_clients(client_list)
        self.list = client_list
        own = self.addable(client_list)
        search = ClientFilter(self.request.POST, queryset=own)
        # A search that can't be understood finds nobody, and not everybody.
        found: QuerySet[Client] = search.qs if search.is_valid() else own.none()
        return found

    def change(self, clients: "QuerySet[Client]") -> str:
        row = self.list.clients.through
        before = self.list.clients.count()
        keys = clients.values_list("pk", flat=True).iterator()
        # Not `add`: a hundred thousand ids are too many for one statement.
        while some := list(islice(keys, 5_000)):
            row.objects.bulk_create(
                [row(clientlist_id=self.list.pk, client_id=key) for key in some],
                ignore_conflicts=True,
            )
        count = self.list.clients.count() - before
        return ngettext(
            "%(count)s client was added.", "%(count)s clients were added.", count
        ) % {"count": grouped(count)}


class MembersRemove(MembersChange):
    def get_clients(self, client_list: ClientList) -> "QuerySet[Client]":
        """An editor, too, sees who is on the list: `change` takes nobody else off."""
        self.list = client_list
        return Client.objects.filter(lists=client_list, pk__in=self.keys())

    def change(self, clients: "QuerySet[Client]") -> str:
        through = self.list.clients.through.objects.filter(clientlist=self.list)
        count, _by_model = through.filter(client__in=clients).delete()
        return ngettext(
            "%(count)s client was taken off the list.",
            "%(count)s clients were taken off the list.",
            count,
        ) % {"count": grouped(count)}
