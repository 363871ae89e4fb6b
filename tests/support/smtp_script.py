"""
What the scriptable mail server can be told to do in place of its usual reply.

A script maps a stage (`STAGES`) to an act. An act is one of

    bytes               this reply, as it stands
    USUAL               what a good server would have said
    an Action           HANG, DEAF, CLOSE, RST, Drip(...), ... or Steps(...) of several
    callable(context)   decides; returns an act
    list                one act per occurrence, the last one repeats
    dict                recipient -> act (None: all others); the stages rcpt to dot

A command out of order is answered with 503 whatever the script says.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.smtp_server import Conversation

OPENING = ("connect", "ehlo", "helo", "starttls", "auth")
TRANSACTION = ("mail", "rcpt", "data", "body", "dot")
STAGES = frozenset([*OPENING, *TRANSACTION, "rset", "noop", "quit"])

# Any of the forms above; a recursive type would say no more to a reader.
Act = Any


@dataclass(frozen=True, slots=True)
class Context:
    """What a callable is told about the moment at which it has to decide."""

    stage: str
    connection: int  # counted from 1
    line: str  # the command
    sender: str
    recipients: tuple[str, ...]
    data: bytes | None  # the message, at the stage `dot`


class Over(Exception):
    """This conversation has come to its end."""


class Action:
    async def perform(self, talk: "Conversation") -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Say(Action):
    data: bytes

    async def perform(self, talk: "Conversation") -> None:
        talk.say(self.data)


class _Usual(Action):
    """Handled by the conversation, which knows what is usual."""


class _Take(Action):
    """Takes responsibility for the message before (or without) a good reply."""

    async def perform(self, talk: "Conversation") -> None:
        talk.take()


class _Hang(Action):
    """Says nothing and listens to nothing until the client goes away."""

    async def perform(self, talk: "Conversation") -> None:
        await talk.flush()
        while await talk.reader.read(65536):
            pass
        raise Over


class _Deaf(Action):
    """Says nothing and reads nothing more: what the client writes stays with it."""

    async def perform(self, talk: "Conversation") -> None:
        await talk.flush()
        await asyncio.Event().wait()  # until the server stops


class _Close(Action):
    async def perform(self, talk: "Conversation") -> None:
        await talk.flush()
        raise Over


class _Reset(Action):
    """Ends the connection by a TCP reset instead of an orderly end."""

    async def perform(self, talk: "Conversation") -> None:
        await talk.flush()
        sock = talk.writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        talk.writer.transport.abort()
        raise Over


@dataclass(frozen=True, slots=True)
class Wait(Action):
    seconds: float

    async def perform(self, talk: "Conversation") -> None:
        await talk.flush()
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class Drip(Action):
    """A reply of which one byte comes at a time."""

    data: bytes
    interval: float = 0.05  # seconds between two bytes

    async def perform(self, talk: "Conversation") -> None:
        for number in self.data:
            talk.say(bytes([number]))
            await talk.flush()
            await asyncio.sleep(self.interval)


@dataclass(frozen=True, slots=True)
class Endless(Action):
    """A reply that never ends: the same continuation line for ever."""

    line: bytes = b"250-and so on\r\n"
    lines_per_write: int = 100

    async def perform(self, talk: "Conversation") -> None:
        while True:
            talk.say(self.line * self.lines_per_write)
            await talk.flush()
            await asyncio.sleep(0)


class Steps(Action):
    """Several acts, one after the other."""

    def __init__(self, *acts: Act) -> None:
        self.acts = acts

    async def perform(self, talk: "Conversation") -> None:
        for act in self.acts:
            await talk.perform(act)


@dataclass(frozen=True, slots=True)
class Within(Action):
    """At the stage `body`: acts when so many bytes of the body have come."""

    size: int
    act: Act

    async def perform(self, talk: "Conversation") -> None:
        await talk.perform(self.act)


USUAL = _Usual()
HANG = _Hang()
DEAF = _Deaf()
CLOSE = _Close()
RST = _Reset()
TAKE = _Take()


def reply(code: int, *lines: str) -> bytes:
    """A well-formed reply of one or more lines."""
    *others, last = lines or ("",)
    text = [f"{code}-{line}\r\n" for line in others] + [f"{code} {last}\r\n"]
    return "".join(text).encode()


def taken(*acts: Act) -> Steps:
    """At the stage `dot`: the server has the message, whatever it then says."""
    return Steps(TAKE, *acts)


def goodbye(text: str = "4.3.2 Going down") -> Steps:
    """421, and the end."""
    return Steps(reply(421, text), CLOSE)


def delayed(seconds: float, act: Act = USUAL) -> Steps:
    return Steps(Wait(seconds), act)


# Addresses that say what is to become of them, for a server in a process of its own:
# ann+refuse@example.com. (The server applies those it was told to: `--moods`.)
MOODS: dict[str, dict[str, Act]] = {
    "refuse": {"rcpt": reply(550, "5.1.1 No such user")},
    "spam": {"dot": reply(554, "5.7.1 Looks like spam")},
    "defer": {"rcpt": [reply(451, "4.7.1 Greylisted"), USUAL]},
    "busy": {"rcpt": reply(450, "4.2.1 Mailbox busy")},
    "drop": {"rcpt": [goodbye(), USUAL]},
    "lose": {"dot": taken(CLOSE)},
    "hang": {"dot": taken(HANG)},
    "crawl": {"dot": delayed(2.0)},
}


def mood(recipient: str) -> str:
    """What the address asks for: `refuse` for ann+refuse@example.com, else nothing."""
    return recipient.partition("@")[0].partition("+")[2]


class _ByMood(dict[str, Act]):
    """Recipient -> act, read from the address itself."""

    def __init__(self, stage: str, moods: Collection[str]) -> None:
        super().__init__()
        self.stage = stage
        self.moods = moods

    def __missing__(self, recipient: str) -> Act:
        name = mood(recipient)
        return MOODS[name].get(self.stage, USUAL) if name in self.moods else USUAL


def script_of_moods(moods: Collection[str]) -> dict[str, Act]:
    """The script under which addresses of these moods get what they ask for."""
    return {stage: _ByMood(stage, moods) for stage in ("rcpt", "dot")}


# What a server that is no good does now and then, in place of the usual.
_WHIMS: dict[str, tuple[Act, ...]] = {
    "rcpt": (
        reply(450, "4.2.1 Mailbox busy"),
        reply(451, "4.7.1 Greylisted"),
        reply(550, "5.1.1 No such user"),
        goodbye("4.3.2 Shutting down"),
        RST,
    ),
    "dot": (
        reply(451, "4.3.0 Try again later"),
        reply(452, "4.3.1 No room"),
        goodbye("4.3.2 Shutting down"),
        taken(CLOSE),
        CLOSE,
    ),
}


def script_of_whims(share: float, chance: random.Random) -> dict[str, Act]:
    """The script under which this share of all messages meets a fault, at random."""

    def at(stage: str) -> Act:
        def act(context: Context) -> Act:
            return (
                chance.choice(_WHIMS[stage]) if chance.random() < share / 2 else USUAL
            )

        return act

    return {stage: at(stage) for stage in _WHIMS}
