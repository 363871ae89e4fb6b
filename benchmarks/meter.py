"""CPU seconds and peak memory of processes, as the kernel counts them (Linux)."""

import os
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all its descendants that live now."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children[found[-1]]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time together, with that of children that have ended."""
    ticks = 0
    for pid in pids:
        if fields := _stat(pid):
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def busy_seconds() -> float:
    """For how long the processors have worked since the machine was started."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, *interrupts = map(int, fields[:7])
    return (user + nice + system + sum(interrupts)) / _TICKS


def peak_mb(pids: list[int]) -> float:
    """Of the largest of them, since it was started."""
    return max((_high_water(pid) for pid in pids), default=0) / 1024


def _stat(pid: int) -> list[str]:
    """The fields from the state on; none if the process has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(x.split()[1]) for x in lines if x.startswith("VmHWM")), 0)
