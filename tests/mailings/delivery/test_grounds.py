"""The table of refusals that an address is suppressed for."""

import pytest

from mailings.delivery.grounds import Grounds, grounds
from mailings.delivery.replies import Exchange, Phase, Reply, outcome


def judged(text: str, phase: Phase = Phase.RCPT) -> Grounds:
    code, _blank, words = text.partition(" ")
    return grounds(outcome(Exchange(phase, Reply(int(code), words), handed_over=True)))


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA, Phase.DOT])
@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 No such user",
        "550 5.1.2 No such domain",
        "553 5.1.3 Bad syntax",
        "551 5.1.6 Moved",
        "556 5.1.10 Takes no mail (RFC 7505)",
        "550 5.2.1 Mailbox disabled",
    ],
)
def test_what_speaks_of_the_address_for_good_is_enough_at_once(
    text: str, phase: Phase
) -> None:
    assert judged(text, phase) is Grounds.AT_ONCE


@pytest.mark.parametrize("text", ["550 No such user", "550", "552 5.2.2 Mailbox full"])
def test_what_may_pass_must_come_twice(text: str) -> None:
    assert judged(text) is Grounds.IF_REPEATED


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 Relaying denied",
        "550 5.7.26 Unauthenticated",
        "550 5.7.515 Not DMARC aligned",
        "550 5.1.8 Bad sender's domain",
        "554 5.6.0 Bad contents",
        "552 5.3.4 Too large",
        "554 Go away",
        "553 Mailbox name not allowed",
        "530 5.7.0 Log in first",
        "503 5.5.1 Bad sequence",
        "450 4.1.1 Not now",
        "452 4.2.2 Full for now",
        "421 4.2.1 Going down",
        "250 2.1.5 Fine",
        "550 5.1.11 Unknown",
        "450 5.1.1 Which of the two?",
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert judged(text) is Grounds.NONE


@pytest.mark.parametrize("phase", [Phase.BANNER, Phase.HELLO, Phase.MAIL, Phase.AUTH])
def test_nor_is_what_comes_before_the_recipient(phase: Phase) -> None:
    assert judged("550 5.1.1 No such user", phase) is Grounds.NONE


def test_nor_is_a_lost_reply() -> None:
    assert grounds(outcome(Exchange(Phase.DOT, handed_over=True))) is Grounds.NONE
