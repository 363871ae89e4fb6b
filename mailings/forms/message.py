"""What a mailing says."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailings import html
from mailings.forms.owned import OwnedForm
from mailings.models import Message

_TAKES = {"data-takes-placeholders": ""}  # static/js/placeholders.js


class MessageForm(OwnedForm):
    class Meta:
        model = Message
        fields = ["subject", "body", "body_html"]
        widgets = {
            "subject": forms.TextInput(attrs=_TAKES),
            "body": forms.Textarea(attrs={"rows": 10, **_TAKES}),
            "body_html": forms.Textarea(
                attrs={"rows": 14, "class": "font-monospace", **_TAKES}
            ),
        }
        help_texts = {
            "body": _("If left out, it is made from the HTML version."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].required = False
        # A text that was made from the HTML is made anew from what that says next.
        markup = self.instance.body_html
        is_draft = "body" in (kwargs.get("initial") or {})
        if not is_draft and markup and self.instance.body == html.text_of(markup):
            self.initial["body"] = ""

    def clean_body_html(self) -> str:
        return html.clean(self.cleaned_data["body_html"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("body") == "" and "body_html" in cleaned:
            cleaned["body"] = html.text_of(cleaned["body_html"])
            if not cleaned["body"]:
                self.add_error("body", _("Write a text, or an HTML version."))
        return cleaned
