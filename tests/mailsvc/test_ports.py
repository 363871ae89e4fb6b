"""Free ports are told from busy ones."""

import socket

import pytest

from mailsvc import ports
from tests.mailsvc.conftest import free_port


def test_nothing_is_wrong_with_a_free_port() -> None:
    port = free_port()
    assert ports.trouble_with("127.0.0.1", port) == ""
    assert not ports.answers("127.0.0.1", port)


def test_a_busy_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.trouble_with("127.0.0.1", port) == "Address already in use"
        assert ports.answers("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_told() -> None:
    assert ports.trouble_with("192.0.2.1", 8000) != ""


@pytest.mark.parametrize(("value", "port"), [("", 8000), ("1", 1), ("65535", 65535)])
def test_the_environment_chooses_the_port(
    monkeypatch: pytest.MonkeyPatch, value: str, port: int
) -> None:
    monkeypatch.setenv("PORT", value)
    assert ports.from_environment("PORT", 8000) == port


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "80 80"])
def test_what_is_no_port_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)
    with pytest.raises(ValueError, match="PORT is a port, a number from 1 to 65535"):
        ports.from_environment("PORT", 8000)
