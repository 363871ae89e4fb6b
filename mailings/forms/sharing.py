"""Sharing something with a colleague or a group."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from users import permissions, roles
from users.models import User
from users.permissions import Level


class ShareForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address of a colleague"),
        required=False,
        help_text=gettext_lazy(
            "Whoever signs in here with it has it, now or once they have an account."
        ),
    )
    group = forms.ModelChoiceField(
        Group.objects.none(),
        label=gettext_lazy("Or one of your groups"),
        required=False,
    )
    level = forms.ChoiceField(
        label=gettext_lazy("They may"),
        choices=[
            (Level.VIEW.value, gettext_lazy("see it")),
            (Level.CHANGE.value, gettext_lazy("see and change it")),
        ],
        initial=Level.VIEW.value,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        # Nobody learns here which groups there are besides their own.
        groups = Group.objects.filter(user=by).order_by("name")
        if groups.exists():
            field: Any = self.fields["group"]
            field.queryset, field.label_from_instance = groups, roles.label
        else:
            del self.fields["group"]

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if email == self.by.email.lower():
            raise ValidationError(_("It is yours already."))
        return email

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if "email" in self.errors or "group" in self.errors:
            return values
        if bool(values.get("email")) == bool(values.get("group")):
            words = _("Name one: a colleague or a group.")
            if "group" not in self.fields:
                words = _("Name a colleague.")
            self.add_error("email", words)
        return values

    def share(self, obj: models.Model) -> None:
        level = Level(self.cleaned_data["level"])
        if group := self.cleaned_data.get("group"):
            permissions.share(obj, to=group, level=level, by=self.by)
            return
        permissions.share_by_address(
            obj, email=self.cleaned_data["email"], level=level, by=self.by
        )
