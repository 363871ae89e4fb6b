"""What a mailing says."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailings import html
from mailings.forms.owned import OwnedForm
from mailings.models import Message


class MessageForm(OwnedForm):
    class Meta:
        model = Message
        fields = ["subject", "body", "body_html"]
        widgets = {
            "body": forms.Textarea(attrs={"rows": 10}),
            "body_html": forms.Textarea(attrs={"rows": 10, "class": "font-monospace"}),
        }
        help_texts = {
            "body": _("If left out, it is made from the HTML version."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].required = False

    def clean_body_html(self) -> str:
        return html.clean(self.cleaned_data["body_html"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("body") == "" and "body_html" in cleaned:
            cleaned["body"] = html.text_of(cleaned["body_html"])
            if not cleaned["body"]:
                self.add_error("body", _("Write a text, or an HTML version."))
        return cleaned
