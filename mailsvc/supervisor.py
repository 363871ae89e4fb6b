"""
Runs services side by side as processes of their own and keeps them running, until a
signal asks for the end; then it leaves nothing behind.

All in one thread: what a child inherits is simple, and Linux ends a child with the
*thread* that started it.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mailsvc import ports, processes

_LOOK_EVERY = 0.2  # seconds
_SECOND_SIGNAL = 1.0  # seconds; a terminal and make may both pass one Ctrl-C on
_STEADY = 60.0  # seconds of life after which a service's failures are forgotten
_LONGEST_PAUSE = 30.0  # seconds before a failing service is tried again


@dataclass(frozen=True, kw_only=True)
class Service:
    """What to run; `stage` says when it ends: those of stage 0 first."""

    name: str
    command: Sequence[str]
    address: tuple[str, int] | None = None  # where it answers once it is up
    stage: int = 0
    grace: float = 7.0  # seconds from SIGTERM to SIGKILL


class Child:
    """A service's process, its output, and what is known of its failures."""

    def __init__(self, service: Service, *, cwd: Path, env: Mapping[str, str]) -> None:
        self.service = service
        self._cwd, self._env = cwd, env
        self._process: subprocess.Popen[bytes] | None = None
        self._unfinished_line = b""
        self._started_at = 0.0
        self._failures = 0
        self.start_at = 0.0

    def start(self) -> None:
        self._unfinished_line = b""
        self._started_at = time.monotonic()
        # A session of its own, so that a terminal's Ctrl-C comes to us alone.
        self._process = subprocess.Popen(  # noqa: S603 - our own services
            self.service.command,
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=processes.end_with_parent(signal.SIGTERM),
        )
        os.set_blocking(self.output, False)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None  # noqa: S101 - for the type checker
        return self._process

    @property
    def output(self) -> int:
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        return self.process.stdout.fileno()

    @property
    def is_started(self) -> bool:
        return self._process is not None

    @property
    def is_running(self) -> bool:
        return self.is_started and self.process.poll() is None

    def lines(self) -> list[str]:
        """What it has written since the last call, in whole lines."""
        *lines, self._unfinished_line = (self._unfinished_line + self._read()).split(
            b"\n"
        )
        return [line.decode(errors="replace") for line in lines]

    def last_lines(self) -> list[str]:
        """After its end: what is left of its output."""
        rest = self._unfinished_line
        while read := self._read():
            rest += read
        return rest.decode(errors="replace").splitlines()

    def _read(self) -> bytes:
        try:
            return os.read(self.output, 65_536)
        except BlockingIOError:
            return b""

    def clear_away(self) -> None:
        """After its end: closes its output, and ends what it may have left."""
        if self.process.returncode != 0:
            processes.kill_group(self.process.pid)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._process = None

    def plan_restart(self) -> float:
        """Doubles the pause with every failure in a row; returns it in seconds."""
        now = time.monotonic()
        self._failures = 0 if now - self._started_at > _STEADY else self._failures
        pause = min(2.0**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        self.start_at = now + pause
        return pause


class Supervisor:
    def __init__(
        self,
        services: Sequence[Service],
        *,
        cwd: Path,
        env: Mapping[str, str],
        say: Callable[[str], None],
        when_up: Callable[[], None],
    ) -> None:
        """`say` takes lines to show; `when_up` is called once, when all answer."""
        self._children = [Child(service, cwd=cwd, env=env) for service in services]
        self._say, self._when_up = say, when_up
        self._selector = selectors.DefaultSelector()
        self._awaited = {service.address for service in services if service.address}
        self._was_up = False
        self._asked_at: float | None = None  # when the first signal came
        self._is_urgent = False

    def run(self) -> None:
        """Until a signal; a second one shortens the end."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._take_note)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._take_note)
        make = _MakeAbove.find()
        names = ", ".join(child.service.name for child in self._children)
        self._say(f"Starting {names}…")
        try:
            while self._asked_at is None and not make.is_ending:
                self._start_what_is_due()
                self._pass_output_on()
                self._see_who_ended()
                self._see_who_answers()
        finally:
            self._say("Stopping…")
            self._stop()
            self._say("Everything has ended.")

    def _take_note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > _SECOND_SIGNAL:
            self._is_urgent = True

    def _start_what_is_due(self) -> None:
        for child in self._children:
            if not child.is_started and time.monotonic() >= child.start_at:
                child.start()
                self._selector.register(child.output, selectors.EVENT_READ, child)

    def _pass_output_on(self) -> None:
        ready = self._selector.select(_LOOK_EVERY)
        for key, _ in ready:
            self._show(key.data, key.data.lines())
        if not self._selector.get_map():  # select() does not wait for nobody
            time.sleep(_LOOK_EVERY)

    def _show(self, child: Child, lines: list[str]) -> None:
        for line in lines:
            self._say(f"{child.service.name:7} | {line}")

    def _see_who_ended(self) -> None:
        for child in self._children:
            if not child.is_started or child.is_running:
                continue
            code = child.process.returncode
            self._clear_away(child)
            pause = child.plan_restart()
            self._say(
                f"{child.service.name} ended unexpectedly ({_in_words(code)}); "
                f"it is started again in {pause:.0f} s."
            )

    def _clear_away(self, child: Child) -> None:
        self._show(child, child.last_lines())
        self._selector.unregister(child.output)
        child.clear_away()

    def _see_who_answers(self) -> None:
        if self._was_up:
            return
        self._awaited = {each for each in self._awaited if not ports.answers(*each)}
        if not self._awaited:
            self._was_up = True
            self._when_up()

    def _stop(self) -> None:
        for stage in sorted({child.service.stage for child in self._children}):
            children = [child for child in self._children if child.is_started]
            self._stop_these([each for each in children if each.service.stage == stage])

    def _stop_these(self, children: list[Child]) -> None:
        # To the main processes alone: they end their own children in good order.
        for child in children:
            child.process.terminate()
        began = time.monotonic()
        while children:
            self._pass_output_on()
            waited = time.monotonic() - began
            for child in [child for child in children if child.is_running]:
                if self._is_urgent or waited > child.service.grace:
                    self._say(f"{child.service.name} does not end by itself: killed.")
                    processes.kill_group(child.process.pid)
                    child.process.wait()
            for child in [child for child in children if not child.is_running]:
                self._clear_away(child)
                children.remove(child)


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"


class _MakeAbove:
    """
    The `make` that started us, if one did.

    Make passes SIGTERM on to us, but not SIGINT: it takes the terminal to have sent
    that to all. `kill -INT <make>` would end nothing. While make waits for us in its
    handler, it has that signal blocked, and the kernel tells.
    """

    def __init__(self, pid: int | None) -> None:
        self._pid = pid

    @classmethod
    def find(cls) -> "_MakeAbove":
        pid = os.getppid()
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            name = ""
        return cls(pid if name in ("make", "gmake") else None)

    @property
    def is_ending(self) -> bool:
        """It was interrupted, or is gone."""
        if self._pid is None:
            return False
        if os.getppid() != self._pid:
            return True
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except OSError:
            return False
        blocked = next(line for line in status.splitlines() if line[:6] == "SigBlk")
        return bool(int(blocked.split()[1], 16) & 1 << (signal.SIGINT - 1))
