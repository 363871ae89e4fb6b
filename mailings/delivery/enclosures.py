"""
Attachments as they go over the wire, in a file that is gone with its user.

Megabytes that are the same for everybody are encoded once per pump and never in memory
as a whole, however many runs, letters and connections there are.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from urllib.parse import quote

from django.conf import settings

from mailings.delivery.letter import Piece, Unreadable
from mailings.delivery.skeleton import encoded_lines, is_plain
from mailings.models import Attachment

_STEP = 57 * 1024  # bytes that are encoded at once; 57 make a line


class Enclosures:
    def __init__(self) -> None:
        self._file: IO[bytes] | None = None  # made when it is needed
        self._given_up: list[IO[bytes]] = []
        self._size = 0
        self._pieces: dict[int, Piece] = {}

    def pieces(self, keys: Iterable[int]) -> tuple[Piece, ...]:
        """Of attachments, by their keys. Raises Unreadable."""
        return tuple(self._pieces.get(key) or self._encoded(key) for key in keys)

    def _encoded(self, key: int) -> Piece:
        try:
            found = Attachment.objects.get(pk=key)
        except Attachment.DoesNotExist as error:
            raise Unreadable("A file is not there any more.") from error
        begin = self._size
        try:
            self._write(found)
        except OSError as error:
            self._cut(begin)
            raise Unreadable(str(error)) from error
        piece = Piece(self._opened(), begin, self._size - begin)
        self._pieces[key] = piece
        return piece

    def _write(self, found: Attachment) -> None:
        content = memoryview(found.content)
        self._append(_headers(found.name, found.content_type))
        for start in range(0, len(content), _STEP):
            self._append(encoded_lines(content[start : start + _STEP]))

    def _append(self, lines: bytes) -> None:
        """Past any buffer: what did not fit is not left over for the next file."""
        file, rest = self._opened().fileno(), memoryview(lines)
        while rest:
            written = os.pwrite(file, rest, self._size)
            self._size += written
            rest = rest[written:]

    def _cut(self, size: int) -> None:
        """Takes back what is of no use: others may need the space."""
        self._size = size
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), size)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            # Not in /tmp, which on many machines is memory.
            directory = Path(settings.DELIVERY["journal_dir"])
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed below
        return self._file

    def begin_anew(self) -> None:
        """In another file, as this one can't be read; letters on their way have it."""
        if self._file is not None:
            self._given_up.append(self._file)
        self._file, self._size, self._pieces = None, 0, {}

    def close(self) -> None:
        """No piece can be read from then on."""
        self.begin_anew()
        for file in self._given_up:
            file.close()
        self._given_up.clear()


def _headers(name: str, content_type: str) -> bytes:
    """Names that are not plain travel by RFC 2231, on a line below 998 bytes."""
    if is_plain(name) and not set(name) & set('"\\'):
        parameter = f'filename="{name}"'
    else:
        parameter = f"filename*=utf-8''{quote(name, safe='')}"
    return (
        f"Content-Type: {content_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n {parameter}\r\n\r\n"
    ).encode("ascii")
