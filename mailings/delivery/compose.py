"""
From a run's snapshot to the bytes of one message.

What is the same for everybody is built once per run; per recipient only the personal
parts are filled in. Texts travel as base64 (RFC 2045 6.8), so that neither long lines
nor dots at line starts nor 8-bit characters can meet an SMTP server.
"""

import contextlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime, parseaddr
from html import escape

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import get_script_prefix
from django.utils import timezone, translation
from django.utils.translation import gettext

from mailings import placeholders, tokens
from mailings.delivery.letter import Letter, Piece, Tail
from mailings.delivery.skeleton import (
    WORD_BYTES,
    Body,
    Header,
    encoded_words,
    is_plain,
)
from mailings.models import Run
from mailsvc.validators import one_line, validate_mailbox

_ATOM_TEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_PLAIN, _HTML = (
    (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode()
    for subtype in ("plain", "html")
)


class NotComposed(Exception):
    """No message can be made for this recipient; the text says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a run says: its snapshot, as the composer needs it."""

    run_id: int
    key: str
    mailing_id: int
    subject: str
    body: str
    body_html: str
    sender_name: str
    sender_email: str  # the owner's: replies go there
    date: str  # of the run, as people read it
    unsubscribe_key: str
    language: str  # the owner's: of what we add to the message
    site: str  # where the links lead

    @classmethod
    def of(cls, run: Run) -> "Text":
        local = run.scheduled_for.astimezone(run.mailing.timezone)
        return cls(
            run_id=run.pk,
            key=run.key,
            mailing_id=run.mailing_id,
            subject=run.subject,
            body=run.body,
            body_html=run.body_html,
            sender_name=run.sender_name,
            sender_email=run.sender_email,
            date=f"{local:%d.%m.%Y}",
            unsubscribe_key=run.unsubscribe_key,
            language=run.mailing.owner.language or settings.LANGUAGE_CODE,
            site=settings.SITE_URL,
        )


class Composer:
    """
    Makes the letters of one run. `sender` is the installation's own address; `mark`
    begins the Message-ID and tells those of runs from tests; `enclosed` are the
    attachments.
    """

    def __init__(
        self,
        text: Text,
        *,
        sender: str,
        mark: str = "d",
        enclosed: Sequence[Piece] = (),
    ) -> None:
        self._mark = mark
        name, self._sender = parseaddr(sender)
        self._domain = self._sender.rpartition("@")[2]
        self._text = text
        known = {
            "sender_name": one_line(text.sender_name),
            "sender_email": text.sender_email,
            "date": text.date,
        }
        escaped = {name: escape(value) for name, value in known.items()}
        words, markup = _ways_out(text.language)
        self._subject = Header(one_line(text.subject), known)
        self._body = Body(_with_way_out(text.body, words), known)
        self._html = (
            Body(_with_way_out(text.body_html, markup), escaped)
            if text.body_html
            else None
        )
        # Not by `reverse`, which would load all pages into a process that shows none.
        path = f"{get_script_prefix()}{tokens.PATH}"
        self._link = f"{text.site}{path}".split("<str:token>")
        self._common = self._common_headers(text.sender_name or name)
        boundary = f"=_{secrets.token_hex(12)}"
        self._start = f"--{boundary}\r\n".encode()
        self._end = f"--{boundary}--\r\n".encode()
        self._multipart = (
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
        ).encode()
        self._mixed, self._tail = _around(enclosed)

    def _common_headers(self, sender_name: str) -> str:
        text = self._text
        headers = {
            "From": mailbox(sender_name, self._sender),
            "Date": format_datetime(timezone.now()),
            "MIME-Version": "1.0",
            "List-ID": f"<mailing-{text.mailing_id}.{self._domain}>",
            "Precedence": "bulk",
            "Auto-Submitted": "auto-generated",
        }
        with contextlib.suppress(ValidationError):  # not every address can be a header
            validate_mailbox(text.sender_email)
            headers["Reply-To"] = f"<{text.sender_email}>"
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    def message_id(self, delivery_id: int) -> str:
        """The same for every try, so that a double can be told as one."""
        return f"<{self._mark}{delivery_id}.{self._text.key}@{self._domain}>"

    def unsubscribe_url(self, delivery_id: int) -> str:
        return tokens.token(self._text.unsubscribe_key, delivery_id).join(self._link)

    def letter(self, delivery_id: int, *, email: str, full_name: str) -> Letter:
        """Raises NotComposed for a recipient that no message can be made for."""
        try:
            validate_mailbox(email)
        except ValidationError as error:
            raise NotComposed(" ".join(error.messages)) from error
        name = one_line(full_name)
        values = {
            "full_name": name,
            "email": email,
            "unsubscribe_url": self.unsubscribe_url(delivery_id),
        }
        head = (
            f"Message-ID: {self.message_id(delivery_id)}\r\n"
            f"To: {_mailbox(name, email)}\r\n"
            f"Subject: {self._subject.filled(values)}\r\n"
            # Neither folded nor encoded, however long: RFC 8058 needs it as it is.
            f"List-Unsubscribe: <{values['unsubscribe_url']}>\r\n"
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            f"{self._common}"
        )
        return Letter(
            delivery_id,
            self._text.run_id,
            self._sender,
            email,
            head.encode("ascii") + self._mixed + self._content(values),
            self._tail,
        )

    def _content(self, values: dict[str, str]) -> bytes:
        plain = _PLAIN + self._body.filled(values)
        if self._html is None:
            return plain
        escaped = {name: escape(value) for name, value in values.items()}
        return b"".join(
            (
                *(self._multipart, self._start, plain),
                *(self._start, _HTML, self._html.filled(escaped), self._end),
            )
        )


def _around(enclosed: Sequence[Piece]) -> tuple[bytes, Tail]:
    """What stands before the text of a letter with attachments, and all after it."""
    if not enclosed:
        return b"", Tail()
    boundary = f"=_{secrets.token_hex(12)}"
    start = f"--{boundary}\r\n".encode()
    mixed = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'.encode()
    end = f"--{boundary}--\r\n".encode()
    return mixed + start, Tail(tuple(enclosed), between=start, end=end)


def mailbox(name: str, email: str) -> str:
    """`name <email>` for a header, the name quoted or encoded as it needs."""
    return _mailbox(one_line(name), email)


def _mailbox(name: str, email: str) -> str:
    if not name:
        return f"<{email}>"
    if is_plain(name) and len(name) <= WORD_BYTES:
        if not _ATOM_TEXT.fullmatch(name):
            name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    else:
        name = "\r\n ".join(encoded_words(name))
    return f"{name}\r\n <{email}>"


def _ways_out(language: str) -> tuple[str, str]:
    """The ends of a text and of an HTML version that have no link of their own."""
    with translation.override(language):
        words = gettext("You no longer want these messages? Unsubscribe:")
        label = gettext("Unsubscribe")
        question = gettext("You no longer want these messages?")
    return (
        f"\n\n--\n{words}\n{{{{ unsubscribe_url }}}}\n",
        '<p style="margin-top: 2em; color: #666666; font-size: small">'
        f'{escape(question)} <a href="{{{{ unsubscribe_url }}}}">{escape(label)}</a>'
        "</p>",
    )


def _with_way_out(text: str, way_out: str) -> str:
    if "unsubscribe_url" in placeholders.split(text)[1::2]:
        return _crlf(text)
    return _crlf(text.rstrip("\r\n") + way_out)


def _crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)
