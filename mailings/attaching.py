"""Files are put to a message and taken off it; limits are looked at under a lock."""

import mimetypes
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from mailings.models import Attachment, Message
from mailsvc.validators import one_line

AT_MOST = 10  # files of one message
_NAME_BYTES = 180  # tripled by percent-encoding, they still fit a line of a header
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_UNKNOWN = "application/octet-stream"


class NotAttached(Exception):
    """None of the files was put to the message; the text says why."""


class Upload(Protocol):
    name: str | None
    size: int | None

    def read(self) -> bytes: ...


@transaction.atomic
def attach(message: Message, files: Sequence[Upload]) -> None:
    """All of them or none. Raises NotAttached."""
    Message.objects.select_for_update().get(pk=message.pk)
    there = Attachment.objects.filter(message=message)
    if there.count() + len(files) > AT_MOST:
        raise NotAttached(
            _("A message has at most %(limit)d files.") % {"limit": AT_MOST}
        )
    for file in files:
        _require_decent_size(safe_name(file.name), file.size or 0)
    total = there.aggregate(total=Sum("size"))["total"] or 0
    if total + sum(file.size or 0 for file in files) > settings.ATTACHMENTS["total"]:
        raise NotAttached(
            _("All files of a message together may have %(limit)s.")
            % {"limit": filesizeformat(settings.ATTACHMENTS["total"])}
        )
    for file in files:
        content, name = file.read(), safe_name(file.name)
        Attachment.objects.create(
            message=message,
            name=name,
            content_type=content_type(name),
            size=len(content),
            content=content,
        )


def _require_decent_size(name: str, size: int) -> None:
    most = settings.ATTACHMENTS["file"]
    if not size:
        raise NotAttached(_("“%(name)s” is empty.") % {"name": name})
    if size > most:
        raise NotAttached(
            _("“%(name)s” is too large: a file may have %(limit)s.")
            % {"name": name, "limit": filesizeformat(most)}
        )


@transaction.atomic
def detach(attachment: Attachment) -> None:
    """Runs that have begun keep it."""
    Attachment.objects.filter(pk=attachment.pk).let_go()


def safe_name(name: str | None) -> str:
    """
    A name for a header and for whatever system the recipient saves it on. It reads as
    it is: no character that is not seen, or turns the others round (exe.fdp as a PDF).
    """
    seen = "".join(each for each in one_line(name or "") if not _is_unseen(each))
    last = PurePosixPath(seen.replace("\\", "/")).name
    last = re.sub(r'[<>:"|?*;]', "_", last).strip(". ")
    stem, dot, ending = last.rpartition(".")
    ending = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
    raw = last.removesuffix(ending).encode("utf-8", "replace")
    cut = raw[: _NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore")
    return f"{cut}{ending}" or "file"


def _is_unseen(character: str) -> bool:
    """Formats, surrogates, private ones; controls and line ends are blanks by now."""
    return unicodedata.category(character) in ("Cf", "Cs", "Co")


def content_type(name: str) -> str:
    """
    By the name's ending; never what the browser says. Messages within messages must not
    be base64 (RFC 2046 5.2), so they travel as bytes of no kind.
    """
    found, encoding = mimetypes.guess_type(name)
    is_known = found and not encoding and _TYPE.fullmatch(found)
    if not is_known or str(found).startswith(("message/", "multipart/")):
        return _UNKNOWN
    return str(found)
