"""Commands that run until they are told to stop, as processes of their own."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PATIENCE = 40.0  # seconds; a slow machine is no fault


def until(condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Waits for it; fails if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Running:
    """A command at work, and what it says."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.env = env
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            # As from a terminal, even if these tests run in the background.
            ["env", "--default-signal=HUP,INT", *command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def hears(self, words: str) -> str:
        """Waits for a line with these words."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"{words!r} was not said, but {self.said}"
            self.said.append(line)
            if words in line:
                return line

    def signal(self, number: signal.Signals) -> float:
        """Sends it to the main process; returns the seconds until that ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.ends(began)

    def ends(self, began: float) -> float:
        self.process.wait(PATIENCE)
        took = time.monotonic() - began
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.said.append(line)
        self._reader.join()
        return took

    @property
    def family(self) -> dict[int, str]:
        """All living processes with this one's directory: process id -> command."""
        return family(self.env["VAR_DIR"])

    def one_of_family(self, words: str) -> int:
        """The first of them, the eldest, with these words in its command line."""
        return min(pid for pid, command in self.family.items() if words in command)


def family(var_dir: str) -> dict[int, str]:
    mark = f"VAR_DIR={var_dir}".encode()
    found = {}
    for path in Path("/proc").iterdir():
        if not path.name.isdecimal() or int(path.name) == os.getpid():
            continue
        try:
            if mark not in (path / "environ").read_bytes().split(b"\0"):
                continue
            if (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended meanwhile, or is none of ours
        found[int(path.name)] = command
    return found


@pytest.fixture
def start(process_env: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Starts `manage.py …`, and leaves nothing of it behind."""
    begun: list[Running] = []

    def begin(*arguments: str, **env: str) -> Running:
        return begin_command([sys.executable, "manage.py", *arguments], **env)

    def begin_command(command: list[str], **env: str) -> Running:
        begun.append(Running(command, process_env | env))
        return begun[-1]

    begin.command = begin_command  # type: ignore[attr-defined]
    yield begin
    for pid in family(process_env["VAR_DIR"]):
        os.kill(pid, signal.SIGKILL)
    for running in begun:
        running.process.wait()
        if running.process.stdout is not None:
            running._reader.join()
            running.process.stdout.close()
