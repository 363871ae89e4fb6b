"""
What a reply means. Pure: a reply and the phase it came in give a verdict.

The first digit decides (RFC 5321 4.2.1); codes and enhanced codes (RFC 3463) only
say whom a failure concerns: this recipient, this message, our account, or the
server itself. The server's text is evidence for people, never a reason to act.
"""

import codecs
import re
from collections.abc import Collection
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

TEXT_LIMIT = 1000  # characters of a reply that are kept
BYTES_LIMIT = 64 * 1024  # of one reply; RFC 5321 4.5.3.1.5 promises 512 per line
LINES_LIMIT = 128

_utf8 = codecs.getincrementaldecoder("utf-8")
_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])(.*))?", re.DOTALL)
_ONE_LINE = re.compile(rb"([2-5][0-5][0-9]) ([ -~]{0,512})\r?\n")
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s|$)")
# Control characters, and what breaks lines or turns the direction of writing.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class Phase(StrEnum):
    """Where in the conversation something happened."""

    COMPOSE = "compose"
    CONNECT = "connect"
    BANNER = "banner"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
    SIZE = "size"  # our own look at what the server said it takes
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"  # this recipient, or this message: for good
    DEFERRED = "deferred"  # this recipient: try again later
    UNKNOWN = "unknown"  # the server has the message and gave no valid reply
    SERVER = "server"  # the server's fault: nobody is charged
    ACCOUNT = "account"  # ours: login, sender, certificate; nobody is charged


class Garbled(Exception):
    """What came is not an SMTP reply. The connection can't be used any more."""


class Reply(NamedTuple):
    code: int
    text: str

    @property
    def enhanced_code(self) -> str:
        """RFC 3463's x.y.z, if it agrees with the reply's first digit; else ""."""
        found = _ENHANCED.match(self.text)
        if found is None or found.group(1) != str(self.code)[0]:
            return ""
        return found.group(0).strip()


class Exchange(NamedTuple):
    """How far one message got, and what the server said there."""

    phase: Phase
    reply: Reply | None = None
    trouble: str = ""  # our own words where there is no valid reply
    handed_over: bool = False  # the final dot has left for the server


class Outcome(NamedTuple):
    verdict: Verdict
    phase: Phase
    code: int | None
    enhanced_code: str
    text: str

    @property
    def is_unknown(self) -> bool:
        return self.verdict is Verdict.UNKNOWN

    @property
    def refuses_the_message(self) -> bool:
        """A refusal that others would hear as well: of the message, or of relaying."""
        if self.verdict is not Verdict.REFUSED or self.phase is Phase.COMPOSE:
            return False
        if self.code is None:
            return self.phase is Phase.SIZE
        return _rule(self.phase, self.code, self.enhanced_code).about_message

    @property
    def is_attempt(self) -> bool:
        """Says something about the recipient, so that it counts as a try."""
        return self.verdict not in (Verdict.SERVER, Verdict.ACCOUNT)


def take_reply(buffer: bytearray) -> Reply | None:
    """
    The first complete reply in `buffer`, which it is removed from; None if there is
    none yet. Raises Garbled for what can't become one.
    """
    end = buffer.find(b"\n")
    # Short ones, as they are remembered (RFC 5321 4.5.3.1.5: 512 bytes at most).
    if 0 <= end < 520 and (reply := _plain(bytes(buffer[: end + 1]))) is not None:
        del buffer[: end + 1]
        return reply
    code = 0
    texts: list[str] = []
    start = 0
    while True:
        end = buffer.find(b"\n", start)
        if end < 0:
            if len(buffer) > BYTES_LIMIT:
                raise Garbled("The reply does not end.")
            return None
        line = bytes(buffer[start:end]).rstrip(b"\r")
        match = _LINE.fullmatch(line)
        if match is None or (code and int(match.group(1)) != code):
            raise Garbled(f"Not an SMTP reply: {readable(line)}")
        code = int(match.group(1))
        texts.append(readable(match.group(3) or b""))
        start = end + 1
        if match.group(2) != b"-":
            del buffer[:start]
            return Reply(code, "\n".join(texts)[:TEXT_LIMIT])
        if len(texts) >= LINES_LIMIT or start > BYTES_LIMIT:
            raise Garbled("The reply does not end.")


@lru_cache(maxsize=256)  # servers say the same again and again
def _plain(line: bytes) -> Reply | None:
    """A reply of one line of printable ASCII, as most are; None if it is not one."""
    found = _ONE_LINE.fullmatch(line)
    return Reply(int(found[1]), found[2].decode("ascii")) if found else None


def readable(raw: bytes) -> str:
    """Foreign bytes as text that can be stored and shown, cut to a decent length."""
    raw = raw[: 4 * TEXT_LIMIT]
    try:
        text = _utf8().decode(raw)  # the last letter may have been cut
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _UNPRINTABLE.sub("\ufffd", text)[:TEXT_LIMIT]


def outcome(exchange: Exchange) -> Outcome:
    """The verdict on one exchange."""
    reply = exchange.reply
    if reply is None:
        verdict = _without_a_reply(exchange)
        return Outcome(verdict, exchange.phase, None, "", exchange.trouble)
    enhanced_code = reply.enhanced_code
    return Outcome(
        _rule(exchange.phase, reply.code, enhanced_code).verdict,
        exchange.phase,
        reply.code,
        enhanced_code,
        reply.text,
    )


def _without_a_reply(exchange: Exchange) -> Verdict:
    if exchange.phase is Phase.SIZE:  # RFC 1870: not even tried
        return Verdict.REFUSED
    # Once the dot has left, the server may have taken the message (RFC 1047).
    return Verdict.UNKNOWN if exchange.handed_over else Verdict.SERVER


# --- The table: the first row that fits decides ---


class _Rule(NamedTuple):
    phases: Collection[Phase]
    codes: Collection[int]
    enhanced: tuple[str, ...]  # how the enhanced code begins; "" is any, or none
    verdict: Verdict
    source: str  # where it is written, and what it says
    about_message: bool = False  # the refusal is of the message, not of a recipient

    def fits(self, phase: Phase, code: int, enhanced_code: str) -> bool:
        return (
            phase in self.phases
            and code in self.codes
            and f"{enhanced_code}.".startswith(self.enhanced)
        )


_ANY_CODE = range(1000)
_2YZ, _4YZ, _5YZ = range(200, 300), range(400, 500), range(500, 600)
_ANY_PHASE = tuple(Phase)
_GREETING = (Phase.CONNECT, Phase.BANNER, Phase.HELLO)
_LOGIN = (Phase.TLS, Phase.AUTH)
_MAIL, _RCPT, _DOT = (Phase.MAIL,), (Phase.RCPT,), (Phase.DOT,)
_MESSAGE = (Phase.DATA, Phase.DOT)
_PROTOCOL = (500, 501, 502, 503, 504, 555)
_ADDRESS = ("5.1.1.", "5.1.2.", "5.1.3.", "5.1.4.", "5.1.6.", "5.1.10.", "5.5.2.")
_US = ("5.7.0.", "5.1.7.", "5.1.8.", "5.7.515.")
_ALL = ("",)

_RULES = (
    _Rule(
        *(_ANY_PHASE, (421,), _ALL, Verdict.SERVER),
        "RFC 5321 3.8: the service is closing, in reply to whatever command",
    ),
    _Rule(
        *((*_RCPT, *_MESSAGE), _4YZ, _ALL, Verdict.DEFERRED),
        "RFC 5321 4.2.1: the same may be tried later; 4.5.4.1 says how",
    ),
    _Rule(
        *(_ANY_PHASE, _4YZ, _ALL, Verdict.SERVER),
        "RFC 5321 4.3.2: before RCPT it is about the server or our quota",
    ),
    _Rule(
        *(_GREETING, _5YZ, _ALL, Verdict.SERVER),
        "RFC 5321 3.1: 554 as a greeting, no service here; no verdict on mail",
    ),
    _Rule(
        *(_LOGIN, _5YZ, _ALL, Verdict.ACCOUNT),
        "RFC 3207 4, RFC 4954 6: encryption or login as we want it is refused",
    ),
    _Rule(
        *(_RCPT, _5YZ, _ADDRESS, Verdict.REFUSED),
        "RFC 3463 3.2: the address itself; 5.5.2 is how some say its syntax",
    ),
    _Rule(
        *(_ANY_PHASE, _PROTOCOL, _ALL, Verdict.SERVER),
        "RFC 5321 4.2.2, 4.1.1.11: syntax, sequence or parameters, not the mail",
    ),
    _Rule(
        *(_MAIL, _5YZ, _ALL, Verdict.ACCOUNT),
        "RFC 5321 4.3.2: 550, 552, 553 of the sender, whoever the mail is for",
    ),
    _Rule(
        *(_RCPT, (530, 535, 538), _ALL, Verdict.ACCOUNT),
        "RFC 4954 6: log in first",
    ),
    _Rule(
        *(_RCPT, _5YZ, _US, Verdict.ACCOUNT),
        "RFC 3463 3.8 X.7.0, 3.2 X.1.7 and X.1.8, Outlook's 5.7.515: the sender",
    ),
    _Rule(
        *(_RCPT, _5YZ, ("5.7.",), Verdict.REFUSED),
        "RFC 3463 3.8: policy; for all alike it is relaying that is denied",
        about_message=True,
    ),
    _Rule(
        *(_RCPT, _5YZ, _ALL, Verdict.REFUSED),
        "RFC 5321 4.3.2: 550, 551, 552, 553 of the recipient",
    ),
    _Rule(
        *(_MESSAGE, _5YZ, ("5.1.", "5.2."), Verdict.REFUSED),
        "RFC 3463 3.2, 3.3: said late, but about address or mailbox",
    ),
    _Rule(
        *(_MESSAGE, _5YZ, _ALL, Verdict.REFUSED),
        "RFC 5321 4.3.2: 552, 554 of the message; RFC 3463 3.4, 3.7, 3.8",
        about_message=True,
    ),
    _Rule(
        *(_DOT, _2YZ, _ALL, Verdict.ACCEPTED),
        "RFC 5321 4.2.1: any 2yz, not just 250",
    ),
    _Rule(
        *(_ANY_PHASE, _ANY_CODE, _ALL, Verdict.SERVER),
        "RFC 5321 4.3.2: a reply that has no meaning here",
    ),
)


@lru_cache(maxsize=1024)  # the enhanced code is the server's to choose
def _rule(phase: Phase, code: int, enhanced_code: str) -> _Rule:
    return next(rule for rule in _RULES if rule.fits(phase, code, enhanced_code))
