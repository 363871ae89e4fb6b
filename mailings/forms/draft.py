"""What is kept of a message while somebody writes it: as it is, right or wrong."""

from django import forms

from mailings.models import Draft
from mailings.models.draft import FIELDS


class DraftForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Draft
        fields = FIELDS
        field_classes = dict.fromkeys(FIELDS, forms.CharField)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for field in self.fields.values():
            field.strip = False  # type: ignore[attr-defined]
