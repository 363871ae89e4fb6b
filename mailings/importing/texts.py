"""Which encoding is it? UTF-8, UTF-16 with its mark, or what Russian Excel writes."""

import codecs
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

_PIECE = 1 << 16  # bytes
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# How pictures, PDF, and the workbooks and documents of old begin.
_OTHERS = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8"),
    *(b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"),
)
_CONTROL = bytes({*range(32)} - {*b"\t\n\v\f\r"})
_MANY = 20  # one in so many

# What stands for bytes that mean nothing in the encoding.
UNREADABLE = "\ufffd"


@contextmanager
def rewindable(file: BinaryIO) -> Iterator[BinaryIO]:
    """The same file, or for so long a copy if it can only be read once (a pipe)."""
    if file.seekable():
        yield file
        return
    with SpooledTemporaryFile(max_size=16 * _PIECE) as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def is_binary(file: BinaryIO) -> bool:
    """
    Whether a rewindable file is no text at all. A stray control character is for its
    row to be refused for; where every twentieth byte is one, there are no rows.
    """
    start = file.tell()
    head = file.read(_PIECE)
    file.seek(start)
    if any(head.startswith(mark) for mark, _encoding in _MARKS):
        return False
    control = len(head) - len(head.translate(None, _CONTROL))
    return head.startswith(_OTHERS) or control * _MANY > len(head)


def encoding_of(file: BinaryIO) -> str:
    """
    The encoding of a rewindable file, read from where it stands; stands there again.

    Without a mark it is UTF-8, unless more of it is nonsense in UTF-8 than is not:
    one broken row must not turn all the others into something else.
    """
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    good = bad = 0
    piece = b"-"
    while piece:
        piece = file.read(_PIECE)
        text = decoder.decode(piece, final=not piece)
        if text.isascii():
            continue
        unreadable = text.count(UNREADABLE)
        bad += unreadable
        good += len(text) - len(text.encode("ascii", "ignore")) - unreadable
    file.seek(start)
    return "utf-8" if good >= bad else "cp1251"


def decode(file: BinaryIO) -> str:
    """All of a small rewindable file as text; what can't be read is U+FFFD."""
    encoding = encoding_of(file)
    return file.read().decode(encoding, errors="replace")
