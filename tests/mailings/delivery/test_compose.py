"""The bytes of a message, read back as a mail program would."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailings import tokens
from mailings.delivery.compose import Composer, NotComposed, Text
from mailings.html import clean

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
        "unsubscribe_key": "s3cret",
        "language": "en",
        "site": "https://mail.example.org",
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


def all_of(part: EmailMessage) -> str:
    return part.get_content().replace("\r\n", "\n")


def text_of(part: EmailMessage) -> str:
    """What the author wrote, without the way out that is added."""
    end = "<p style" if part.get_content_subtype() == "html" else "\n\n--\n"
    return all_of(part).partition(end)[0]


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


# --- the way out ---

LINK = f"https://mail.example.org/u/{tokens.token('s3cret', 7)}/"


def test_mail_programs_find_the_way_out_in_the_header() -> None:
    parsed = read_back(composer())
    assert parsed["List-Unsubscribe"] == f"<{LINK}>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_long_address_stands_on_one_line_as_it_is() -> None:
    site = f"https://{'a-long-name.' * 15}example.org"
    letter = composer(site=site).letter(7, email="a@example.org", full_name="A")
    link = LINK.replace("https://mail.example.org", site)
    assert len(link) > 200
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in letter.content


def test_a_message_without_a_link_gets_one_at_its_end() -> None:
    plain, html = read_back(composer(body_html="<p>Hi</p>")).iter_parts()
    assert all_of(plain) == (
        f"Text\n\n--\nYou no longer want these messages? Unsubscribe:\n{LINK}\n"
    )
    assert all_of(html).startswith("<p>Hi</p><p style=")
    assert f'<a href="{LINK}">Unsubscribe</a>' in all_of(html)


def test_it_is_in_the_language_of_the_owner() -> None:
    parsed = read_back(composer(language="ru", body_html="<p>Hi</p>"))
    plain, html = parsed.iter_parts()
    assert "Больше не хотите получать эти письма? Отписаться:" in all_of(plain)
    assert f'<a href="{LINK}">Отписаться</a>' in all_of(html)


def test_a_message_with_a_link_of_its_own_gets_no_other() -> None:
    made = composer(
        body="Genug? {{ unsubscribe_url }}",
        body_html=clean('<p><a href="{{ unsubscribe_url }}">Genug?</a></p>'),
    )
    plain, html = read_back(made).iter_parts()
    assert all_of(plain) == f"Genug? {LINK}"
    assert all_of(html) == f'<p><a href="{LINK}">Genug?</a></p>'


def test_each_part_has_a_link() -> None:
    made = composer(body="{{ unsubscribe_url }}", body_html="<p>Hi</p>")
    plain, html = read_back(made).iter_parts()
    assert all_of(plain) == LINK
    assert LINK in all_of(html)


def test_each_recipient_and_each_run_has_an_address_of_its_own() -> None:
    made, other = composer(), composer(unsubscribe_key="an0ther")
    urls = {made.unsubscribe_url(7), made.unsubscribe_url(8), other.unsubscribe_url(7)}
    assert len(urls) == 3
    assert made.unsubscribe_url(7) == LINK


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
