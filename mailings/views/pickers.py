"""The options that a picker's search finds, as a piece of its form."""

from copy import deepcopy
from typing import Any, ClassVar, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views import View

from mailings.forms.client import ClientForm
from mailings.forms.fields import PickerField
from mailings.forms.mailing import MailingForm
from mailings.models import Client, ClientList, Mailing
from mailings.views.access import Visible
from users.models import User


def mailing_in_hand(user: User, key: str) -> Mailing:
    """The mailing that the user is editing, by its key in the address."""
    mailings = Mailing.objects.changeable_by(user).existing()
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise Http404
    return get_object_or_404(mailings.select_related("owner"), pk=key)


class OptionsView(Visible, View):
    """POST only: `<name>-search` is looked for, `<name>` are the rows picked so far."""

    http_method_names = ["post"]
    name: ClassVar[str]
    field: ClassVar[Any]  # a PickerField, to be copied

    def post(self, request: HttpRequest) -> HttpResponse:
        field = self._field(request.GET.get("mailing", ""))
        text = request.POST.get(f"{self.name}-search", "")[:200].replace("\0", "")
        options = field.options(request.POST.getlist(self.name), text.strip())
        context = {"options": options, "name": self.name}
        return render(request, "mailings/_options.html", context)

    def _field(self, mailing: str) -> PickerField:
        """In the form of an existing mailing, the choice is its owner's."""
        if mailing:
            return self._field_of(mailing)
        field: PickerField = deepcopy(type(self).field)
        field.queryset = self.model.objects.owned_by(self.user)
        return field

    def _field_of(self, key: str) -> PickerField:
        form = MailingForm(instance=mailing_in_hand(self.user, key), owner=self.user)
        if self.name not in form.fields:
            raise Http404
        return cast("PickerField", form.fields[self.name])


class ClientOptions(OptionsView):
    model = Client
    name = "clients"
    field = MailingForm.base_fields["clients"]


class ListOptions(OptionsView):
    model = ClientList
    name = "lists"
    field = ClientForm.base_fields["lists"]
