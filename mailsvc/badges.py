"""A state in a word, an icon and a colour; never by the colour alone."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.html import format_html
from django.utils.safestring import SafeString

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
        return _written(str(self.text), self.icon, self.colour, str(self.title))

    def __str__(self) -> str:
        return str(self.text)


# A page has many, of few kinds.
@lru_cache(maxsize=512)
def _written(text: str, icon: str, colour: str, title: str) -> SafeString:
    return format_html(
        '<span class="badge border bg-{0}-subtle border-{0}-subtle '
        'text-{0}-emphasis" title="{3}">'
        '<i class="bi bi-{1}" aria-hidden="true"></i> {2}</span>',
        colour,
        icon,
        text,
        title,
    )
