"""A state in a word, an icon and a colour; never by the colour alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.html import format_html

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


@dataclass(frozen=True)
class Badge:
    """`colour` is one of Bootstrap's names, `icon` one of bootstrap-icons'."""

    text: "_StrOrPromise"
    icon: str
    colour: str
    title: "_StrOrPromise" = ""

    def __html__(self) -> str:
        return format_html(
            '<span class="badge border bg-{0}-subtle border-{0}-subtle '
            'text-{0}-emphasis" title="{3}">'
            '<i class="bi bi-{1}" aria-hidden="true"></i> {2}</span>',
            self.colour,
            self.icon,
            self.text,
            self.title,
        )

    def __str__(self) -> str:
        return str(self.text)
