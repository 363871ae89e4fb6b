"""What may stand in an address or in a line of a mail's header. Pure."""

import re
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# A dot-atom and a domain with at least two labels (RFC 5321 4.1.2, less quoted
# strings and address literals, which no mailing needs and many servers refuse).
_LOCAL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

# Django 5.2 ends the header block at \x0b, \x0c and \x1c to \x1e, too.
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


def validate_mailbox(value: str) -> None:
    """
    Refuses what can't be put on an SMTP envelope as it is.

    Raises ValidationError with the reason in words.
    """
    local, at, domain = value.rpartition("@")
    if not at or not local or not domain:
        raise ValidationError(
            _("“%(value)s” is not an e-mail address."),
            code="invalid",
            params={"value": value[:100]},
        )
    if len(value) > 254 or len(local) > 64:
        raise ValidationError(_("This e-mail address is too long."), code="too_long")
    if not (_LOCAL.fullmatch(local) and _is_domain(domain)):
        raise ValidationError(
            _("“%(value)s” is not an e-mail address."),
            code="invalid",
            params={"value": value[:100]},
        )


@lru_cache(maxsize=1024)  # a million addresses are at a few hundred
def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def validate_one_line(value: str) -> None:
    """Refuses line breaks and other control characters (header injection)."""
    if _CONTROL.search(value):
        raise ValidationError(
            _("Line breaks and control characters are not allowed here."),
            code="control_character",
        )


def one_line(value: str) -> str:
    """The same text on one line: what would break a header becomes a blank."""
    return " ".join(_CONTROL.sub(" ", value).split())
