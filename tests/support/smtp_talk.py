"""The mail server's side of one connection: commands, transaction, answers."""

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.smtp_script import (
    USUAL,
    Act,
    Action,
    Context,
    Over,
    Within,
    reply,
)

if TYPE_CHECKING:
    from tests.support.smtp_server import SmtpServer

_PATH = re.compile(rb"(?:FROM|TO):<([^<>\r\n]*)>(?: (.*))?", re.IGNORECASE)
_SIZE = re.compile(rb"(?:^| )SIZE=(\d+)", re.IGNORECASE)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_TOO_LONG = re.compile(rb"[^\n]{1000}")
# RFC 2920 3.1: nothing may follow these before their reply.
_ENDS_A_GROUP = frozenset([b"EHLO", b"DATA", b"AUTH", b"STARTTLS", b"QUIT", b"NOOP"])


@dataclass(frozen=True, slots=True)
class Received:
    """One message for one recipient that the server took responsibility for."""

    sender: str
    recipient: str
    data: bytes  # CRLF line ends, dots unstuffed
    connection: int  # counted from 1


class Conversation:
    def __init__(
        self,
        server: "SmtpServer",
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.server, self.number = server, number
        self.reader, self.writer = reader, writer
        self._buffer = bytearray()
        self._out = bytearray()
        self._usual = b""  # reply to the command at hand
        self._good: bool | None = None  # was the reply a 2xx or 3xx? None: none yet
        self._untaken: list[Received] = []
        self._authenticated = server.accounts is None
        self._announced: list[str] = []
        self._forget()

    def _forget(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._data: bytes | None = None

    async def run(self) -> None:
        """Until either side ends it; raises Over then."""
        limit = self.server.max_connections
        if limit is not None and self.server.open > limit:
            self.say(reply(421, "4.7.0 Too many connections"))
            await self.flush()
            raise Over
        await self._answer("connect", b"", reply(220, "mail.example.com ESMTP ready"))
        while True:
            await self._command(await self._line())

    # --- what actions use ---

    def say(self, data: bytes) -> None:
        """A good reply to the final dot takes the message first."""
        if self._good is None and data:
            self._good = data[:1] in b"23"
            if self._good:
                self.take()
        self._out += data

    def take(self) -> None:
        """Takes responsibility for the message at hand, once."""
        mails, self._untaken = self._untaken, []
        for mail in mails:
            self.server.take(mail)

    async def flush(self) -> None:
        if self._out:
            self.writer.write(bytes(self._out))
            self._out.clear()
            await self.writer.drain()

    async def perform(self, act: Act) -> None:
        if isinstance(act, bytes):
            self.say(act)
        elif act is USUAL:
            self.say(self._usual)
        elif isinstance(act, Action):
            await act.perform(self)
        else:
            raise TypeError(f"not an act inside another: {act!r}")

    # --- reading ---

    async def _more(self) -> None:
        await self.flush()
        data = await self.reader.read(65536)
        if not data:
            raise Over
        self.server.reads += 1
        self._buffer += data

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            await self._more()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n") or len(line) > 512 or line.count(b"\r") > 1:
            self._complain(f"not a command line: {line[:60]!r}")
        return line.rstrip(b"\r\n")

    async def _body(self) -> bytes:
        """The message, dots unstuffed; nothing of what follows it is consumed."""
        act = self.server.act(self._context("body", b""))
        seen = 0
        while not self._buffer.startswith(b".\r\n"):
            if isinstance(act, Within) and len(self._buffer) >= act.size:
                await self.perform(act.act)
                act = USUAL
            end = self._buffer.find(b"\r\n.\r\n", max(0, seen - 4))
            if end >= 0:
                raw = bytes(self._buffer[: end + 2])
                del self._buffer[: end + 5]
                return self._unstuffed(raw)
            seen = len(self._buffer)
            await self._more()
        del self._buffer[:3]
        return b""

    def _unstuffed(self, raw: bytes) -> bytes:
        if _BARE.search(raw):
            self._complain("bare CR or LF in a message")
        if _TOO_LONG.search(raw):
            self._complain("line of more than 998 bytes in a message")
        if not raw.isascii() and "8BITMIME" not in self._announced:
            self._complain("8-bit message without 8BITMIME")
        if raw.startswith(b"."):
            raw = raw[1:]
        return raw.replace(b"\r\n.", b"\r\n")

    def _complain(self, text: str) -> None:
        self.server.complaints.append(text)

    # --- commands ---

    async def _command(self, line: bytes) -> None:
        self.server.commands.append(line.decode("utf-8", "replace"))
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        pipelined = self._buffer and "PIPELINING" not in self._announced
        if pipelined or (self._buffer and verb in _ENDS_A_GROUP):
            self._complain(f"more was sent before the reply to {verb.decode()}")
        handler = getattr(self, f"_on_{verb.decode('ascii', 'replace').lower()}", None)
        if handler is None:
            self._good = None
            self.say(reply(500, "5.5.2 Command not recognized"))
        else:
            await handler(argument, line)

    async def _answer(self, stage: str, line: bytes, usual: bytes) -> bool:
        """Does what the script says, or the usual. Was it a good reply?"""
        self._usual, self._good = usual, None
        if stage in self.server.script:
            await self.perform(self.server.act(self._context(stage, line)))
        else:
            self.say(usual)
        return bool(self._good)

    def _context(self, stage: str, line: bytes) -> Context:
        return Context(
            stage,
            self.number,
            line.decode("utf-8", "replace"),
            self._sender or "",
            tuple(self._recipients),
            self._data,
        )

    async def _on_ehlo(self, argument: bytes, line: bytes) -> None:
        lines = list(self.server.extensions)
        if self.server.tls and not self.writer.get_extra_info("ssl_object"):
            lines.append("STARTTLS")
        if await self._answer("ehlo", line, reply(250, "mail.example.com", *lines)):
            self._announced = lines
            self._forget()

    async def _on_helo(self, argument: bytes, line: bytes) -> None:
        if await self._answer("helo", line, reply(250, "mail.example.com")):
            self._announced = []
            self._forget()

    async def _on_starttls(self, argument: bytes, line: bytes) -> None:
        if self.server.tls is None:
            await self._answer("starttls", line, reply(502, "5.5.1 No TLS here"))
        elif await self._answer("starttls", line, reply(220, "2.0.0 Go ahead")):
            await self.flush()
            await self.writer.start_tls(self.server.tls)

    async def _on_auth(self, argument: bytes, line: bytes) -> None:
        mechanism, _, initial = argument.partition(b" ")
        if mechanism.upper() == b"PLAIN":
            token = initial or await self._challenge(b"")
            _, user, password = (*_decoded(token).split(b"\0"), b"", b"", b"")[:3]
        elif mechanism.upper() == b"LOGIN":
            user = _decoded(initial or await self._challenge(b"Username:"))
            password = _decoded(await self._challenge(b"Password:"))
        else:
            self.say(reply(504, "5.5.4 No such mechanism"))
            return
        known = (self.server.accounts or {}).get(user.decode("utf-8", "replace"))
        if known is not None and known == password.decode("utf-8", "replace"):
            usual = reply(235, "2.7.0 Welcome")
        else:
            usual = reply(535, "5.7.8 Wrong user or password")
        self._authenticated = await self._answer("auth", line, usual)

    async def _challenge(self, text: bytes) -> bytes:
        self.say(b"334 " + base64.b64encode(text) + b"\r\n")
        return await self._line()

    async def _on_mail(self, argument: bytes, line: bytes) -> None:
        match = _PATH.fullmatch(argument)
        if not self._authenticated:
            self.say(reply(530, "5.7.0 Authentication required"))
        elif self._sender is not None:
            self.say(reply(503, "5.5.1 Nested MAIL"))
        elif match is None:
            self.say(reply(501, "5.5.4 Syntax: MAIL FROM:<address>"))
        else:
            size = _SIZE.search(match[2] or b"")
            usual = reply(250, "2.1.0 Sender ok")
            if size and self._is_too_big(int(size[1])):
                usual = reply(552, "5.3.4 Too big")
            if await self._answer("mail", line, usual):
                self._sender = match[1].decode("utf-8", "replace")

    def _is_too_big(self, size: int) -> bool:
        limits = (name.split()[1:] for name in self._announced if "SIZE " in name)
        return any(0 < int(n) < size for (n,) in limits if n.isdigit())

    async def _on_rcpt(self, argument: bytes, line: bytes) -> None:
        match = _PATH.fullmatch(argument)
        if self._sender is None:
            self.say(reply(503, "5.5.1 MAIL first"))
        elif match is None or not match[1]:
            self.say(reply(501, "5.5.4 Syntax: RCPT TO:<address>"))
        else:
            self._recipients.append(match[1].decode("utf-8", "replace"))
            if not await self._answer("rcpt", line, reply(250, "2.1.5 Recipient ok")):
                self._recipients.pop()

    async def _on_data(self, argument: bytes, line: bytes) -> None:
        if not self._recipients and not self.server.always_354:
            self.say(reply(503, "5.5.1 No valid recipients"))
            return
        usual = reply(354, "End data with <CR><LF>.<CR><LF>")
        if not await self._answer("data", line, usual):
            return
        self._data = data = await self._body()
        self._untaken = [
            Received(self._sender or "", recipient, data, self.number)
            for recipient in self._recipients
        ]
        if self.server.delay:
            await asyncio.sleep(self.server.delay)
        usual = reply(250, f"2.0.0 Ok: queued as {self.server.reads:X}")
        if not self._recipients:
            usual = reply(554, "5.5.1 No valid recipients")
        elif self._is_too_big(len(data)):
            usual = reply(552, "5.3.4 Too big")
        await self._answer("dot", b".", usual)
        self._untaken = []
        self._forget()

    async def _on_rset(self, argument: bytes, line: bytes) -> None:
        if await self._answer("rset", line, reply(250, "2.0.0 Ok")):
            self._forget()

    async def _on_noop(self, argument: bytes, line: bytes) -> None:
        await self._answer("noop", line, reply(250, "2.0.0 Ok"))

    async def _on_quit(self, argument: bytes, line: bytes) -> None:
        await self._answer("quit", line, reply(221, "2.0.0 Bye"))
        await self.flush()
        raise Over


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
