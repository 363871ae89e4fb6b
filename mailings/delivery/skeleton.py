"""
Texts with blanks, encoded but for the blanks. Pure.

What is the same for everybody is encoded once per run; per recipient only the values
and the two or three bytes beside each of them are. The result is what encoding the
whole would give, but for where its lines break, which no reader takes notice of
(RFC 2045 6.8, RFC 2047 6.2).
"""

from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Mapping
from typing import NamedTuple

from mailings import placeholders

_LINE_BYTES = 57  # make 76 characters of base64, the longest line (RFC 2045 6.8)
# An encoded-word is at most 75 characters (RFC 2047 2); 45 bytes make 60 of base64.
WORD_BYTES = 45


class _Literal(NamedTuple):
    """A fixed part of a text as base64, for one place in a group of three bytes."""

    head: bytes  # completes the group that is open before it
    lines: bytes
    tail: bytes  # of a group that is still open after it


class Body:
    """A text as base64. `known` are the values that are the same for everybody."""

    def __init__(self, text: str, known: Mapping[str, str]) -> None:
        first, *others = _cut(text, known)
        _, self._start, self._rest = _literal(_utf8(first), 0)
        self._names = others[::2]
        self._others = [
            tuple(_literal(raw, missing) for missing in range(3))
            for raw in map(_utf8, others[1::2])
        ]

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Whole lines, each ended by CRLF."""
        raw = {name: _utf8(value) for name, value in values.items()}
        parts, rest = [self._start], self._rest
        for name, literal in zip(self._names, self._others, strict=True):
            rest += raw[name]
            head, lines, tail = literal[-len(rest) % 3]
            rest += head
            if len(rest) % 3 == 0:  # else the literal is too short for that
                parts += (encoded_lines(rest), lines)
                rest = tail
        parts.append(encoded_lines(rest))
        return b"".join(parts)


class Header:
    """A header's value. Where one part of it is not plain ASCII, none goes plain."""

    def __init__(self, text: str, known: Mapping[str, str]) -> None:
        self._pieces = _cut(text, known)
        self._words = [encoded_words(piece) for piece in self._pieces[::2]]

    def filled(self, values: Mapping[str, str]) -> str:
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else _joined(pieces, values)
        if is_plain(text):
            return text
        words = [*self._words[0]]
        for name, literal in zip(pieces[1::2], self._words[1:], strict=True):
            words += encoded_words(values[name])
            words += literal
        return "\r\n ".join(words)


def is_plain(text: str) -> bool:
    """It may stand in a header as it is, on the header's own line."""
    return text.isascii() and len(text) <= 2 * WORD_BYTES and "=?" not in text


def encoded_words(text: str) -> list[str]:
    """The text as encoded-words (RFC 2047), none of which cuts a character in two."""
    raw = _utf8(text)
    words = []
    while raw:
        end = WORD_BYTES
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # the middle of a character
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(raw[:end]).decode()}?=")
        raw = raw[end:]
    return words


def _cut(text: str, known: Mapping[str, str]) -> list[str]:
    """Literal, name, literal, …: with only those names that are not known yet."""
    literal, *others = placeholders.split(text)
    pieces = [literal]
    for name, literal in zip(others[::2], others[1::2], strict=True):
        if name in known:
            pieces[-1] += known[name] + literal
        else:
            pieces += (name, literal)
    return pieces


def _joined(pieces: list[str], values: Mapping[str, str]) -> str:
    return "".join(
        values[piece] if index % 2 else piece for index, piece in enumerate(pieces)
    )


def _literal(raw: bytes, missing: int) -> _Literal:
    end = max(missing, len(raw) - (len(raw) - missing) % 3)
    return _Literal(raw[:missing], encoded_lines(raw[missing:end]), raw[end:])


def encoded_lines(raw: bytes | memoryview) -> bytes:
    """As base64, in lines ended by CRLF."""
    if len(raw) <= _LINE_BYTES:  # all that there is between two literals, mostly
        return b2a_base64(raw, newline=False) + b"\r\n" if raw else b""
    starts = range(0, len(raw), _LINE_BYTES)
    return b"".join(
        b2a_base64(raw[start : start + _LINE_BYTES], newline=False) + b"\r\n"
        for start in starts
    )


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
