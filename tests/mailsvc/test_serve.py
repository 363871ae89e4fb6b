"""One command runs everything, and one signal ends it, with nothing left behind."""

import os
import signal
import smtplib
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.mailsvc.conftest import Running, free_port, until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
Start = Callable[..., Running]
QUICK = 10.0  # seconds

# How the parts are known by their command lines.
PARTS = {"web": "gunicorn", "worker": "qcluster", "catcher": "mailcatcher"}


@pytest.fixture
def ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "MAILCATCHER_PORT": str(free_port())}


@pytest.fixture
def env(ports: dict[str, str]) -> dict[str, str]:
    # With DEBUG no static files are collected, which takes a while.
    return ports | {"MAILCATCHER": "true", "DEBUG": "true"}


def _is_up(running: Running) -> Running:
    """Waits until the address was said and the worker is ready, in any order."""
    awaited = {"mailsvc is ready", "The worker is ready."}
    while awaited:
        line = running.hears("ready")
        awaited -= {words for words in awaited if words in line}
    return running


@pytest.fixture
def everything(start: Start, env: dict[str, str]) -> Running:
    return _is_up(start("serve", **env))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_everything(
    everything: Running, number: signal.Signals
) -> None:
    assert everything.signal(number) < QUICK
    assert everything.process.returncode == 0
    assert everything.family == {}
    assert everything.said[-1] == "Everything has ended."


def test_a_terminals_control_c_ends_everything(everything: Running) -> None:
    os.killpg(everything.process.pid, signal.SIGINT)
    assert everything.ends(time.monotonic()) < QUICK
    assert everything.process.returncode == 0
    assert everything.family == {}


def test_a_signal_while_it_starts_ends_everything(
    start: Start, env: dict[str, str]
) -> None:
    running = start("serve", **env)
    running.hears("Starting")
    assert running.signal(signal.SIGTERM) < QUICK
    assert running.process.returncode == 0
    assert running.family == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_make_alone_ends_everything(
    start: Start, env: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@exec {sys.executable} manage.py serve\n")
    make = _is_up(start.command(["make", "-f", str(makefile), "run"], **env))  # type: ignore[attr-defined]
    assert make.signal(number) < QUICK
    until(lambda: make.family == {}, seconds=QUICK)


def test_nothing_outlives_it_when_it_is_killed_and_it_can_start_again(
    everything: Running, start: Start, env: dict[str, str]
) -> None:
    everything.process.kill()
    again = _is_up(start("serve", **env))
    assert again.process.poll() is None
    assert everything.process.wait() == -signal.SIGKILL
    until(
        lambda: len([each for each in again.family.values() if "serve" in each]) == 1,
        seconds=QUICK,
    )


def test_web_and_mail_catcher_answer(everything: Running) -> None:
    port = everything.env["PORT"]
    with urlopen(f"http://127.0.0.1:{port}/accounts/login/", timeout=20) as response:
        assert response.status == 200
    mail_port = int(everything.env["MAILCATCHER_PORT"])
    with smtplib.SMTP("127.0.0.1", mail_port, timeout=20) as server:
        server.sendmail("a@example.com", ["b@example.com"], b"Subject: x\r\n\r\n")
    assert len(list((Path(everything.env["VAR_DIR"]) / "outbox").iterdir())) == 1


def test_parts_that_were_killed_come_back(everything: Running) -> None:
    old = everything.family
    for words in PARTS.values():
        os.kill(everything.one_of_family(words), signal.SIGKILL)
    said = {everything.hears("ended unexpectedly") for _ in PARTS}
    assert said == {
        f"{part} ended unexpectedly (killed by SIGKILL); it is started again in 1 s."
        for part in PARTS
    }

    def are_back() -> bool:
        new = [words for pid, words in everything.family.items() if pid not in old]
        return all(any(words in each for each in new) for words in PARTS.values())

    until(are_back)
    everything.hears("The worker is ready.")


def test_a_worker_that_does_not_end_is_killed(everything: Running) -> None:
    os.kill(everything.one_of_family("qcluster"), signal.SIGSTOP)
    assert everything.signal(signal.SIGTERM) < QUICK
    assert "worker does not end by itself: killed." in everything.said
    assert everything.process.returncode == 0
    until(lambda: everything.family == {})


@pytest.mark.parametrize("name", ["PORT", "MAILCATCHER_PORT"])
def test_a_busy_port_is_one_clear_line_before_anything_starts(
    start: Start, env: dict[str, str], name: str
) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", int(env[name])))
        sock.listen()
        running = start("serve", **env)
        running.ends(time.monotonic())
    assert running.process.returncode == 1
    [line] = running.said
    assert f"Port {env[name]} of 127.0.0.1 cannot be used" in line
    assert f"{name}=" in line.partition("another one:")[2]


def test_a_port_that_is_none_is_a_clear_message(start: Start) -> None:
    running = start("serve", PORT="http")
    running.ends(time.monotonic())
    assert running.process.returncode == 1
    assert running.said == [
        "CommandError: PORT is a port, a number from 1 to 65535, not 'http'."
    ]


def test_without_a_database_nothing_starts(start: Start, env: dict[str, str]) -> None:
    running = start("serve", **env, DATABASE_URL="postgres://a:b@127.0.0.1:1/c")
    running.ends(time.monotonic())
    assert running.process.returncode == 1
    assert "The database does not answer as it should" in "\n".join(running.said)
    assert "Traceback" not in "\n".join(running.said)


def test_a_mail_server_of_ones_own_takes_the_catchers_place(
    start: Start, env: dict[str, str]
) -> None:
    running = _is_up(start("serve", **env | {"MAILCATCHER": "false"}))
    assert not any("mailcatcher" in each for each in running.family.values())
