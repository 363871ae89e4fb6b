"""The fingerprint of the mail server's settings: another for others, and no secret."""

from collections.abc import Callable
from typing import Any

import pytest

from mailings.delivery.server import configured_server, fingerprint


def now() -> str:
    return fingerprint(configured_server())


@pytest.fixture(autouse=True)
def _somewhere(point_mail_at: Callable[[int], None]) -> None:
    point_mail_at(2525)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_HOST_USER", "news"),
        ("EMAIL_HOST_PASSWORD", "secret"),
        ("EMAIL_USE_TLS", True),
        ("EMAIL_USE_SSL", True),
        ("DEFAULT_FROM_EMAIL", "other@example.com"),
        ("SITE_URL", "https://mail.example.com"),
    ],
)
def test_it_changes_with_each_setting(name: str, value: object, settings: Any) -> None:
    before = now()
    assert now() == before
    setattr(settings, name, value)
    assert now() != before


def test_a_password_can_not_be_guessed_from_it(settings: Any) -> None:
    settings.EMAIL_HOST_PASSWORD = "secret"
    before = now()
    assert "secret" not in before
    settings.SECRET_KEY = "another installation's key"
    assert now() != before
