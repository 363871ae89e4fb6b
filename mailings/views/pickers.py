"""The options that a picker's search finds, as a piece of its form."""

from copy import deepcopy
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from mailings.forms.client import ClientForm
from mailings.forms.fields import PickerField
from mailings.forms.mailing import MailingForm
from mailings.models import Client, ClientList
from mailings.views.access import Visible


class OptionsView(Visible, View):
    """POST only: `<name>-search` is looked for, `<name>` are the rows picked so far."""

    http_method_names = ["post"]
    name: ClassVar[str]
    field: ClassVar[Any]  # a PickerField, to be copied

    def post(self, request: HttpRequest) -> HttpResponse:
        field: PickerField = deepcopy(type(self).field)
        field.queryset = self.model.objects.owned_by(self.user)
        text = request.POST.get(f"{self.name}-search", "")[:200].replace("\0", "")
        options = field.options(request.POST.getlist(self.name), text.strip())
        context = {"options": options, "name": self.name}
        return render(request, "mailings/_options.html", context)


class ClientOptions(OptionsView):
    model = Client
    name = "clients"
    field = MailingForm.base_fields["clients"]


class ListOptions(OptionsView):
    model = ClientList
    name = "lists"
    field = ClientForm.base_fields["lists"]
