"""The bytes of a message, read back as a mail program would."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailings.delivery.compose import Composer, NotComposed, Text

SENDER = "Installation <news@mail.example.org>"


def composer(**changes: str) -> Composer:
    fields = {
        "subject": "Hello",
        "body": "Text",
        "body_html": "",
        "sender_name": "Alice",
        "sender_email": "alice@example.org",
        "date": "01.12.2026",
        "key": "k3y",
    }
    return Composer(Text(run_id=1, mailing_id=2, **(fields | changes)), sender=SENDER)


def read_back(
    made: Composer, *, email: str = "ivan@example.org", full_name: str = "Иван"
) -> EmailMessage:
    letter = made.letter(7, email=email, full_name=full_name)
    parsed = message_from_bytes(letter.content, policy=default)
    assert isinstance(parsed, EmailMessage)
    assert parsed.defects == []
    return parsed


def text_of(part: EmailMessage) -> str:
    return part.get_content().replace("\r\n", "\n")


def test_the_recipient_is_alone_on_envelope_and_letter() -> None:
    letter = composer().letter(7, email="ivan@example.org", full_name="Иван Петров")
    assert (letter.sender, letter.recipient) == (
        "news@mail.example.org",
        "ivan@example.org",
    )
    to = read_back(composer(), full_name="Иван Петров")["To"].addresses
    assert [(each.display_name, each.addr_spec) for each in to] == [
        ("Иван Петров", "ivan@example.org")
    ]


def test_it_comes_from_the_installation_and_replies_go_to_the_owner() -> None:
    parsed = read_back(composer())
    assert parsed["From"].addresses[0].addr_spec == "news@mail.example.org"
    assert parsed["From"].addresses[0].display_name == "Alice"
    assert parsed["Reply-To"].addresses[0].addr_spec == "alice@example.org"


def test_the_message_id_is_stable_and_at_the_senders_domain() -> None:
    first, second = read_back(composer()), read_back(composer())
    assert first["Message-ID"] == second["Message-ID"] == "<d7.k3y@mail.example.org>"


def test_placeholders_are_filled_in_subject_text_and_html() -> None:
    parsed = read_back(
        composer(
            subject="Привет, {{ full_name }}",
            body="{{email}} {{ sender_name }} {{ date }}",
            body_html="<p>{{ full_name }}</p>",
        )
    )
    assert parsed["Subject"] == "Привет, Иван"
    plain, html = parsed.iter_parts()
    assert text_of(plain) == "ivan@example.org Alice 01.12.2026"
    assert text_of(html) == "<p>Иван</p>"


def test_a_name_is_data_in_html() -> None:
    parsed = read_back(
        composer(body_html="<p>{{ full_name }}</p>"),
        full_name="<script>{{ email }}</script>",
    )
    assert text_of(list(parsed.iter_parts())[1]) == (
        "<p>&lt;script&gt;{{ email }}&lt;/script&gt;</p>"
    )


@pytest.mark.parametrize("control", "\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028")
def test_no_control_character_reaches_a_header(control: str) -> None:
    evil = f"Ann{control}Bcc: all@example.org{control}{control}body"
    parsed = read_back(
        composer(subject=evil + "{{ full_name }}", sender_name=evil), full_name=evil
    )
    assert parsed["Bcc"] is None
    assert parsed["Message-ID"] == "<d7.k3y@mail.example.org>"
    assert text_of(parsed) == "Text"


@pytest.mark.parametrize(
    "email",
    ["", "nobody", "a@b", "a b@example.org", "a@example.org\r\nRCPT", "я@ex.org"],
)
def test_a_bad_address_is_not_composed(email: str) -> None:
    with pytest.raises(NotComposed):
        composer().letter(7, email=email, full_name="X")


def test_a_name_that_looks_encoded_is_shown_as_it_was_written() -> None:
    parsed = read_back(composer(), full_name="=?utf-8?b?QWRtaW4=?=")
    assert parsed["To"].addresses[0].display_name == "=?utf-8?b?QWRtaW4=?="


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@given(subject=ANY_TEXT, body=ANY_TEXT, html=ANY_TEXT, name=ANY_TEXT)
def test_whatever_people_write_arrives(
    subject: str, body: str, html: str, name: str
) -> None:
    made = composer(subject=subject.replace("{{", ""), body=body, body_html=html)
    letter = made.letter(7, email="ivan@example.org", full_name=name)
    assert letter.content.endswith(b"\r\n")
    for line in letter.content.split(b"\r\n"):
        assert len(line) <= 76 + 12  # RFC 5322 2.1.1 allows 998
        assert b"\n" not in line
        assert b"\r" not in line
        assert not line.startswith(b".")
    parsed = message_from_bytes(letter.content, policy=default)
    assert [each.addr_spec for each in parsed["To"].addresses] == ["ivan@example.org"]
    assert parsed["Message-ID"] == "<d7.k3y@mail.example.org>"
    assert parsed.get_content_type() == (
        "multipart/alternative" if html else "text/plain"
    )
