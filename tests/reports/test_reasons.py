import pytest

from reports import reasons


@pytest.mark.parametrize(
    ("reply", "words", "advice"),
    [
        (("refused", "rcpt", 550, "5.1.1"), "mailbox does not exist", "Remove or"),
        (("refused", "rcpt", 552, "5.2.2"), "is full", "another way"),
        (("deferred", "rcpt", 452, "4.2.2"), "is full", "tried again"),
        (("deferred", "rcpt", 451, "4.7.1"), "unknown senders wait", "tried again"),
        (("refused", "dot", 554, "5.7.1"), "does not want this message", "SPF"),
        (("refused", "dot", 550, "5.6.9"), "contents of the message", "spam"),
        (("refused", "rcpt", 550, ""), "refuses this recipient", "Remove or"),
        (("refused", "rcpt", 599, ""), "server refuses", "server's words"),
        (("deferred", "rcpt", 499, "9.9.9"), "come back later", "tried again"),
        (("unknown", "dot", 0, ""), "nobody knows", "second copy"),
        (("refused", "compose", 0, ""), "could not be composed", "correct"),
        (("refused", "size", 0, ""), "larger than the mail server takes", "smaller"),
        (("deferred", "rcpt", 0, ""), "connection broke", "tried again"),
        (("accepted", "dot", 250, "2.0.0"), "Accepted", ""),
        # A class that contradicts the reply code says nothing (as Postfix has it).
        (("refused", "rcpt", 550, "4.2.2"), "refuses this recipient", "Remove or"),
    ],
)
def test_a_reply_is_put_into_words_with_advice(
    reply: tuple[str, str, int, str], words: str, advice: str
) -> None:
    reason = reasons.of_reply(*reply)
    assert words in str(reason.words)
    assert advice in str(reason.advice)


def test_whatever_a_server_says_has_words() -> None:
    for outcome in ("refused", "deferred", "unknown", "accepted"):
        for code in (0, 199, 250, 354, 421, 450, 500, 550, 554, 599):
            for enhanced in ("", "5", "5.", "x.y.z", "4.999.999", "5.1.1", "4.7.1"):
                reason = reasons.of_reply(outcome, "rcpt", code, enhanced)
                assert len(str(reason.words)) > 10
