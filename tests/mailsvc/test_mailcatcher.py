"""The built-in mail catcher keeps what it gets, and plays servers' moods."""

import signal
import smtplib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsvc.management.commands.mailcatcher import Moods, Outbox, origin
from tests.mailsvc.conftest import Running, free_port

OURS = b"Message-ID: <d42.0123456789abcdef@example.com>\r\nSubject: x\r\n\r\nHi\r\n"


@pytest.mark.parametrize(
    ("message_id", "delivery"),
    [
        ("<d42.0123456789abcdef@example.com>", 42),
        ("<t42.0123456789abcdef@example.com>", "t42"),
        ("<t0.k@example.com>", 0),
        ("<d9223372036854775807.k@mail.example.com>", 9223372036854775807),
        ("<d0.k@example.com>", 0),
        ("<d042.k@example.com>", 0),
        ("<d42@example.com>", 0),
        ("<d42.k@example.com> <d43.k@example.com>", 0),
        ("<d42.../k@example.com>", 0),
        ("<d99999999999999999999.k@example.com>", 0),
        ("<x42.k@example.com>", 0),
        ("", 0),
    ],
)
def test_the_delivery_is_told_by_our_message_id(
    message_id: str, delivery: int | str
) -> None:
    content = f"Message-ID: {message_id}\r\n\r\n".encode()
    assert origin(content) == str(delivery)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"Message-ID\r\n\r\nHello"])
def test_what_is_no_message_belongs_to_no_delivery(content: bytes) -> None:
    assert origin(content) == "0"


def test_a_message_in_the_body_does_not_count() -> None:
    assert origin(b"Subject: x\r\n\r\n" + OURS) == "0"


def test_messages_are_kept_as_they_came_in_the_order_they_came(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "new" / "outbox", keep=10)
    paths = [outbox.add(OURS), outbox.add(b"Subject: y\r\n\r\n"), outbox.add(OURS)]
    assert sorted((tmp_path / "new" / "outbox").iterdir()) == paths
    assert [path.name.rpartition("-")[2] for path in paths] == [
        "42.eml",
        "0.eml",
        "42.eml",
    ]
    assert paths[0].read_bytes() == OURS


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, keep=20)
    paths = [outbox.add(OURS) for _ in range(25)]
    kept = sorted(tmp_path.iterdir())
    assert kept == paths[-len(kept) :]
    assert 20 <= len(kept) <= 22


def test_messages_from_before_count_among_those_kept(tmp_path: Path) -> None:
    for _ in range(3):
        outbox = Outbox(tmp_path, keep=10)
        for _ in range(5):
            newest = outbox.add(OURS)
    assert newest in tmp_path.iterdir()
    assert len(list(tmp_path.iterdir())) <= 11


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    outbox = Outbox(tmp_path, keep=1)
    for _ in range(5):
        outbox.add(OURS)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("address", "replies"),
    [
        ("anna@example.com", ["", ""]),
        ("badminton@example.com", ["", ""]),
        ("fuller@example.com", ["", ""]),
        ("bad+anna@example.com", ["550 5.1.1", "550 5.1.1"]),
        ("BAD.anna@example.com", ["550 5.1.1", "550 5.1.1"]),
        ("full.anna@example.com", ["452 4.2.2", "452 4.2.2"]),
        ("grey+anna@example.com", ["451 4.7.1", ""]),
        ("grey.anna@example.com", ["451 4.7.1", ""]),
    ],
)
def test_it_plays_moods_by_address(address: str, replies: list[str]) -> None:
    moods = Moods()
    assert [moods.reply(address)[:9] for _ in range(2)] == replies


def test_each_address_is_greylisted_for_itself() -> None:
    moods = Moods()
    moods.reply("grey.anna@example.com")
    assert moods.reply("grey.ben@example.com")[:3] == "451"


# --- the command ---


@pytest.fixture
def catcher(start: Callable[..., Running]) -> Running:
    running = start("mailcatcher", MAILCATCHER_PORT=str(free_port()))
    running.hears("is kept in")
    return running


def _talk(running: Running) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", int(running.env["MAILCATCHER_PORT"]), timeout=20)


@pytest.mark.process
def test_a_mail_that_was_sent_is_in_the_outbox(catcher: Running) -> None:
    with _talk(catcher) as server:
        server.sendmail("a@example.com", ["b@example.com"], OURS)
    [path] = (Path(catcher.env["VAR_DIR"]) / "outbox").iterdir()
    assert path.read_bytes() == OURS
    assert path.name.endswith("-42.eml")


@pytest.mark.process
def test_the_replies_are_those_of_real_servers(catcher: Running) -> None:
    with _talk(catcher) as server:
        server.helo()
        server.mail("a@example.com")
        codes = [
            server.rcpt(address)[0]
            for address in ("bad.b@x.org", "full.b@x.org", "grey.b@x.org", "b@x.org")
        ]
    assert codes == [550, 452, 451, 250]


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_with_a_connection_open(
    catcher: Running, number: signal.Signals
) -> None:
    with _talk(catcher) as server:
        server.helo()
        assert catcher.signal(number) < 3
        server.close()
    assert catcher.process.returncode == 0
    assert len(catcher.said) == 1


@pytest.mark.process
def test_a_busy_port_is_a_clear_message(
    catcher: Running, start: Callable[..., Running]
) -> None:
    port = catcher.env["MAILCATCHER_PORT"]
    second = start("mailcatcher", "--port", port)
    second.ends(time.monotonic())
    assert second.process.returncode == 1
    assert second.said == [
        f"CommandError: Port {port} of 127.0.0.1: Address already in use. "
        "Choose another one with --port."
    ]


@pytest.mark.process
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "0"], "a number from 1 to 65535, not '0'"),
        (["--port", "smtp"], "a number from 1 to 65535, not 'smtp'"),
        (["--keep", "0"], "--keep is a number from 1 on."),
        (["--dir", "/dev/null/outbox"], "/dev/null/outbox: Not a directory"),
    ],
)
def test_wrong_options_are_clear_messages(
    start: Callable[..., Running], options: list[str], words: str
) -> None:
    running = start("mailcatcher", *options, MAILCATCHER_PORT=str(free_port()))
    running.ends(time.monotonic())
    assert running.process.returncode == 1
    assert words in running.said[-1]
    assert len(running.said) == 1


@pytest.mark.process
def test_what_cannot_be_kept_is_not_accepted(catcher: Running) -> None:
    outbox = Path(catcher.env["VAR_DIR"]) / "outbox"
    outbox.rmdir()
    with _talk(catcher) as server, pytest.raises(smtplib.SMTPDataError) as error:
        server.sendmail("a@example.com", ["b@example.com"], OURS)
    assert error.value.smtp_code == 452
