"""
What a host knows of itself outside the database.

The file is good only where it was made: a directory that was copied, to another
machine or beside, is a new one. It is made whole and on the disk; after that its bytes
are replaced in place, by one write of the same length, which a kill does not tear.
"""

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

_LENGTH = 512  # bytes; a sector

_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Identity:
    installation: str
    host: str
    beats: int = 0  # how often this host has taken work


def read(path: Path) -> Identity | None:
    """None: there is none, or it was made elsewhere, or is damaged."""
    try:
        return _parsed(path.read_bytes(), path)
    except FileNotFoundError:
        return None


def create(path: Path, identity: Identity) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(_line(path, identity))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def keep(path: Path, identity: Identity) -> None:
    """Notes the beats, unless another process of this host has noted more."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        noted = _parsed(os.pread(file, _LENGTH, 0), path)
        if noted is None or noted.beats < identity.beats:
            os.pwrite(file, _line(path, identity), 0)
    finally:
        os.close(file)


def _parsed(text: bytes, path: Path) -> Identity | None:
    try:
        fields = json.loads(text)
        if fields.pop("place") != _place(path):
            return None
        return Identity(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _line(path: Path, identity: Identity) -> bytes:
    text = json.dumps({"place": _place(path), **asdict(identity)})
    return f"{text:<{_LENGTH - 1}}\n".encode()


def _place(path: Path) -> str:
    """This directory on this machine; in a container, whose machine varies, alone."""
    machine = ""
    if not any(mark.exists() for mark in _CONTAINERS) and _MACHINE_ID.exists():
        machine = _MACHINE_ID.read_text().strip()
    return hashlib.sha256(f"{machine}:{path.resolve()}".encode()).hexdigest()[:32]
