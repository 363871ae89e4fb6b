"""
Attachments as they go over the wire, in a file that is gone with its user.

Megabytes that are the same for everybody are encoded once per pump and never in memory
as a whole, however many runs, letters and connections there are.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from urllib.parse import quote

from django.conf import settings

from mailings.delivery.letter import Piece
from mailings.delivery.skeleton import encoded_lines, is_plain
from mailings.models import Attachment

_STEP = 57 * 1024  # bytes that are encoded at once; 57 make a line


class Enclosures:
    def __init__(self) -> None:
        self._file: IO[bytes] | None = None  # made when it is needed
        self._pieces: dict[int, Piece] = {}

    def pieces(self, keys: Iterable[int]) -> tuple[Piece, ...]:
        """Of attachments, by their keys, which are there."""
        return tuple(self._pieces.get(key) or self._encoded(key) for key in keys)

    def _encoded(self, key: int) -> Piece:
        found = Attachment.objects.get(pk=key)
        content = memoryview(found.content)
        file = self._opened()
        begin = file.tell()
        file.write(_headers(found.name, found.content_type))
        for start in range(0, len(content), _STEP):
            file.write(encoded_lines(content[start : start + _STEP]))
        file.flush()
        piece = Piece(file.fileno(), begin, file.tell() - begin)
        self._pieces[key] = piece
        return piece

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            # Not in /tmp, which on many machines is memory.
            directory = Path(settings.DELIVERY["journal_dir"])
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed below
        return self._file

    def close(self) -> None:
        """No piece can be read from then on."""
        if self._file is not None:
            self._file.close()
            self._file = None


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
