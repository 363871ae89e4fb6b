"""A run to send: `given_run(3)` makes owner, clients, message, mailing and run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.delivery import PumpReport
from mailings.delivery.statistics import recounted, stored
from mailings.models import Client, Mailing, Message, Run
from users.models import User

GivenRun = Callable[..., Run]
Pump = Callable[..., PumpReport]


@pytest.fixture
def given_run(alice: User) -> GivenRun:
    def make(clients: int = 3, *, owner: User = alice, **mailing: Any) -> Run:
        now = timezone.now()
        have = Client.objects.filter(owner=owner).count()
        Client.objects.bulk_create(
            Client(owner=owner, email=f"c{n}@example.com", full_name=f"Клиент {n}")
            for n in range(have, clients)
        )
        message = Message.objects.create(
            owner=owner, subject="Hello, {{ full_name }}", body="To {{ email }}"
        )
        settings = {
            "start_at": now - timedelta(minutes=1),
            "end_at": now + timedelta(days=1),
        }
        made = Mailing.objects.create(
            owner=owner, message=message, all_clients=True, **(settings | mailing)
        )
        run = lifecycle.send_now(made, now=now)
        assert run is not None
        return run

    return make


@pytest.fixture
def pump() -> Pump:
    """Pumps until nothing is due."""

    def run(**options: Any) -> PumpReport:
        return delivery.pump(**({"stop": lambda: False} | options))

    return run


@pytest.fixture(params=[True, False], ids=["pipelined", "lock_step"])
def both_modes(request: pytest.FixtureRequest, settings: Any) -> None:
    """What holds for one way of talking to the server holds for the other."""
    settings.DELIVERY = {**settings.DELIVERY, "pipelining": request.param}


def states(run: Run) -> dict[str, str]:
    """Who is where: e-mail -> state."""
    return dict(run.deliveries.values_list("email", "state"))


def ledger(run: Run) -> dict[str, int]:
    """The figures that are not 0; and the statistics are what counting gives."""
    run.refresh_from_db()
    assert stored([run.pk]) == recounted([run.pk])
    return {name: n for name, n in run.ledger().items() if n}
