"""The server of a connection, and what can go wrong with it."""

from dataclasses import dataclass, field

from mailings.delivery.replies import Exchange, Garbled, Phase, Reply

# What can go wrong with a host name, a socket, TLS or the peer's bytes. UnicodeError:
# a host label that is empty or too long; ValueError covers it and certificate errors.
TROUBLES = (OSError, ValueError, Garbled)


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over, and how we introduce ourselves."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    implicit_tls: bool = False
    hello_name: str = "localhost"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Failed(Exception):
    """The conversation broke off before a message was begun."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange.trouble or str(exchange.reply))
        self.exchange = exchange


def require(phase: Phase, reply: Reply, code: int) -> None:
    if reply.code != code:
        raise Failed(Exchange(phase, reply))
