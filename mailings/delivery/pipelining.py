"""
Envelopes in one flight (RFC 2920). Knows the commands and their replies, no socket.

MAIL, RCPT and DATA of a letter leave together, DATA last, as it must be (3.1), and
behind the body of the letter before it if there is one: then a message costs a
single round trip. The replies come in the order of the commands. A body never flies
ahead: it leaves when the server has asked for it and has answered all before it.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from mailings.delivery.replies import Exchange, Garbled, Phase, Reply

# The server did not understand a command, or not in this order (RFC 5321 4.2.2).
_OUT_OF_ORDER = frozenset({500, 502, 503})
# The commands of an envelope, and the first digit of what lets it go on.
_GROUP = ((Phase.MAIL, 2), (Phase.RCPT, 2), (Phase.DATA, 3))


def envelope(sender: str, recipient: str) -> Iterator[tuple[Phase, str, int]]:
    """Phase, command, and the first digit of the reply that lets it go on."""
    yield Phase.MAIL, f"MAIL FROM:<{sender}>", 2
    yield Phase.RCPT, f"RCPT TO:<{recipient}>", 2
    yield Phase.DATA, "DATA", 3


def group(sender: str, recipient: str) -> bytes:
    """The envelope as it leaves at once."""
    words = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
    return words.encode("ascii")


@dataclass(slots=True)
class Answers:
    """What came back for one group."""

    refusal: Exchange | None = None  # of the first command that was not taken
    wants_body: bool = False  # 354 was said
    out_of_step: bool = False  # the server can't do that: talk to it in lock-step
    broken: bool = False


async def answers(
    heard: Callable[[], Reply | None],
    listen: Callable[[Phase], Awaitable[Reply]],
    in_words: Callable[[Exception], str],
    troubles: tuple[type[Exception], ...],
) -> Answers:
    """
    Reads the three replies. `heard` gives the next one if it is here, `listen` waits
    for it; both may raise one of `troubles`.

    After a refusal the others must be refusals too, or 354, which a server may say
    although nobody is to get the message (RFC 2920 3.1). A 2yz then belongs to
    another command, and nothing that was read can be relied on.
    """
    found = Answers()
    phase = Phase.MAIL
    try:
        for phase, good in _GROUP:
            reply = heard() or await listen(phase)
            kind = reply.code // 100
            if phase is Phase.DATA:
                found.wants_body = kind == 3
            if found.refusal is not None:
                if kind == 2 or (kind == 3 and phase is not Phase.DATA):
                    raise _NotOurs
            elif kind != good:
                found.refusal = Exchange(phase, reply)
                found.out_of_step = reply.code in _OUT_OF_ORDER
            if reply.code == 421:  # RFC 5321 3.8: nothing comes after that
                found.broken = True
                break
    except _NotOurs:
        found.refusal = Exchange(phase, trouble="The replies do not fit the commands.")
        found.out_of_step = found.broken = True
    except troubles as error:
        found.broken = True
        if found.refusal is None:  # else that stands, whatever came after it
            found.refusal = Exchange(phase, trouble=in_words(error))
            found.out_of_step = isinstance(error, Garbled | TimeoutError)
    return found


class _NotOurs(Exception):
    """A reply that belongs to another command."""
