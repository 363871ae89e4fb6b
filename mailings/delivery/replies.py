"""
What a reply means. Pure: a reply and the phase it came in give a verdict.

The first digit decides (RFC 5321 4.2.1); codes and enhanced codes (RFC 3463) only
say whom a failure concerns: this recipient, this message, our account, or the
server itself. The server's text is evidence for people, never a reason to act.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

TEXT_LIMIT = 1000  # characters of a reply that are kept
BYTES_LIMIT = 64 * 1024  # of one reply; RFC 5321 4.5.3.1.5 promises 512 per line
LINES_LIMIT = 128

_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s|$)")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Phase(StrEnum):
    """Where in the conversation something happened."""

    COMPOSE = "compose"
    CONNECT = "connect"
    BANNER = "banner"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
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


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    text: str

    @property
    def enhanced_code(self) -> str:
        """RFC 3463's x.y.z, if it agrees with the reply's first digit; else ""."""
        found = _ENHANCED.match(self.text)
        if found is None or found.group(1) != str(self.code)[0]:
            return ""
        return found.group(0).strip()


@dataclass(frozen=True, slots=True)
class Exchange:
    """How far one message got, and what the server said there."""

    phase: Phase
    reply: Reply | None = None
    trouble: str = ""  # our own words where there is no valid reply
    handed_over: bool = False  # the final dot has left for the server


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    phase: Phase
    code: int | None
    enhanced_code: str
    text: str

    @property
    def is_unknown(self) -> bool:
        return self.verdict is Verdict.UNKNOWN

    @property
    def is_attempt(self) -> bool:
        """Says something about the recipient, so that it counts as a try."""
        return self.verdict not in (Verdict.SERVER, Verdict.ACCOUNT)


def take_reply(buffer: bytearray) -> Reply | None:
    """
    The first complete reply in `buffer`, which it is removed from; None if there is
    none yet. Raises Garbled for what can't become one.
    """
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


def readable(raw: bytes) -> str:
    """Foreign bytes as text that can be stored and shown, cut to a decent length."""
    raw = raw[: 4 * TEXT_LIMIT]
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _UNPRINTABLE.sub("\ufffd", text)[:TEXT_LIMIT]


def outcome(exchange: Exchange) -> Outcome:
    """The verdict on one exchange."""
    reply = exchange.reply
    if reply is None:
        # Once the dot has left, the server may have taken the message (RFC 1047).
        verdict = Verdict.UNKNOWN if exchange.handed_over else Verdict.SERVER
        return Outcome(verdict, exchange.phase, None, "", exchange.trouble)
    return Outcome(
        _verdict(exchange.phase, reply),
        exchange.phase,
        reply.code,
        reply.enhanced_code,
        reply.text,
    )


def _verdict(phase: Phase, reply: Reply) -> Verdict:
    kind = reply.code // 100
    if reply.code == 421:  # "service closing": RFC 5321 3.8, at any point
        return Verdict.SERVER
    if kind == 4:
        return _temporary(phase)
    if kind == 5:
        return _permanent(phase, reply)
    if kind == 2 and phase is Phase.DOT:  # any 2yz, not just 250: RFC 5321 4.2.1
        return Verdict.ACCEPTED
    return Verdict.SERVER  # a 2yz or 3yz where it has no meaning


def _temporary(phase: Phase) -> Verdict:
    # 4yz before RCPT speaks of the server or our quota, never of the recipient.
    if phase in (Phase.RCPT, Phase.DATA, Phase.DOT):
        return Verdict.DEFERRED
    return Verdict.SERVER


# RFC 5321 4.2.2: syntax, not implemented, bad sequence; 555 parameters (4.1.1.11).
_PROTOCOL_ERRORS = frozenset({500, 501, 502, 503, 504, 555})
# "Log in first" (RFC 4954 6), and security and policy codes on us, not on them:
# RFC 3463 3.8 X.7.0; X.1.7 and X.1.8 bad sender; Outlook's 5.7.515 (no DMARC).
_ACCOUNT_CODES = frozenset({530, 535, 538})
_ACCOUNT_ENHANCED = frozenset({"5.7.0", "5.1.7", "5.1.8", "5.7.515"})
# RFC 3463 3.2: the destination address itself; 5.5.2 is how some say "bad syntax".
_ADDRESS_CODES = ("5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.5.2")


def _permanent(phase: Phase, reply: Reply) -> Verdict:
    if phase in (Phase.CONNECT, Phase.BANNER, Phase.HELLO):
        return Verdict.SERVER  # 554 as a greeting: "no service here" (RFC 5321 3.1)
    if phase in (Phase.TLS, Phase.AUTH):
        return Verdict.ACCOUNT
    if phase is Phase.RCPT and reply.enhanced_code.startswith(_ADDRESS_CODES):
        return Verdict.REFUSED
    if reply.code in _PROTOCOL_ERRORS:
        return Verdict.SERVER
    if phase is Phase.MAIL:  # 550, 552, 553 of the sender: RFC 5321 4.3.2
        return Verdict.ACCOUNT
    if phase is Phase.RCPT and (
        reply.code in _ACCOUNT_CODES or reply.enhanced_code in _ACCOUNT_ENHANCED
    ):
        return Verdict.ACCOUNT
    return Verdict.REFUSED
