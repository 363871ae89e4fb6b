"""Other processes, looked at and ended from outside. Needs Linux's /proc."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_ESTABLISHED = "01"


def descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # gone meanwhile
        return []
    return [
        each for child in map(int, children) for each in (child, *descendants(child))
    ]


def family(pid: int) -> list[int]:
    """It and all that live and die with it."""
    return [pid, *descendants(pid)]


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(pids: list[int]) -> None:
    """kill -9 of all of them, as a power cut would: nobody has time to react."""
    send(signal.SIGSTOP, pids)
    send(signal.SIGKILL, pids)


def connections_to(port: int, pids: Iterable[int] | None = None) -> int:
    """Open TCP connections to a port of this machine: of these processes, or all."""
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        remote, state, inode = fields[2], fields[3], fields[9]
        if state == _ESTABLISHED and int(remote.rpartition(":")[2], 16) == port:
            sockets.add(f"socket:[{inode}]")
    if pids is None:
        return len(sockets)
    return len(sockets & {each for pid in pids for each in _open_files(pid)})


def _open_files(pid: int) -> list[str]:
    found = []
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.append(str(each.readlink()))
    return found
