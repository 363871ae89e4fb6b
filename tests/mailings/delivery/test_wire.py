"""What a connection takes for written has at least been taken by the system."""

import asyncio
from typing import Any

import pytest

from mailings.delivery.wire import Wire


class Closing(asyncio.Transport):
    """A send has failed; asyncio will say so in a moment, and drops all until then."""

    def is_closing(self) -> bool:
        return True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        raise AssertionError("It would be lost without a word.")


def test_nothing_is_written_to_a_connection_that_is_closing() -> None:
    async def say() -> None:
        wire = Wire()
        wire.connection_made(Closing())
        assert wire.lost == ""
        with pytest.raises(ConnectionError, match="broke"):
            wire.say(b"x")

    asyncio.run(say())


def test_why_it_was_lost_is_said_where_it_is_known() -> None:
    async def say() -> None:
        wire = Wire()
        wire.connection_made(Closing())
        wire.eof_received()
        with pytest.raises(ConnectionError, match="The server closed the connection"):
            wire.say(b"x")

    asyncio.run(say())
