"""The courier alone, without a pump that would tell it to stop."""

from pathlib import Path

from mailings.delivery.courier import Courier, clock
from mailings.delivery.journal import Journal
from mailings.delivery.letter import Letter
from mailings.delivery.replies import Verdict
from mailings.delivery.troubles import Server
from tests.support.smtp_server import SmtpServer


def test_nobody_logs_in_again_with_a_password_that_is_wrong(tmp_path: Path) -> None:
    with SmtpServer(accounts={"news": "right"}) as server:
        own = Journal.create(tmp_path)
        courier = Courier(
            Server("127.0.0.1", server.port, user="news", password="wrong"),
            own,
            connections=1,
            timeouts=dict.fromkeys(
                ("connect", "banner", "hello", "envelope", "data", "body", "dot"), 5.0
            )
            | {"quit": 1.0},
            batch=10,
            rests=[1.0],
        )
        courier.renew(clock() + 60)
        courier.start()
        try:
            letter = Letter(1, 1, "news@example.com", "c1@example.com", b"x\r\n")
            courier.submit([letter])
            server.wait_until(lambda: not courier.has_connections)
        finally:
            courier.close()
            own.close(forget=True)
        assert [each.verdict for each in courier.collect(0).troubles] == [
            Verdict.ACCOUNT
        ]
        assert courier.recall(lambda each: True) == [letter]
        assert sum(line.startswith("AUTH") for line in server.commands) == 1
