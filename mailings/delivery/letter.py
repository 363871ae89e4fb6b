"""One letter, and its end that is the same for many, read as it leaves. Pure."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, NamedTuple

BLOCK = 64 * 1024  # bytes in memory at once, per letter under way


class NotBegun(Exception):
    """The body may not leave: the lease is lost, or the journal can't be written."""


class Unreadable(Exception):
    """A file of ours can't be read, or prepared: no mail server is to blame."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an open file: lines as they go over the wire."""

    file: IO[bytes]  # not its descriptor, which may be another file's by then
    offset: int
    size: int

    def blocks(self) -> Iterator[bytes]:
        """Raises Unreadable."""
        at, end = self.offset, self.offset + self.size
        while at < end:
            try:
                block = os.pread(self.file.fileno(), min(BLOCK, end - at), at)
            except (OSError, ValueError) as error:  # ValueError: it was closed
                raise Unreadable(str(error)) from error
            if not block:
                raise Unreadable("A file ends too early.")
            at += len(block)
            yield block


@dataclass(frozen=True, slots=True)
class Tail:
    """Pieces, each after `between`; then `end`."""

    pieces: tuple[Piece, ...] = ()
    between: bytes = b""
    end: bytes = b""
    size: int = field(init=False)

    def __post_init__(self) -> None:
        pieces = sum(len(self.between) + piece.size for piece in self.pieces)
        object.__setattr__(self, "size", pieces + len(self.end))

    def blocks(self) -> Iterator[bytes]:
        for piece in self.pieces:
            yield self.between
            yield from piece.blocks()
        if self.end:
            yield self.end


class Letter(NamedTuple):
    """One message to one recipient, ready for the wire."""

    delivery_id: int
    run_id: int
    sender: str
    recipient: str
    content: bytes  # CRLF line ends, dots stuffed, ends with CRLF
    tail: Tail = Tail()  # the same, after it

    @property
    def size(self) -> int:
        return len(self.content) + self.tail.size

    def blocks(self) -> Iterator[bytes]:
        """The message and the final dot, as it goes over the wire, or Unreadable."""
        end = b".\r\n"
        if not self.tail.size:
            yield self.content + end
            return
        yield self.content
        yield from self.tail.blocks()
        yield end
