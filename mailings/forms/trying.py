"""To whom a test of a message goes."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mailsvc.validators import validate_mailbox

AT_MOST = 5  # addresses


class TrialForm(forms.Form):
    to = forms.CharField(
        label=_("Addresses"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Up to five, one a line or with commas between them."),
    )

    def clean_to(self) -> list[str]:
        words = re.split(r"[\s,;]+", self.cleaned_data["to"].strip(" \t\r\n,;"))
        found = {word.lower(): word for word in words if word}
        if not found:
            raise ValidationError(self.fields["to"].error_messages["required"])
        if len(found) > AT_MOST:
            raise ValidationError(
                _("At most %(limit)d addresses."), params={"limit": AT_MOST}
            )
        errors: list[Any] = []
        for word in found.values():
            try:
                validate_mailbox(word)
            except ValidationError as error:
                errors.append(error)
        if errors:
            raise ValidationError(errors)
        return list(found.values())
