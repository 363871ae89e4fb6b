"""One connection, without a courier that would not use it any more."""

import asyncio

from mailings.delivery.letter import Letter
from mailings.delivery.replies import Phase
from mailings.delivery.smtp import Connection
from mailings.delivery.troubles import Server
from tests.support.smtp_server import SmtpServer

STEPS = ("connect", "banner", "hello", "envelope", "data", "body", "dot", "quit")


def test_a_connection_that_is_closing_is_its_own_trouble_and_no_failure_of_ours() -> (
    None
):
    """asyncio knows of it a moment before it says so."""

    async def send(port: int) -> None:
        timeouts = dict.fromkeys(STEPS, 5.0)
        connection = await Connection.open(Server("127.0.0.1", port), timeouts)
        letter = Letter(1, 1, "news@example.com", "c1@example.com", b"x\r\n")
        assert connection.can_send(letter)
        connection._wire.transport.abort()
        assert not connection.can_send(letter)
        exchange = await connection.send(letter, before_body=lambda: None)
        assert (exchange.phase, exchange.reply) == (Phase.MAIL, None)
        assert exchange.trouble
        assert not connection.is_usable

    with SmtpServer(extensions=("PIPELINING",)) as server:
        asyncio.run(send(server.port))
        assert server.received == []
