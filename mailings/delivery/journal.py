"""
A pump's memory that survives it: what was handed over since the last commit.

One file per lease, no fsync: the page cache outlives a killed process. D says that a
body is about to leave, N that it was not taken after all, R keeps the outcome. D is in
the file before a byte of the body leaves; R may wait for the D of the next letter, or
for the end of the moment (`flush`), as until then nothing else can be in doubt on its
connection. After a kill, D without R or N is in doubt and nothing else is;
after a power loss (another boot id) the file is not trusted. The lock on the file
goes with the process, so that others can tell at once that it is dead.
"""

import contextlib
import fcntl
import json
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from mailings.delivery.replies import Outcome, Phase, Verdict


class Result(NamedTuple):
    """One delivery's outcome, with what its attempt row needs."""

    delivery_id: int
    outcome: Outcome
    started_at: datetime  # UTC
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Testimony:
    """What a dead pump's journal says."""

    results: dict[int, Result]
    in_doubt: frozenset[int]
    is_whole: bool = True  # else there may be more that it can't tell


class Journal:
    """Written by one thread only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._name = str(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(path, flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._is_broken = False
        self._unwritten: list[bytes] = []

    @classmethod
    def create(cls, directory: Path) -> "Journal":
        return cls(directory / f"{uuid4().hex}.journal")

    def handing_over(self, delivery_id: int) -> None:
        """The body is about to leave. Raises OSError if that can't be recorded."""
        self._unwritten.append(b"D %d\n" % delivery_id)
        self.flush()

    def not_taken(self, delivery_id: int) -> None:
        """The body was announced, and certainly not taken."""
        self._unwritten.append(b"N %d\n" % delivery_id)
        self.flush()

    def received(self, result: Result) -> None:
        """The outcome is known; in the file with the next line, or by `flush`."""
        self._unwritten.append(_line(result))

    def flush(self) -> None:
        """Raises OSError if not all that was put down is in the file now."""
        if self._is_broken:
            raise OSError("The journal can't be written to.")
        if not self._unwritten:
            return
        lines = b"".join(self._unwritten)
        self._unwritten.clear()
        try:
            written = os.write(self._file, lines)
        except OSError:  # what others had put down is not there either
            self._is_broken = True
            raise
        if written != len(lines):  # the disk is full in the middle of a line
            self._is_broken = True
            raise OSError(f"Only {written} of {len(lines)} bytes were written.")

    @property
    def is_taken(self) -> bool:
        """Somebody has begun to recover from it: nothing more may be handed over."""
        return not os.access(self._name, os.F_OK)  # asked for each letter

    def close(self, *, forget: bool) -> None:
        """`forget` it when all that it tells is in the database."""
        if not forget:
            with contextlib.suppress(OSError):
                self.flush()
        if forget:
            self.path.unlink(missing_ok=True)
        os.close(self._file)


def owner_is_dead(path: Path) -> bool:
    """Nobody holds the journal's lock any more (its process is gone)."""
    try:
        file = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(file)


def take(path: Path) -> Path:
    """
    Puts the journal aside before it is read. Its pump, should it live, looks for it
    before each body: a fence that no clock has a part in.
    """
    taken = path.with_suffix(".taken")
    if not taken.exists():
        path.rename(taken)
    return taken


def read(path: Path) -> Testimony:
    """What the journal at `path` says. A line that was cut short counts as unsaid."""
    results: dict[int, Result] = {}
    handed_over: set[int] = set()
    is_whole = True
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            try:
                _note(line, results, handed_over)
            except ValueError:
                is_whole = False
    return Testimony(results, frozenset(handed_over - results.keys()), is_whole)


def _note(line: bytes, results: dict[int, Result], handed_over: set[int]) -> None:
    kind, _, rest = line.partition(b" ")
    if kind == b"R":
        result = _parse(rest)
        results[result.delivery_id] = result
        return
    delivery_id = int(rest)
    results.pop(delivery_id, None)
    if kind == b"D":
        handed_over.add(delivery_id)
    else:
        handed_over.discard(delivery_id)


def _line(result: Result) -> bytes:
    """As JSON, whose own encoder would take as long as all the rest of a letter."""
    outcome = result.outcome
    code = "null" if outcome.code is None else f"{outcome.code:d}"
    words = f"{_quoted(outcome.enhanced_code)}, {_quoted(outcome.text)}"
    return (
        f'R [{result.delivery_id:d}, "{outcome.verdict}", "{outcome.phase}", {code}, '
        f'{words}, "{result.started_at.isoformat()}", {result.duration_ms:d}]\n'
    ).encode("ascii")


def _parse(line: bytes) -> Result:
    delivery_id, verdict, phase, code, enhanced, text, started, duration = json.loads(
        line
    )
    return Result(
        delivery_id,
        Outcome(Verdict(verdict), Phase(phase), code, enhanced, text),
        datetime.fromisoformat(started),
        duration,
    )


def host() -> str:
    return socket.gethostname()


def boot_id() -> str:
    """Changes with every start of the machine; "" where there is none to be had."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
