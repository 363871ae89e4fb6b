"""What is filled in reads like what Django would have built for each recipient."""

import base64
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import formataddr
from html import escape

import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailings import attaching, placeholders
from mailings.delivery.compose import Composer, Text
from mailings.delivery.enclosures import Enclosures
from mailings.delivery.skeleton import Body, Header, encoded_words
from mailings.models import Attachment
from mailsvc.validators import one_line

# Any text, and more often than chance would have it what has made trouble elsewhere.
PIECES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.text("абвгё ЖЩ", max_size=90),
    st.sampled_from(
        [
            "{{ full_name }}",
            "{{ email }}",
            "{{ sender_name }}",
            "{{ date }}",
            "{{ unknown }}",
            "🎉👩‍👩‍👧",
            "\r\n.\r\n",
            "\n.\n",
            "\n..",
            "\rFrom ",
            "\r\nBcc: all@example.org\r\n\r\n",
            "=?utf-8?b?0L8=?=",
            "--=_",
            "x" * 998,
            "щ" * 600,
            " " * 80,
            ",",
            '"\\<>@',
        ]
    ),
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
VALUES = {"full_name": "Иван", "email": "ivan@example.org"}
KNOWN = {"sender_name": "Ann {{ email }}", "sender_email": "a@b.org", "date": "1.2.26"}


def filled(text: str) -> str:
    """What the text says, word for word."""
    pieces = placeholders.split(text)
    both = KNOWN | VALUES
    return "".join(
        both[piece] if index % 2 else piece for index, piece in enumerate(pieces)
    )


@given(text=TEXTS)
@example("{{ full_name }}")
@example("a{{ full_name }}b{{ full_name }}")
@example("{{ email }}{{ email }},{{ email }}")
def test_a_body_is_the_text_with_the_values_in_it(text: str) -> None:
    made = Body(text, KNOWN).filled(VALUES)
    assert base64.b64decode(made, validate=False).decode() == filled(text)
    lines = made.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) % 4 == 0 and 0 < len(line) <= 76 for line in lines)
    # Padding ends the data for many readers: there is none before the end.
    assert not any(b"=" in line for line in lines[:-1])


@given(text=TEXTS)
def test_a_header_is_the_text_with_the_values_in_it(text: str) -> None:
    text = one_line(text)
    made = Header(text, KNOWN).filled(VALUES)
    words = re.findall(r"=\?utf-8\?b\?([^?]*)\?=", made)
    if "\r\n " in made or made.startswith("=?utf-8?b?"):
        assert all(len(line) <= 76 for line in made.split("\r\n "))
        read = b"".join(map(base64.b64decode, words)).decode()
        assert read == filled(text)
    else:
        assert made == filled(text)


@given(text=st.text(st.characters(codec="utf-8")))
def test_no_word_cuts_a_character_in_two(text: str) -> None:
    words = [base64.b64decode(word[10:-2]) for word in encoded_words(text)]
    assert "".join(word.decode() for word in words) == text
    assert all(len(word) <= 45 for word in words)


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    made = Body("{{ sender_name }} {{ full_name }}", KNOWN)
    read = base64.b64decode(made.filled({"full_name": "{{ date }}"}))
    assert read == b"Ann {{ email }} {{ date }}"


# --- beside Django ---


def djangos(
    subject: str, body: str, html: str, name: str, files: list[tuple[str, str, bytes]]
) -> EmailMessage:
    message = EmailMultiAlternatives(
        subject,
        body,
        formataddr(("Alice", "news@example.org")),
        [formataddr((name, "ivan@example.org"))],
        reply_to=["alice@example.org"],
        headers={"Message-ID": "<d7.k3y@example.org>"},
    )
    if html:
        message.attach_alternative(html, "text/html")
    for file_name, kind, content in files:
        message.attach(file_name, content, kind)
    return parsed(message.message().as_bytes(linesep="\r\n"))


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def people(message: EmailMessage, header: str) -> list[tuple[str, str]]:
    return [
        (without_blanks(each.display_name), each.addr_spec)
        for each in message[header].addresses
    ]


def without_blanks(text: str) -> str:
    """Python adds one where a long name was folded, and Django loses some."""
    return "".join(text.split())


def parts(message: EmailMessage) -> list[tuple[object, ...]]:
    """Each part's type, text or bytes; an end of a line is one, however it is spelt."""
    found: list[tuple[object, ...]] = []
    for part in message.walk():
        content = () if part.is_multipart() else (part.get_content(),)
        if content and not part.is_attachment():
            content = (re.sub(r"\r\n|\r", "\n", content[0]),)
        found.append((part.get_content_type(), part.get_filename(), *content))
    return found


FILES = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(["plan.pdf", 'План, "v2".png', "a b;c=d.zip", "x" * 150]),
            st.text("абв 🎉\\'%=?.", min_size=1, max_size=60).map(attaching.safe_name),
        ),
        st.sampled_from(["application/pdf", "image/png", "application/octet-stream"]),
        st.one_of(
            st.binary(min_size=1, max_size=200),
            st.sampled_from(
                [b"\r\n.\r\n", b"--=_", b"x" * 57, b"x" * 58, b"y" * 10**5]
            ),
        ),
    ),
    max_size=3,
)


def enclosed(
    files: list[tuple[str, str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> Enclosures:
    """With these for the database's."""
    rows = [
        Attachment(name=name, content_type=kind, content=content)
        for name, kind, content in files
    ]
    monkeypatch.setattr(Attachment.objects, "get", lambda pk: rows[pk])
    return Enclosures()


@pytest.mark.parametrize("with_html", [True, False])
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(subject=TEXTS, body=TEXTS, html=TEXTS, name=TEXTS, files=FILES)
def test_it_reads_like_djangos_own_message(
    with_html: bool,  # noqa: FBT001
    subject: str,
    body: str,
    html: str,
    name: str,
    files: list[tuple[str, str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject, name = one_line(subject)[:255], one_line(name)[:150]
    # Without a link of its own, a text gets one.
    body = f"{{{{ unsubscribe_url }}}} {body}"
    html = f"<b>{{{{ unsubscribe_url }}}} {html}" if with_html else ""
    text = Text(
        run_id=1,
        key="k3y",
        mailing_id=2,
        subject=subject,
        body=body,
        body_html=html,
        sender_name="Alice",
        sender_email="alice@example.org",
        date="01.12.2026",
        unsubscribe_key="a secret",
        language="en",
        site="https://mail.example.org",
    )
    enclosures = enclosed(files, monkeypatch)
    pieces = enclosures.pieces(range(len(files)))
    made = Composer(text, sender="news@example.org", enclosed=pieces)
    letter = made.letter(7, email="ivan@example.org", full_name=name)
    values = {
        "full_name": name,
        "email": "ivan@example.org",
        "sender_name": "Alice",
        "sender_email": "alice@example.org",
        "date": "01.12.2026",
        "unsubscribe_url": made.unsubscribe_url(7),
    }
    raw = b"".join(letter.blocks())
    enclosures.close()
    assert len(raw) == letter.size + len(b".\r\n")
    ours = parsed(raw.removesuffix(b".\r\n"))
    assert ours.defects == []
    assert all(len(line) < 998 for line in raw.split(b"\r\n"))
    theirs = djangos(
        placeholders.fill(subject, values),
        placeholders.fill(body, values),
        placeholders.fill(html, {key: escape(each) for key, each in values.items()}),
        name,
        files,
    )
    # Blanks before the text of a header are no part of it.
    assert ours["Subject"] == placeholders.fill(subject, values).lstrip(" ")
    assert people(ours, "To") == [(without_blanks(name), "ivan@example.org")]
    assert parts(ours) == parts(theirs)
    if "=?" not in subject + name:  # Django takes it for an encoded word
        assert without_blanks(ours["Subject"]) == without_blanks(theirs["Subject"])
        assert people(ours, "To") == people(theirs, "To")
    for header in ("From", "Reply-To"):
        assert people(ours, header) == people(theirs, header)
    for header in ("Message-ID", "MIME-Version"):
        assert ours[header] == theirs[header]
    assert ours.get_content_type() == theirs.get_content_type()
