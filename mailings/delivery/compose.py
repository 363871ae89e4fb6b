"""
From a run's snapshot to the bytes of one message.

What is the same for everybody is built once per run; per recipient only the personal
parts are filled in. Texts travel as base64 (RFC 2045 6.8), so that neither long lines
nor dots at line starts nor 8-bit characters can meet an SMTP server.
"""

import base64
import contextlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime, parseaddr
from html import escape

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from mailings import placeholders, tokens
from mailings.delivery.smtp import Letter
from mailings.models import Run
from mailsvc.validators import one_line, validate_mailbox

_ATOM_TEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
# An encoded-word is at most 75 characters (RFC 2047 2); 45 bytes make 60 of base64.
_WORD_BYTES = 45


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
    """Makes the letters of one run. `sender` is the installation's own address."""

    def __init__(self, text: Text, *, sender: str) -> None:
        name, self._sender = parseaddr(sender)
        self._domain = self._sender.rpartition("@")[2]
        self._text = text
        self._subject = placeholders.split(one_line(text.subject))
        words, markup = _ways_out(text.language)
        self._body = _with_way_out(text.body, words)
        self._html = _with_way_out(text.body_html, markup) if text.body_html else []
        path = reverse("mailings:unsubscribe", args=["TOKEN"])
        self._link = f"{text.site}{path}".split("TOKEN")
        self._boundary = f"=_{secrets.token_hex(12)}"
        self._common = self._common_headers(text.sender_name or name)

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
        return f"<d{delivery_id}.{self._text.key}@{self._domain}>"

    def unsubscribe_url(self, delivery_id: int) -> str:
        return tokens.token(self._text.unsubscribe_key, delivery_id).join(self._link)

    def letter(self, delivery_id: int, *, email: str, full_name: str) -> Letter:
        """Raises NotComposed for a recipient that no message can be made for."""
        try:
            validate_mailbox(email)
        except ValidationError as error:
            raise NotComposed(" ".join(error.messages)) from error
        values = {
            "full_name": one_line(full_name),
            "email": email,
            "sender_name": one_line(self._text.sender_name),
            "sender_email": self._text.sender_email,
            "date": self._text.date,
            "unsubscribe_url": self.unsubscribe_url(delivery_id),
        }
        head = (
            f"Message-ID: {self.message_id(delivery_id)}\r\n"
            f"To: {mailbox(full_name, email)}\r\n"
            f"Subject: {encoded(_fill(self._subject, values))}\r\n"
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
            (head + self._content(values)).encode("ascii"),
        )

    def _content(self, values: Mapping[str, str]) -> str:
        plain = _part("plain", _fill(self._body, values))
        if not self._text.body_html:
            return plain
        escaped = {name: escape(value) for name, value in values.items()}
        return (
            f'Content-Type: multipart/alternative; boundary="{self._boundary}"\r\n\r\n'
            f"--{self._boundary}\r\n{plain}"
            f"--{self._boundary}\r\n{_part('html', _fill(self._html, escaped))}"
            f"--{self._boundary}--\r\n"
        )


def mailbox(name: str, email: str) -> str:
    """`name <email>` for a header, the name quoted or encoded as it needs."""
    name = one_line(name)
    if not name:
        return f"<{email}>"
    if name.isascii() and len(name) <= _WORD_BYTES:
        if not _ATOM_TEXT.fullmatch(name):
            name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    else:
        name = encoded(name)
    return f"{name}\r\n <{email}>"


def encoded(text: str) -> str:
    """A header value in ASCII: as it is, or as encoded-words, folded (RFC 2047)."""
    if text.isascii() and len(text) <= 2 * _WORD_BYTES and "=?" not in text:
        return text
    words, word = [], b""
    for character in text:
        raw = character.encode("utf-8", "replace")
        if len(word) + len(raw) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += raw
    words.append(word)
    return "\r\n ".join(
        f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words
    )


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


def _with_way_out(text: str, way_out: str) -> list[str]:
    pieces = placeholders.split(_crlf(text))
    if "unsubscribe_url" in pieces[1::2]:
        return pieces
    return placeholders.split(_crlf(text.rstrip("\r\n") + way_out))


def _fill(pieces: list[str], values: Mapping[str, str]) -> str:
    """Joins what `placeholders.split` cut: the odd places are names."""
    if len(pieces) == 1:
        return pieces[0]
    return "".join(
        values[piece] if index % 2 else piece for index, piece in enumerate(pieces)
    )


def _part(subtype: str, text: str) -> str:
    body = base64.encodebytes(text.encode("utf-8", "replace")).decode()
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n" + body.replace("\n", "\r\n")
    )


def _crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)
