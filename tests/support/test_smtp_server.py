import random
import shutil
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.smtp_script import (
    CLOSE,
    HANG,
    RST,
    USUAL,
    Context,
    Drip,
    Endless,
    Steps,
    Within,
    delayed,
    goodbye,
    reply,
    script_of_whims,
    taken,
)
from tests.support.smtp_server import SmtpProcess, SmtpServer

LETTER = b"Subject: hi\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n"
ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"


class Client:
    """A bare socket that reads whole replies and nothing on its own account."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> bytes:
        return self.file.readline()

    def reply(self) -> int:
        while (line := self.line())[3:4] == b"-":
            pass
        return int(line[:3] or 0)

    def ask(self, data: bytes) -> int:
        self.send(data)
        return self.reply()

    def rest(self) -> bytes:
        return self.file.read()


@contextmanager
def client_of(server: SmtpServer) -> Iterator[Client]:
    client = Client(server.port)
    try:
        yield client
    finally:
        client.file.close()
        client.sock.close()


@contextmanager
def greeted_by(server: SmtpServer) -> Iterator[Client]:
    with client_of(server) as client:
        assert client.reply() == 220
        assert client.ask(b"EHLO test\r\n") == 250
        yield client


def send_one(client: Client, letter: bytes = LETTER) -> int:
    client.send(ENVELOPE)
    assert [client.reply() for _ in range(3)] == [250, 250, 354]
    return client.ask(letter + b".\r\n")


def test_it_takes_a_message_from_smtplib_as_it_was_written() -> None:
    with SmtpServer() as server, smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("a@example.com", ["b@example.com"], LETTER + b".dot\r\n")

    (mail,) = server.received
    assert (mail.sender, mail.recipient) == ("a@example.com", "b@example.com")
    assert mail.data == LETTER + b".dot\r\n"
    assert server.complaints == []
    assert (server.connections, server.peak, server.open) == (1, 1, 0)


def test_a_group_of_commands_in_one_write_is_answered_in_order() -> None:
    with SmtpServer() as server, greeted_by(server) as client:
        assert send_one(client) == 250

        assert server.commands == [
            "EHLO test",
            "MAIL FROM:<a@example.com>",
            "RCPT TO:<b@example.com>",
            "DATA",
        ]
        assert server.reads == 3
        assert server.complaints == []


def test_a_transaction_may_follow_the_dot_in_the_same_write() -> None:
    with SmtpServer() as server, greeted_by(server) as client:
        send_one(client, LETTER + b".\r\n" + ENVELOPE)
        assert [client.reply() for _ in range(2)] == [250, 250]
        assert client.reply() == 354


def test_dots_are_unstuffed_wherever_the_pieces_break() -> None:
    stuffed = b"..one\r\n...two\r\nthree.\r\n..\r\n.\r\n"
    with SmtpServer() as server, greeted_by(server) as client:
        client.send(ENVELOPE)
        assert [client.reply() for _ in range(3)] == [250, 250, 354]
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in stuffed:
            client.send(bytes([number]))
        assert client.reply() == 250

    assert [mail.data for mail in server.received] == [
        b".one\r\n..two\r\nthree.\r\n.\r\n"
    ]


def test_an_empty_message_is_one() -> None:
    with SmtpServer() as server, greeted_by(server) as client:
        assert send_one(client, b"") == 250

    assert [mail.data for mail in server.received] == [b""]


def test_commands_out_of_order_are_503() -> None:
    with SmtpServer() as server, greeted_by(server) as client:
        assert client.ask(b"RCPT TO:<b@example.com>\r\n") == 503
        assert client.ask(b"DATA\r\n") == 503
        assert client.ask(b"MAIL FROM:<a@example.com>\r\n") == 250
        assert client.ask(b"MAIL FROM:<a@example.com>\r\n") == 503
        assert client.ask(b"RSET\r\n") == 250
        assert client.ask(b"MAIL FROM:<a@example.com>\r\n") == 250
        assert client.ask(b"DATA\r\n") == 503


def test_nonsense_is_500_and_bad_syntax_501() -> None:
    with SmtpServer() as server, greeted_by(server) as client:
        assert client.ask(b"\xff\xfe\r\n") == 500
        assert client.ask(b"MAIL FROM:a@example.com\r\n") == 501
        assert client.ask(b"MAIL FROM:<a@example.com>\r\n") == 250
        assert client.ask(b"RCPT TO:<>\r\n") == 501


def test_a_recipient_can_be_refused_and_the_others_not() -> None:
    script = {"rcpt": {"bad@example.com": b"550 5.1.1 no such user\r\n"}}
    with SmtpServer(script) as server, greeted_by(server) as client:
        client.ask(b"MAIL FROM:<a@example.com>\r\n")
        assert client.ask(b"RCPT TO:<bad@example.com>\r\n") == 550
        assert client.ask(b"RCPT TO:<good@example.com>\r\n") == 250
        assert client.ask(b"DATA\r\n") == 354
        assert client.ask(b".\r\n") == 250

    assert [mail.recipient for mail in server.received] == ["good@example.com"]


def test_with_no_good_recipient_354_comes_only_if_asked_for() -> None:
    script = {"rcpt": b"550 no\r\n"}
    with SmtpServer(script, always_354=True) as server, greeted_by(server) as client:
        client.send(ENVELOPE)
        assert [client.reply() for _ in range(3)] == [250, 550, 354]
        assert client.ask(b".\r\n") == 554

    assert server.received == []


def test_a_list_is_used_up_and_its_last_act_repeats() -> None:
    script = {"dot": [b"451 later\r\n", USUAL, b"554 never\r\n"]}
    with SmtpServer(script) as server, greeted_by(server) as client:
        assert [send_one(client) for _ in range(4)] == [451, 250, 554, 554]

    assert len(server.received) == 1


def test_a_list_inside_a_dict_counts_per_recipient() -> None:
    script = {"rcpt": {None: delayed(0), "b@example.com": [b"451 grey\r\n", USUAL]}}
    with SmtpServer(script) as server, greeted_by(server) as client:
        codes = []
        for name in (b"c", b"b", b"c", b"b"):
            client.ask(b"MAIL FROM:<a@example.com>\r\n")
            codes.append(client.ask(b"RCPT TO:<" + name + b"@example.com>\r\n"))
            client.ask(b"RSET\r\n")

    assert codes == [250, 451, 250, 250]


def test_a_callable_sees_the_moment_and_decides() -> None:
    seen: list[Context] = []

    def decide(context: Context) -> bytes:
        seen.append(context)
        return b"552 too big\r\n"

    with SmtpServer({"dot": decide}) as server, greeted_by(server) as client:
        assert send_one(client) == 552

    assert seen == [Context("dot", 1, ".", "a@example.com", ("b@example.com",), LETTER)]


@pytest.mark.parametrize(
    ("act", "answer", "has_it"),
    [
        pytest.param(CLOSE, b"", False, id="close"),
        pytest.param(taken(CLOSE), b"", True, id="take, then close"),
        pytest.param(b"250 ok\r\n", b"250 ok\r\n", True, id="a good reply"),
        pytest.param(
            b"250-ok\r\n550 no\r\n", b"250-ok\r\n550 no\r\n", True, id="a mixed reply"
        ),
        pytest.param(b"\xff\r\n", b"\xff\r\n", False, id="garbage"),
        pytest.param(taken(b"\xff\r\n"), b"\xff\r\n", True, id="take, then garbage"),
        pytest.param(Drip(b"250 ok\r\n", 0), b"250 ok\r\n", True, id="drip"),
        pytest.param(goodbye("x"), b"421 x\r\n", False, id="421 and the end"),
        pytest.param(delayed(0.01, b"250 ok\r\n"), b"250 ok\r\n", True, id="late"),
    ],
)
def test_the_message_is_taken_just_when_the_act_says_so(
    act: object, answer: bytes, *, has_it: bool
) -> None:
    with SmtpServer({"dot": Steps(act, CLOSE)}) as server, greeted_by(server) as client:
        client.send(ENVELOPE)
        assert [client.reply() for _ in range(3)] == [250, 250, 354]
        client.send(LETTER + b".\r\n")

        assert client.rest() == answer
        assert len(server.received) == has_it


def talk_until_cut_off(server: SmtpServer) -> None:
    """At which call it ends is luck; it may be as early as while connecting."""
    with client_of(server) as client:
        for data in (b"EHLO test\r\n", ENVELOPE, LETTER + b".\r\n", b"NOOP\r\n"):
            client.send(data)
        client.rest()
        client.send(b"NOOP\r\n")
        client.rest()


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "dot"])
def test_it_can_reset_the_connection_at_each_stage(stage: str) -> None:
    with SmtpServer({stage: RST}) as server:
        with pytest.raises(ConnectionError):
            talk_until_cut_off(server)
        assert server.received == []


def test_a_hanging_server_says_nothing_and_notices_when_the_client_goes() -> None:
    with SmtpServer({"mail": HANG}) as server:
        with greeted_by(server) as client:
            client.sock.settimeout(0.2)
            client.send(ENVELOPE)
            with pytest.raises(TimeoutError):
                client.reply()
        server.wait_until(lambda: server.open == 0)


def test_an_endless_reply_does_not_end_until_the_client_does() -> None:
    with SmtpServer({"ehlo": Endless()}) as server:
        with client_of(server) as client:
            client.reply()
            client.send(b"EHLO test\r\n")
            lines = [client.line() for _ in range(5_000)]
        assert lines == [b"250-and so on\r\n"] * 5_000
        server.wait_until(lambda: server.open == 0)


def test_a_drip_takes_its_time() -> None:
    with SmtpServer({"connect": Drip(b"220 hi\r\n", 0.02)}) as server:
        began = time.monotonic()
        with client_of(server) as client:
            assert client.reply() == 220
        assert time.monotonic() - began >= 7 * 0.02


def test_a_surplus_line_and_one_that_is_too_long_are_said_as_they_are() -> None:
    long = b"250 " + b"x" * 9_000 + b"\r\n"
    script = {"mail": b"250 ok\r\n250 surplus\r\n", "rcpt": long}
    with SmtpServer(script) as server, greeted_by(server) as client:
        client.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n")
        assert [client.line() for _ in range(3)] == [
            b"250 ok\r\n",
            b"250 surplus\r\n",
            long,
        ]


def test_it_can_answer_in_the_middle_of_a_body() -> None:
    early = reply(552, "5.3.4 Too big")
    script = {"body": Within(10_000, Steps(early, CLOSE))}
    with SmtpServer(script) as server, greeted_by(server) as client:
        client.send(ENVELOPE)
        assert [client.reply() for _ in range(3)] == [250, 250, 354]
        client.send(b"x" * 9_000)
        server.wait_until(lambda: server.reads == 3)
        client.send(b"x" * 2_000)
        assert client.rest() == early

    assert server.received == []


def test_a_connection_too_many_gets_421() -> None:
    with (
        SmtpServer(max_connections=2) as server,
        greeted_by(server),
        greeted_by(server),
        client_of(server) as third,
    ):
        assert third.rest().startswith(b"421 ")


def test_it_announces_what_it_was_told_to() -> None:
    with SmtpServer(extensions=("SIZE 1000",)) as server, client_of(server) as client:
        client.reply()
        client.send(b"EHLO test\r\n")
        assert client.line() + client.line() == (
            b"250-mail.example.com\r\n250 SIZE 1000\r\n"
        )


def test_what_is_over_the_announced_size_is_552_at_once_and_at_the_dot() -> None:
    with SmtpServer(extensions=("SIZE 50",)) as server, greeted_by(server) as client:
        assert client.ask(b"MAIL FROM:<a@example.com> SIZE=51\r\n") == 552
        assert client.ask(b"MAIL FROM:<a@example.com> SIZE=50\r\n") == 250
        assert client.ask(b"RCPT TO:<b@example.com>\r\n") == 250
        assert client.ask(b"DATA\r\n") == 354
        assert client.ask(b"x" * 60 + b"\r\n.\r\n") == 552

    assert server.received == []


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_it_knows_who_may_log_in(mechanisms: str) -> None:
    accounts = {"ann": "pässword"}
    with SmtpServer(accounts=accounts, mechanisms=mechanisms) as server:
        with greeted_by(server) as client:
            assert client.ask(b"MAIL FROM:<a@example.com>\r\n") == 530
        with (
            smtplib.SMTP("127.0.0.1", server.port) as smtp,
            pytest.raises(smtplib.SMTPAuthenticationError),
        ):
            smtp.login("ann", "wrong")
        with greeted_by(server) as client:
            if mechanisms == "PLAIN":
                line = b"AUTH PLAIN AGFubgBww6Rzc3dvcmQ=\r\n"
            else:
                assert client.ask(b"AUTH LOGIN\r\n") == 334
                assert client.ask(b"YW5u\r\n") == 334
                line = b"cMOkc3N3b3Jk\r\n"
            assert client.ask(line) == 235
            assert client.ask(b"MAIL FROM:<a@example.com>\r\n") == 250


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"a\nb\r\n", "bare CR or LF in a message"),
        (b"a\rb\r\n", "bare CR or LF in a message"),
        (b"x" * 1000 + b"\r\n", "line of more than 998 bytes in a message"),
        ("ж\r\n".encode(), "8-bit message without 8BITMIME"),
    ],
)
def test_it_complains_of_what_a_standard_forbids(data: bytes, complaint: str) -> None:
    with (
        SmtpServer(extensions=("PIPELINING",)) as server,
        greeted_by(server) as client,
    ):
        assert send_one(client, data) == 250
        assert server.complaints == [complaint]


def test_it_complains_of_pipelining_that_was_not_offered() -> None:
    with SmtpServer(extensions=()) as server, greeted_by(server) as client:
        assert send_one(client) == 250

    assert server.complaints == [
        "more was sent before the reply to MAIL",
        "more was sent before the reply to RCPT",
    ]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that nobody has reason to trust, for 127.0.0.1, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    options = (
        "-x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 "
        f"-addext subjectAltName=IP:127.0.0.1 -out {paths[0]} -keyout {paths[1]}"
    )
    command = [openssl, "req", *options.split()]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def test_it_can_speak_tls(certificate: tuple[Path, Path]) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with SmtpServer(tls=tls) as server:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            with pytest.raises(ssl.SSLCertVerificationError):
                client.starttls(context=ssl.create_default_context())
            client.close()
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.starttls(context=trusting)
            client.sendmail("a@example.com", ["b@example.com"], LETTER)

    assert [mail.data for mail in server.received] == [LETTER]


def test_a_mistake_in_a_script_fails_the_test() -> None:
    with pytest.raises(ValueError, match="no such stage: rcpto"):
        SmtpServer({"rcpto": b""})
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117 - raised at the end
        with SmtpServer({"mail": lambda context: 1 / 0}) as server:
            with greeted_by(server) as client:
                client.send(b"MAIL FROM:<a@example.com>\r\n")
                assert client.rest() == b""


def test_it_comes_back_on_the_same_port() -> None:
    with SmtpServer() as server:
        with greeted_by(server) as client:
            port = server.port
            server.stop()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=5)
            server.start()
            assert client.rest() == b""
        with greeted_by(server) as client:
            assert send_one(client) == 250

    assert (server.port, len(server.received)) == (port, 1)


def test_a_process_keeps_a_ledger_in_the_order_of_taking(tmp_path: Path) -> None:
    with SmtpProcess(tmp_path / "ledger", moods=("lose", "refuse")) as server:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("a@example.com", ["b+x@example.com"], LETTER)
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@example.com", ["c+refuse@example.com"], LETTER)
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.sendmail("a@example.com", ["d+lose@example.com"], LETTER)

        assert server.taken() == [
            ("b+x@example.com", "<1@example.com>"),
            ("d+lose@example.com", "<1@example.com>"),
        ]


def test_it_is_fast_enough_not_to_be_what_is_measured() -> None:
    with SmtpServer() as server, greeted_by(server) as client:
        group = LETTER + b".\r\n" + ENVELOPE
        client.send(ENVELOPE)
        began = time.monotonic()
        for _ in range(1_000):
            assert [client.reply() for _ in range(3)] == [250, 250, 354]
            assert client.ask(group) == 250
        seconds = time.monotonic() - began

    assert len(server.received) == 1_000
    assert seconds < 5  # on an idle machine a tenth of that


def test_replies_are_well_formed() -> None:
    assert reply(250) == b"250 \r\n"
    assert reply(250, "a", "b", "c") == b"250-a\r\n250-b\r\n250 c\r\n"


def test_whims_are_a_share_of_all_messages_and_the_same_each_time() -> None:
    def outcome(client: Client) -> int:
        try:
            client.send(ENVELOPE)
            if [client.reply() for _ in range(3)] == [250, 250, 354]:
                return client.ask(LETTER + b".\r\n")
        except ConnectionError:
            pass
        return 0

    def outcomes() -> list[int]:
        found = []
        with SmtpServer(script_of_whims(0.4, random.Random(1))) as server:
            for _ in range(100):
                with greeted_by(server) as client:
                    found.append(outcome(client))
        return found

    first = outcomes()
    assert 45 < first.count(250) < 75
    assert {0, 451, 452} <= set(first)
    assert outcomes() == first
