import re
from email.message import EmailMessage

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.validators import one_line, validate_mailbox, validate_one_line

CONTROLS = [*map(chr, range(32)), "\x7f", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.com",
        "a.b+tag@sub.example.co.uk",
        "!#$%&'*+/=?^_`{|}~-@example.com",
        "ann@xn--e1afmkfd.xn--p1ai",
        "ann@1and1.example",
        f"{'a' * 64}@example.com",
        f"ann@{'a' * 63}.example.com",
        f"ann@{'a.' * 124}ab"[:254],
    ],
)
def test_an_address_that_servers_take_is_taken(address: str) -> None:
    validate_mailbox(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "root@[127.0.0.1]",
        "ann@127.0.0.1",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        "ann@-example.com",
        "ann@example-.com",
        "ann@exa_mple.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@example.com",
        '"ann b"@example.com',
        "ann b@example.com",
        "a@b@example.com",
        "анна@example.com",
        "ann@пример.рф",
        "ann@example.com\n",
        "ann@example.com\r\nRCPT TO:<bob@example.com>",
        "ann@example.com(bob@evil)",
        "alice@example.org)bob@evil.com",
        "ann@example.com> ORCPT=x",
        "<ann@example.com>",
        "Ann <ann@example.com>",
        "ann\x00@example.com",
        f"ann@{'a' * 64}.example.com",
    ],
)
def test_what_cannot_stand_on_an_envelope_is_refused(address: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_mailbox(address)
    assert refusal.value.code == "invalid"
    assert "is not an e-mail address" in refusal.value.messages[0]


@pytest.mark.parametrize(
    "address",
    [f"{'a' * 65}@example.com", f"ann@{'a.' * 125}com", "a" * 10_000 + "@example.com"],
)
def test_what_is_too_long_is_refused_as_that(address: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_mailbox(address)
    assert refusal.value.code == "too_long"


@given(st.one_of(st.emails(), st.from_regex(r"[\x00-\xff]{1,9}@[\x00-\xff.]{1,9}")))
def test_what_is_taken_is_safe_on_the_wire(address: str) -> None:
    """Nothing in it ends a command, an address or a header's line."""
    try:
        validate_mailbox(address)
    except ValidationError:
        return
    assert re.fullmatch(r"[!-~]+", address)
    assert not set(address) & set('<>()[]\\,;:"')
    assert len(address) <= 254


@pytest.mark.parametrize("character", CONTROLS, ids=ascii)
def test_a_line_holds_no_control_characters(character: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate_one_line(f"Hello{character}Bcc: bob@example.com")
    assert refusal.value.code == "control_character"


def test_a_line_may_be_in_any_language() -> None:
    validate_one_line("Привет, 世界 — «quoted» \u00a0 😀")


@given(st.text())
def test_anything_can_be_made_one_line(text: str) -> None:
    line = one_line(text)
    validate_one_line(line)
    assert line == " ".join(line.split())
    message = EmailMessage()
    message["Subject"] = line  # raises if it would break the header
    assert one_line(line) == line


def test_what_is_one_line_already_stays_as_it_is() -> None:
    assert one_line("Hello, world") == "Hello, world"
    assert one_line(" a\r\nb\x0bc\u2028 d ") == "a b c d"
