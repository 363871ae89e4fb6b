"""Clients from a file: what to upload, and which column is which."""

import string
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailings.models import ClientList


class UploadForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )
    list_name = forms.CharField(
        label=gettext_lazy("Put them on a list"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("The name of a list that you have, or of a new one."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _(
            "CSV or a workbook (XLSX), at most %(size)s. The columns: e-mail "
            "(needed), full name, comment; in any order."
        ) % {"size": filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)}

    def clean_list_name(self) -> str:
        name: str = self.cleaned_data["list_name"]
        if name:
            try:
                ClientList(name=name).clean_fields(exclude=["owner"])
            except ValidationError as error:
                raise ValidationError(error.messages) from error
        return name


class ColumnsForm(forms.Form):
    """Which column is which; `rows` are the first ones of the file."""

    email = forms.TypedChoiceField(label=gettext_lazy("E-mail"), coerce=int)
    full_name = forms.TypedChoiceField(
        label=gettext_lazy("Full name"), coerce=int, required=False, empty_value=None
    )
    comment = forms.TypedChoiceField(
        label=gettext_lazy("Comment"), coerce=int, required=False, empty_value=None
    )
    has_names = forms.BooleanField(
        label=gettext_lazy("The first row names the columns"), required=False
    )

    def __init__(
        self, *args: Any, rows: list[list[str]], columns: dict[str, Any], **kwargs: Any
    ) -> None:
        kwargs["initial"] = columns["places"] | {"has_names": columns["has_names"]}
        super().__init__(*args, **kwargs)
        choices = [
            (place, _label(place, rows))
            for place in range(len(rows[0] if rows else []))
        ]
        for name in ("email", "full_name", "comment"):
            nothing = _("Choose") if name == "email" else _("None")
            field: Any = self.fields[name]
            field.choices = [("", f"— {nothing} —"), *choices]

    def clean(self) -> dict[str, Any]:
        chosen = list(self.places().values())
        if len(chosen) != len(set(chosen)):
            raise ValidationError(_("Each of them needs a column of its own."))
        return self.cleaned_data

    def places(self) -> dict[str, int]:
        found = {name: self.cleaned_data.get(name) for name in ("email", "full_name")}
        found["comment"] = self.cleaned_data.get("comment")
        return {name: place for name, place in found.items() if place is not None}


def _label(place: int, rows: list[list[str]]) -> str:
    """As a spreadsheet calls it, and the first cells: “B: name, Anna Karenina”."""
    letters = string.ascii_uppercase
    tens = letters[place // 26 - 1] if place >= 26 else ""
    cells = [row[place] for row in rows[:2] if place < len(row) and row[place]]
    return f"{tens}{letters[place % 26]}: {', '.join(cells) or '—'}"
