"""Clients, their lists, and addresses that are written to no more."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailings.forms.fields import PickerField
from mailings.forms.owned import OwnedForm
from mailings.models import Client, ClientList, Suppression


class ClientForm(OwnedForm):
    lists = PickerField(
        search_fields=["name"],
        search_url="mailings:list-options",
        label=gettext_lazy("Lists"),
    )

    class Meta:
        model = Client
        fields = ["email", "full_name", "comment"]
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "off"}),
            "comment": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {"comment": gettext_lazy("Only you see it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("lists", ClientList.objects.owned_by(self.owner))

    def clean_email(self) -> str:
        return self.once_per_owner(
            "email", _("You already have a client with this e-mail address.")
        )


class ClientListForm(OwnedForm):
    class Meta:
        model = ClientList
        fields = ["name"]

    def clean_name(self) -> str:
        return self.once_per_owner("name", _("You already have a list of this name."))


class SuppressionForm(OwnedForm):
    class Meta:
        model = Suppression
        fields = ["email", "words"]
        labels = {"words": gettext_lazy("Why")}
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "off"}),
            "words": forms.Textarea(attrs={"rows": 2}),
        }

    def clean_email(self) -> str:
        self.cleaned_data["email"] = self.cleaned_data["email"].lower()
        return self.once_per_owner("email", _("This address is suppressed already."))


class AllowAgainForm(forms.Form):
    was_asked_for = forms.BooleanField(
        label=gettext_lazy("The recipient has asked me for it"),
        error_messages={
            "required": gettext_lazy("Only if the recipient has asked for it.")
        },
    )

    def __init__(self, *args: Any, suppression: Suppression, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not suppression.is_unsubscribed:
            del self.fields["was_asked_for"]
