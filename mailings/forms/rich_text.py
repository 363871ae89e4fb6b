"""The words of the rich text editor, by the names that Trix has for them."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def editor_words() -> dict[str, str]:
    """In the language of the page."""
    return {
        "bold": _("Bold"),
        "italic": _("Italic"),
        "strike": _("Struck through"),
        "link": pgettext("verb", "Link"),
        "unlink": _("Remove the link"),
        "url": _("Address of the link"),
        "urlPlaceholder": "https://…",
        "heading1": _("Heading"),
        "quote": _("Quotation"),
        "code": _("As typed"),
        "bullets": _("List with bullets"),
        "numbers": _("List with numbers"),
        "outdent": _("One level less"),
        "indent": _("One level more"),
        "undo": _("Undo the last change"),
        "redo": _("Redo the last change"),
    }
