"""
One connection's conversation with a mail server (RFC 5321). Decides nothing.

smtplib cannot say when it failed, waits without a total limit, and misjudges four
kinds of reply; here every reply has a deadline, a bound and a phase, and each
exchange tells whether the message was handed over. No module but this one opens a
socket.
"""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping

from mailings.delivery.clock import clock
from mailings.delivery.letter import Letter
from mailings.delivery.pipelining import answers, envelope, group
from mailings.delivery.replies import (
    Exchange,
    Garbled,
    Phase,
    Reply,
)
from mailings.delivery.troubles import TROUBLES, Failed, Server, require
from mailings.delivery.wire import EARLY, Wire

_ENVELOPE_TIMEOUTS = {
    Phase.MAIL: "envelope",
    Phase.RCPT: "envelope",
    Phase.DATA: "data",
}

# Bytes that any socket takes at once, as nothing else is on its way: then the next
# envelope goes with them, in one packet more or less.
_AT_ONCE = 16_000
_SLOWEST = 20_000  # bytes a second


class Connection:
    """An open, greeted (and if need be encrypted and logged-in) connection."""

    def __init__(
        self,
        wire: Wire,
        server: Server,
        timeouts: Mapping[str, float],
        *,
        pipelining: bool,
    ) -> None:
        self._wire = wire
        self._server = server
        self._timeouts = timeouts
        self._broken = False
        self._extensions: dict[str, str] = {}
        self._pipelining = pipelining
        self._pipelines = False  # both sides do
        self._limit = 0  # bytes of a message that the server takes; 0: it does not say
        self._ahead: Letter | None = None  # its envelope is under way
        self.out_of_step = False  # the server says PIPELINING, and can't do it

    @classmethod
    async def open(
        cls,
        server: Server,
        timeouts: Mapping[str, float],
        *,
        pipelining: bool = True,
    ) -> "Connection":
        """
        Connects and says hello. Raises Failed, with the phase and the reply.

        `pipelining` is made use of if the server announces it (RFC 2920).
        """
        phase = Phase.CONNECT
        wire: Wire | None = None
        try:
            async with asyncio.timeout(timeouts["connect"]):
                _, wire = await asyncio.get_running_loop().create_connection(
                    Wire,
                    server.host,
                    server.port,
                    ssl=ssl.create_default_context() if server.implicit_tls else None,
                )
            connection = cls(wire, server, timeouts, pipelining=pipelining)
            for phase, step in connection._opening():  # noqa: B007 - told on failure
                await step()
        except Failed:
            if wire is not None:
                wire.transport.abort()
            raise
        except TROUBLES as error:
            if wire is not None:
                wire.transport.abort()
            raise Failed(Exchange(phase, trouble=in_words(error, server))) from error
        return connection

    def _opening(self) -> Iterator[tuple[Phase, Callable[[], Awaitable[None]]]]:
        yield Phase.BANNER, self._banner
        yield Phase.HELLO, self._hello
        if self._server.starttls:
            yield Phase.TLS, self._start_tls
            yield Phase.HELLO, self._hello
        if self._server.user:
            yield Phase.AUTH, self._log_in

    async def _banner(self) -> None:
        require(Phase.BANNER, await self._wire.reply(self._timeouts["banner"]), 220)

    async def _hello(self) -> None:
        reply = await self._command(f"EHLO {self._server.hello_name}", "hello")
        if reply.code == 421 or reply.code // 100 == 4:
            raise Failed(Exchange(Phase.HELLO, reply))
        if reply.code != 250:  # RFC 5321 4.1.4: an old server; talk plainly
            reply = await self._command(f"HELO {self._server.hello_name}", "hello")
            require(Phase.HELLO, reply, 250)
            self._note_extensions({})
            return
        words = (line.partition(" ") for line in reply.text.upper().splitlines()[1:])
        self._note_extensions({name: parameters for name, _, parameters in words})

    def _note_extensions(self, extensions: dict[str, str]) -> None:
        self._extensions = extensions
        self._pipelines = self._pipelining and "PIPELINING" in extensions
        # RFC 1870 4: no number, or 0, is no limit that it would tell.
        limit = extensions.get("SIZE", "")
        self._limit = int(limit) if limit.isascii() and limit.isdigit() else 0

    async def _start_tls(self) -> None:
        if "STARTTLS" not in self._extensions:
            raise Failed(
                Exchange(
                    Phase.TLS, Reply(554, "STARTTLS is required and was not offered.")
                )
            )
        require(Phase.TLS, await self._command("STARTTLS", "hello"), 220)
        if self._wire.buffer:  # injected before encryption began (CVE-2011-0411)
            raise Garbled("There was more than a reply to STARTTLS.")
        async with asyncio.timeout(self._timeouts["hello"]):
            transport = await asyncio.get_running_loop().start_tls(
                self._wire.transport,
                self._wire,
                ssl.create_default_context(),
                server_hostname=self._server.host,
            )
        if transport is None:
            raise ConnectionError("The server closed the connection.")
        self._wire.connection_made(transport)

    async def _log_in(self) -> None:
        mechanisms = self._extensions.get("AUTH", "").split()
        user, password = self._server.user.encode(), self._server.password.encode()
        if "PLAIN" in mechanisms or "LOGIN" not in mechanisms:
            token = base64.b64encode(b"\0" + user + b"\0" + password).decode()
            reply = await self._command(f"AUTH PLAIN {token}", "hello")
        else:
            reply = await self._command("AUTH LOGIN", "hello")
            for secret in (user, password):
                require(Phase.AUTH, reply, 334)
                reply = await self._command(base64.b64encode(secret).decode(), "hello")
        require(Phase.AUTH, reply, 235)

    @property
    def is_usable(self) -> bool:
        """
        Nothing odd has happened. A reply that nobody asked for, or an end of file,
        while the connection was idle, makes it stale.
        """
        wire = self._wire
        surplus = wire.buffer and self._ahead is None
        lost = wire.lost or wire.transport.is_closing()
        return not (self._broken or lost or surplus)

    @property
    def flights(self) -> int:
        """How often it said something and was answered."""
        return self._wire.flights

    @property
    def quickest(self) -> float:
        """Seconds that the quickest answer took."""
        return self._wire.quickest

    def can_send(self, letter: Letter) -> bool:
        """Usable, and it is not another letter's envelope that is under way."""
        return self.is_usable and self._ahead in (None, letter)

    async def send(
        self,
        letter: Letter,
        *,
        before_body: Callable[[], None],
        following: Callable[[], Letter | None] = lambda: None,
    ) -> Exchange:
        """
        Hands one letter over.

        `before_body` is called when the server waits for the body and nothing of it
        has left; what it raises ends the connection, as does Unreadable: then the dot
        has not left. For what the server or the network does, nothing is raised.

        `following` is asked when the body leaves, if the server knows PIPELINING, for
        the letter that will be sent next over this connection: its envelope, and no
        more than that, leaves behind the body.
        """
        if self._ahead not in (None, letter):
            raise RuntimeError("The envelope of another letter is under way.")
        refusal = await self._envelope(letter)
        if refusal is not None:
            return refusal
        try:
            before_body()
            return await self._body(letter, following)
        except BaseException:
            self._broken = True
            raise

    async def _envelope(self, letter: Letter) -> Exchange | None:
        """MAIL, RCPT, DATA. None if the server waits for the body."""
        too_large = self._too_large(letter)
        if too_large:
            return Exchange(Phase.SIZE, trouble=too_large)
        if self._pipelines:
            return await self._group(letter)
        phase = Phase.MAIL
        try:
            for phase, command, good in envelope(letter.sender, letter.recipient):
                reply = await self._command(command, _ENVELOPE_TIMEOUTS[phase])
                if reply.code // 100 != good:
                    await self._reset(phase, reply)
                    return Exchange(phase, reply)
        except TROUBLES as error:
            self._broken = True
            return Exchange(phase, trouble=in_words(error, self._server))
        return None

    async def _group(self, letter: Letter) -> Exchange | None:
        """The same in one flight, which may have left already."""
        if self._ahead is None:
            try:
                self._wire.say(group(letter.sender, letter.recipient))
            except TROUBLES as error:
                self._broken = True
                return Exchange(Phase.MAIL, trouble=in_words(error, self._server))
        self._ahead = None
        found = await answers(
            self._wire.heard,
            lambda phase: self._wire.reply(self._timeouts[_ENVELOPE_TIMEOUTS[phase]]),
            lambda error: in_words(error, self._server),
            TROUBLES,
        )
        self.out_of_step |= found.out_of_step
        self._broken |= found.broken
        refusal = found.refusal
        if refusal is None or self._broken:
            return refusal
        if found.wants_body:
            await self._end_empty()
        elif refusal.reply is not None:
            await self._reset(refusal.phase, refusal.reply)
        return refusal

    def _envelope_of(self, letter: Letter | None) -> bytes:
        """What is to leave now, before its turn; nothing if it would be refused."""
        if letter is None or self._too_large(letter):  # it will be said in its turn
            return b""
        self._ahead = letter
        return group(letter.sender, letter.recipient)

    async def _end_empty(self) -> None:
        """A lone dot, for a server that wants a body for nobody (RFC 2920 3.1)."""
        try:
            await self._command(".", "dot")
        except TROUBLES:
            self._broken = True

    async def _body(
        self, letter: Letter, following: Callable[[], Letter | None]
    ) -> Exchange:
        handed_over = self._is_written = False
        try:
            if self._wire.buffer:  # it would be taken for the reply to the dot
                raise Garbled("The server replied to something that was not said.")
            if self._pipelines and letter.size <= _AT_ONCE:
                body = b"".join(letter.blocks()) + self._envelope_of(following())
                self._wire.say(body)
                handed_over = True  # as far as anybody could tell afterwards
            else:
                handed_over = await self._write(letter)
                if handed_over and self._pipelines:
                    self._wire.say(self._envelope_of(following()))
            reply = await self._wire.reply(self._timeouts["dot"])
            if not handed_over:  # it spoke while the dot was still here
                self._broken = True
                if reply.code // 100 not in (4, 5):
                    raise Garbled(EARLY)
                return Exchange(Phase.DOT, reply)
        except TROUBLES as error:
            self._broken = True
            # Of a letter whose sending the server broke into, the rest may have left.
            handed_over |= self._is_written and self._wire.has_left
            trouble = in_words(error, self._server)
            return Exchange(Phase.DOT, trouble=trouble, handed_over=handed_over)
        if reply.code // 100 == 3 or reply.code == 421:
            self._broken = True
        return Exchange(Phase.DOT, reply, handed_over=True)

    async def _write(self, letter: Letter) -> bool:
        """Whether all of it has left; not, if the server began to talk before that."""
        # RFC 5321 4.5.3.2.5 limits each block; all of them, a rate below any line's.
        until = clock() + self._timeouts["body"] + letter.size / _SLOWEST
        written = 0
        for block in letter.blocks():
            if self._wire.buffer:
                return False
            self._wire.say(block)
            written += len(block)
            self._is_written = written > letter.size  # with the dot
            if not await self._wire.flush(min(self._timeouts["body"], until - clock())):
                return False
        return True

    def _too_large(self, letter: Letter) -> str:
        """Why the server would refuse the letter for its size alone; else nothing."""
        size, limit = letter.size, self._limit
        if not 0 < limit < size:
            return ""
        return f"The message has {size} bytes, and {self._server} takes {limit}."

    async def _reset(self, phase: Phase, reply: Reply) -> None:
        """Ends a transaction that was refused; the verdict stands whatever comes."""
        if reply.code == 421 or self._wire.buffer:
            self._broken = True
        if self._broken or phase is Phase.MAIL:
            return
        try:
            answer = await self._command("RSET", "quit")
        except TROUBLES:
            self._broken = True
        else:
            self._broken = answer.code != 250

    async def _command(self, line: str, timeout: str) -> Reply:
        if self._wire.buffer:  # a surplus reply would be taken for the next one
            raise Garbled("The server replied to something that was not said.")
        self._wire.say(line.encode("ascii") + b"\r\n")
        return await self._wire.reply(self._timeouts[timeout])

    async def close(self) -> None:
        """
        Says good-bye if that still makes sense, and does not insist.

        Where an envelope is under way, the server would take it for a message.
        """
        if self.is_usable and self._ahead is None:
            with contextlib.suppress(*TROUBLES):
                await self._command("QUIT", "quit")
        self._wire.transport.abort()


async def usable_for(
    letter: Letter, connection: Connection | None
) -> Connection | None:
    """The connection, or None after closing one that the letter can't be sent over."""
    if connection is None or connection.can_send(letter):
        return connection
    await connection.close()
    return None


def in_words(error: Exception, server: Server) -> str:
    """What happened, for people; never contains a secret."""
    if isinstance(error, TimeoutError):
        return f"{server} did not answer in time."
    if isinstance(error, ConnectionRefusedError):
        return f"{server} refuses connections."
    if isinstance(error, socket.gaierror):
        return f"The host name {server.host} is not known."
    if isinstance(error, Garbled):
        return str(error)
    return f"{server}: {str(error) or type(error).__name__}"
