"""The table: what a reply in a phase means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailings.delivery.replies import (
    BYTES_LIMIT,
    LINES_LIMIT,
    TEXT_LIMIT,
    Exchange,
    Garbled,
    Outcome,
    Phase,
    Reply,
    Verdict,
    outcome,
    readable,
    take_reply,
)


def verdict(phase: Phase, code: int, text: str = "") -> Verdict:
    return outcome(Exchange(phase, Reply(code, text))).verdict


@pytest.mark.parametrize("code", [250, 251, 252, 200, 299])
def test_any_2yz_after_the_dot_is_accepted(code: int) -> None:
    assert verdict(Phase.DOT, code) is Verdict.ACCEPTED


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA, Phase.DOT])
@pytest.mark.parametrize("code", [450, 451, 452])
def test_a_4yz_about_the_recipient_is_tried_again(phase: Phase, code: int) -> None:
    assert verdict(phase, code) is Verdict.DEFERRED


@pytest.mark.parametrize(
    "phase", [Phase.BANNER, Phase.HELLO, Phase.TLS, Phase.AUTH, Phase.MAIL]
)
def test_a_4yz_before_the_recipient_is_the_servers(phase: Phase) -> None:
    assert verdict(phase, 451) is Verdict.SERVER


@pytest.mark.parametrize("phase", list(Phase))
def test_421_is_the_servers_wherever_it_comes(phase: Phase) -> None:
    assert verdict(phase, 421) is Verdict.SERVER


@pytest.mark.parametrize("code", [550, 551, 552, 553, 554])
def test_a_5yz_for_the_recipient_is_final(code: int) -> None:
    assert verdict(Phase.RCPT, code) is Verdict.REFUSED


@pytest.mark.parametrize("code", [552, 554])
def test_a_5yz_for_the_message_is_final(code: int) -> None:
    assert verdict(Phase.DOT, code) is Verdict.REFUSED


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT])
@pytest.mark.parametrize("code", [500, 501, 502, 503, 504, 555])
def test_a_protocol_error_is_never_blamed_on_a_recipient(
    phase: Phase, code: int
) -> None:
    assert verdict(phase, code) is Verdict.SERVER


@pytest.mark.parametrize("code", [530, 550, 552, 553])
def test_a_refused_sender_is_our_account(code: int) -> None:
    assert verdict(Phase.MAIL, code) is Verdict.ACCOUNT


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_refused_login_is_our_account(code: int) -> None:
    assert verdict(Phase.AUTH, code) is Verdict.ACCOUNT


@pytest.mark.parametrize(
    ("code", "text"),
    [(530, "5.7.0 log in"), (550, "5.7.0 no"), (550, "5.1.8 bad sender"), (535, "")],
)
def test_a_recipient_is_not_blamed_for_our_account(code: int, text: str) -> None:
    assert verdict(Phase.RCPT, code, text) is Verdict.ACCOUNT


@pytest.mark.parametrize("phase", [Phase.BANNER, Phase.HELLO])
def test_a_5yz_greeting_is_no_verdict_on_the_mail(phase: Phase) -> None:
    assert verdict(phase, 554) is Verdict.SERVER


def test_no_reply_after_the_dot_left_is_unknown() -> None:
    lost = Exchange(Phase.DOT, trouble="gone", handed_over=True)
    assert outcome(lost).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("phase", [each for each in Phase if each != Phase.SIZE])
def test_no_reply_while_the_dot_is_here_is_the_servers(phase: Phase) -> None:
    lost = Exchange(phase, trouble="gone", handed_over=False)
    assert outcome(lost).verdict is Verdict.SERVER


def test_failures_of_server_and_account_are_no_attempts() -> None:
    attempts = {
        each for each in Verdict if Outcome(each, Phase.RCPT, None, "", "").is_attempt
    }
    assert attempts == {
        Verdict.ACCEPTED,
        Verdict.REFUSED,
        Verdict.DEFERRED,
        Verdict.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.1.1 No such user", "5.1.1"),
        ("5.1.1", "5.1.1"),
        ("4.2.2 over quota", ""),  # contradicts the 5 of the reply: RFC 3463 2
        ("No such user 5.1.1", ""),
        ("5.1.1234 what", ""),
    ],
)
def test_an_enhanced_code_counts_if_it_agrees(text: str, expected: str) -> None:
    assert Reply(550, text).enhanced_code == expected


def test_a_reply_of_several_lines_is_one() -> None:
    buffer = bytearray(b"250-first\r\n250-second\r\n250 third\r\n220 next")
    assert take_reply(buffer) == Reply(250, "first\nsecond\nthird")
    assert buffer == b"220 next"


@pytest.mark.parametrize("partial", [b"", b"25", b"250-first\r\n", b"250 not yet"])
def test_half_a_reply_is_none_yet(partial: bytes) -> None:
    buffer = bytearray(partial)
    assert take_reply(buffer) is None
    assert buffer == partial


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request"),
        (b"2_0 what smtplib takes for 20\r\n", "2_0 what smtplib takes for 20"),
        (b"999 no such class\r\n", "999 no such class"),
        (b"199 nor this\r\n", "199 nor this"),
        (b"250-one\r\n550 another\r\n", "550 another"),
        (b"\r\n", ""),
        (b"\n", ""),
        (b"25\r\n", "25"),
        (b"2500 four digits\r\n", "2500 four digits"),
    ],
)
def test_what_is_no_reply_is_garbled(line: bytes, words: str) -> None:
    with pytest.raises(Garbled) as error:
        take_reply(bytearray(line))
    assert str(error.value) == f"Not an SMTP reply: {words}"


_KILOBYTE = b"250-" + b"x" * 1018 + b"\r\n"


@pytest.mark.parametrize(
    ("allowed", "one_more"),
    [
        pytest.param(b"x" * BYTES_LIMIT, b"x", id="a line"),
        pytest.param(b"250-a\r\n" * (LINES_LIMIT - 1), b"250-a\r\n", id="lines"),
        pytest.param(_KILOBYTE * 64, b"250-a\r\n", id="bytes"),
    ],
)
def test_a_reply_has_an_end(allowed: bytes, one_more: bytes) -> None:
    assert take_reply(bytearray(allowed)) is None
    with pytest.raises(Garbled) as error:
        take_reply(bytearray(allowed + one_more))
    assert str(error.value) == "The reply does not end."


def test_a_reply_of_as_many_lines_as_are_allowed_is_one() -> None:
    lines = b"250-a\r\n" * (LINES_LIMIT - 1) + b"250 a\r\n"
    assert take_reply(bytearray(lines)) == Reply(250, "\n".join("a" * LINES_LIMIT))


@pytest.mark.parametrize(
    ("line", "text"),
    [(b"250\r\n", ""), (b"250 \r\n", ""), (b"250 MAX \r\n", "MAX "), (b"250 a\n", "a")],
)
def test_the_words_are_kept_as_they_came(line: bytes, text: str) -> None:
    assert take_reply(bytearray(line)) == Reply(250, text)


def test_an_outcome_has_the_reply_or_what_went_wrong() -> None:
    refused = Exchange(Phase.RCPT, Reply(550, "5.1.1 No such user"))
    words = "5.1.1 No such user"
    expected = Outcome(Verdict.REFUSED, Phase.RCPT, 550, "5.1.1", words)
    assert outcome(refused) == expected
    lost = Exchange(Phase.DOT, trouble="gone", handed_over=True)
    assert outcome(lost) == Outcome(Verdict.UNKNOWN, Phase.DOT, None, "", "gone")


def test_an_overlong_line_is_read_and_cut() -> None:
    reply = take_reply(bytearray(b"250 " + b"x" * 9000 + b"\r\n"))
    assert reply == Reply(250, "x" * TEXT_LIMIT)


def test_foreign_bytes_become_text_without_control_characters() -> None:
    assert readable("отказ".encode()) == "отказ"
    assert readable("отказ".encode("cp1251")).isprintable()
    assert readable(b"a\x00b\x1b[31m\x7f") == "a\ufffdb\ufffd[31m\ufffd"


def test_a_broken_byte_beyond_what_is_kept_spoils_nothing() -> None:
    assert readable("Я".encode() * 2 * TEXT_LIMIT + b"\xff") == "Я" * TEXT_LIMIT


def test_a_letter_that_was_cut_does_not_spoil_the_others() -> None:
    assert readable(b"x" + "Я".encode() * 3000) == "x" + "Я" * (TEXT_LIMIT - 1)


def test_what_is_too_large_is_refused_here() -> None:
    judged = outcome(Exchange(Phase.SIZE, trouble="Too large."))
    assert (judged.verdict, judged.text) == (Verdict.REFUSED, "Too large.")
    assert judged.refuses_the_message


@pytest.mark.parametrize(
    ("phase", "code", "text"),
    [
        (Phase.DOT, 554, "No"),
        (Phase.DOT, 552, "5.3.4 Too big"),
        (Phase.DOT, 550, "5.7.1 Spam"),
        (Phase.DATA, 554, "5.6.0 No"),
        (Phase.RCPT, 554, "5.7.1 Relay access denied"),
    ],
)
def test_others_would_hear_the_same(phase: Phase, code: int, text: str) -> None:
    assert outcome(Exchange(phase, Reply(code, text))).refuses_the_message


@pytest.mark.parametrize(
    ("phase", "code", "text"),
    [
        (Phase.RCPT, 550, "5.1.1 No such user"),
        (Phase.RCPT, 554, "No"),
        (Phase.RCPT, 550, "5.7.0 Log in"),
        (Phase.RCPT, 450, "4.7.1 Later"),
        (Phase.MAIL, 550, "5.7.1 No"),
        (Phase.DOT, 552, "5.2.2 Full"),
        (Phase.DOT, 550, "5.1.1 No such user"),
        (Phase.DOT, 451, "4.3.0 Later"),
        (Phase.DOT, 250, "2.0.0 Ok"),
    ],
)
def test_others_may_hear_something_else(phase: Phase, code: int, text: str) -> None:
    assert not outcome(Exchange(phase, Reply(code, text))).refuses_the_message


def test_what_we_could_not_write_is_no_refusal_of_the_server() -> None:
    own = Outcome(Verdict.REFUSED, Phase.COMPOSE, None, "", "No address.")
    assert not own.refuses_the_message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_garbled_or_unfinished(raw: bytes) -> None:
    buffer = bytearray(raw)
    try:
        reply = take_reply(buffer)
    except Garbled:
        return
    if reply is not None:
        assert 200 <= reply.code <= 559
        assert len(reply.text) <= TEXT_LIMIT


# Bytes that look like replies, more or less.
_REPLIES = st.lists(
    st.tuples(
        st.from_regex(rb"[1-9][0-9]{1,3}", fullmatch=True),
        st.sampled_from([b" ", b"-", b"", b"_"]),
        st.sampled_from([b"5.1.1 ", b"4.7.0 ", b"2.0.0", b"5.7.1x ", b""]),
        st.binary(max_size=20),
        st.sampled_from([b"\r\n", b"\n", b"\r", b""]),
    ).map(b"".join),
    max_size=6,
).map(b"".join)


@given(_REPLIES, st.sampled_from(list(Phase)))
def test_whatever_comes_there_is_a_verdict_or_it_is_garbled(
    raw: bytes, phase: Phase
) -> None:
    buffer = bytearray(raw)
    while True:
        left = len(buffer)
        try:
            reply = take_reply(buffer)
        except Garbled:
            return
        judged = outcome(Exchange(phase, reply, handed_over=phase is Phase.DOT))
        assert judged.verdict in Verdict
        assert not set(judged.text) & set("\0\x1b\r\x85\u2028\u202e")
        if reply is None:
            return
        assert len(buffer) < left


@given(st.sampled_from(list(Phase)), st.integers(200, 599), st.text(max_size=30))
def test_every_reply_in_every_phase_has_a_verdict(
    phase: Phase, code: int, text: str
) -> None:
    judged = outcome(Exchange(phase, Reply(code, text)))
    assert judged.verdict in Verdict
    if judged.verdict is Verdict.ACCEPTED:
        assert phase is Phase.DOT
        assert code // 100 == 2
    if judged.verdict is Verdict.REFUSED:
        assert code // 100 == 5
