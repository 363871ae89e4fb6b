"""The mail servers that take the work in: Debian's smtp-sink, or our own sink."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.places import free_port

ROOT = Path(__file__).resolve().parent.parent


def tool(name: str) -> str | None:
    """One of postfix's, which may not be on everybody's path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True)
class Counted:
    messages: int
    recipients: int | None = None  # smtp-sink does not tell
    reads: int | None = None


class OwnSink:
    name = "own sink"

    def __init__(self, *, delay_ms: float = 0, pipelining: bool = True) -> None:
        self._options = [f"--delay-ms={delay_ms}"]
        if not pipelining:
            self._options.append("--no-pipelining")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink", *self._options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> Counted:
        """Ends it; what it has counted."""
        if not hasattr(self, "_counted"):
            self._process.send_signal(signal.SIGTERM)
            told = json.loads(self._process.communicate(timeout=30)[0])
            self._counted = Counted(told["messages"], told["recipients"], told["reads"])
        return self._counted


class SmtpSink:
    """Postfix's; it has no delays below a second."""

    name = "smtp-sink"

    def __init__(self, *, pipelining: bool = True) -> None:
        self.port = free_port()
        self._options = [] if pipelining else ["-p"]

    def __enter__(self) -> Self:
        program = tool("smtp-sink")
        assert program is not None
        as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [
                *(program, "-4", "-c", *self._options, *as_user, "-m", "512"),
                *(f"127.0.0.1:{self.port}", "1024"),
            ],
            stdout=self._log,
        )
        _wait_for(self.port)
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> Counted:
        if not hasattr(self, "_counted"):
            self._process.terminate()
            self._process.wait(30)
            self._log.seek(0)
            told = re.findall(r"mesg=(\d+)", self._log.read())
            self._log.close()
            self._counted = Counted(int(told[-1]) if told else 0)
        return self._counted


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("smtp-sink did not start")


def mail_server(*, delay_ms: float, pipelining: bool) -> OwnSink | SmtpSink:
    """smtp-sink where there is one and no delay is asked for, else our own."""
    if delay_ms == 0 and tool("smtp-sink"):
        return SmtpSink(pipelining=pipelining)
    return OwnSink(delay_ms=delay_ms, pipelining=pipelining)
