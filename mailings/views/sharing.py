"""With whom a mailing, a message or a list is shared: the owner's page."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.generic import FormView
from django.views.generic.detail import SingleObjectMixin

from mailings.forms.sharing import ShareForm
from mailings.models import ClientList, Mailing, Message
from mailings.views.access import Own
from users import permissions, roles
from users.permissions import Level

KINDS: dict[str, Any] = {"mailing": Mailing, "message": Message, "list": ClientList}


class Share(NamedTuple):
    """Colleagues have no key here: one without an account would have another."""

    name: str
    may_change: bool
    group: int | None = None


class _Shared(Own):
    """What is shared: a row of the kind that the address names."""

    of = ""
    model: Any = None
    object: Any

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.existing() if self.model is Mailing else rows

    def address(self) -> str:
        name = f"mailings:{self.of}-share"
        return reverse(name, args=[self.object.pk])


class SharePage(_Shared, SingleObjectMixin, FormView):  # type: ignore[type-arg]
    form_class = ShareForm
    template_name = "mailings/sharing.html"
    title = _("Sharing")

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        self.object = self.get_object()
        return super().dispatch(*args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"by": self.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        take_back = reverse(f"mailings:{self.of}-unshare", args=[self.object.pk])
        return super().get_context_data(
            shares=shares_of(self.object),
            take_back=take_back,
            is_mailing=self.model is Mailing,
            **kwargs,
        )

    def form_valid(self, form: ShareForm) -> HttpResponse:
        form.share(self.object)
        messages.success(self.request, str(_("Shared.")))
        return redirect(self.address())


class Unshare(_Shared, View):
    """POST only: takes back what the `group` has, or whoever has this `email`."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.object = self.get_object()
        if email := request.POST.get("email", "").replace("\0", ""):
            permissions.unshare_by_address(self.object, email=email, by=self.user)
        else:
            self._take_back_from_group(request.POST.get("group", ""))
        messages.success(request, str(_("Taken back.")))
        return redirect(self.address())

    def _take_back_from_group(self, key: str) -> None:
        """By a key that is not among the shares nobody learns anything."""
        for holder in permissions.shares_of(self.object):
            if isinstance(holder, Group) and str(holder.pk) == key:
                permissions.unshare(self.object, to=holder, by=self.user)


def shares_of(obj: models.Model) -> list[Share]:
    """Colleagues, groups and invitations; a colleague looks like an invitation."""
    shares = [
        Share(roles.shown(holder.name), level is Level.CHANGE, holder.pk)
        if isinstance(holder, Group)
        else Share(holder.email.lower(), level is Level.CHANGE)
        for holder, level in permissions.shares_of(obj).items()
    ]
    shares += [
        Share(row.email, row.level == Level.CHANGE)
        for row in permissions.invitations(type(obj)).filter(content_object=obj)
    ]
    return sorted(shares, key=lambda share: (share.group is not None, share.name))
