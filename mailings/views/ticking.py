"""What is done with the clients that are ticked in the table."""

from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.views import View

from mailings import lifecycle
from mailings.models import Client, ClientList
from mailsvc import exports
from mailsvc.filters import is_key
from mailsvc.numbers import grouped
from users.models import User

AT_ONCE = 100  # as many as a page has; each that is deleted is a few statements


class TickedClients(View):
    """POST only: `clients` are keys, `do` says what, `list` which list."""

    http_method_names = ["post"]

    @cached_property
    def user(self) -> User:
        return cast("User", self.request.user)

    @cached_property
    def clients(self) -> list[Client]:
        """The user's own among them: lists and deleting are the owner's."""
        keys = filter(is_key, self.request.POST.getlist("clients"))
        own = Client.objects.owned_by(self.user)
        return list(own.filter(pk__in=list(keys)[:AT_ONCE]))

    def post(self, request: HttpRequest) -> HttpResponse:
        do = request.POST.get("do", "")
        if not self.clients:
            messages.warning(request, gettext("Tick some clients first."))
        elif do in exports.KINDS:
            keys = [("pick", client.pk) for client in self.clients]
            return redirect(f"{self._page}?{urlencode([*keys, ('export', do)])}")
        elif do == "write":
            keys = [("client", client.pk) for client in self.clients]
            return redirect(f"{reverse('mailings:mailing-create')}?{urlencode(keys)}")
        elif do in ("add", "remove"):
            self._change_list(do)
        elif do == "delete":
            return self._delete()
        return redirect(self._page)

    @cached_property
    def _page(self) -> str:
        return reverse("mailings:client-list")

    def _change_list(self, do: str) -> None:
        key = self.request.POST.get("list", "")
        lists = ClientList.objects.owned_by(self.user)
        chosen = lists.filter(pk=key).first() if is_key(key) else None
        if chosen is None:
            messages.warning(self.request, gettext("Choose a list first."))
            return
        there = chosen.clients.filter(pk__in=[client.pk for client in self.clients])
        count = there.count()
        if do == "add":
            count = len(self.clients) - count
            chosen.clients.add(*self.clients)
            words = ngettext(
                "%(count)s client was added.", "%(count)s clients were added.", count
            )
        else:
            chosen.clients.remove(*self.clients)
            words = ngettext(
                "%(count)s client was taken off the list.",
                "%(count)s clients were taken off the list.",
                count,
            )
        messages.success(self.request, f"{chosen}: {words % {'count': grouped(count)}}")

    def _delete(self) -> HttpResponse:
        if "sure" not in self.request.POST:
            context = {"clients": self.clients, "cancel": self._page}
            return render(self.request, "mailings/clients_delete.html", context)
        lifecycle.delete_clients(self.clients, by=self.user)
        count = len(self.clients)
        words = ngettext(
            "%(count)s client is deleted.", "%(count)s clients are deleted.", count
        )
        messages.success(self.request, words % {"count": grouped(count)})
        return redirect(self._page)
