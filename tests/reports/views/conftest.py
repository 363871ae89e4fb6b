"""How an installation can fail to do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from mailings.models import Circuit, Host, Installation


@pytest.fixture
def open_circuit(db: None) -> Circuit:
    """The mail server of the tests' settings refuses us for an hour now."""
    now = timezone.now()
    return Circuit.objects.create(
        server="127.0.0.1:1",
        state="open",
        failures=3,
        reason="535 Wrong password",
        opened_at=now - timedelta(hours=1),
        probe_at=now,
    )


@pytest.fixture
def held_elsewhere(db: None) -> Host:
    """A copy: its own host has come, and the original's is not at work."""
    now = timezone.now()
    installation = Installation.objects.create(pk=1)
    before = {"beats": 7, "beat_at": now - timedelta(days=1)}
    for name, values in (
        ("mail.example.com", {"admitted_at": now - timedelta(days=9), **before}),
        ("copy.example.com", {"beats_at_arrival": 7}),
    ):
        values = {"beats_at_arrival": 0, "arrived_at": now} | values
        host = Host.objects.create(
            installation=installation, key=name, name=name, **values
        )
    return host
