"""One of each of alice's things."""

from dataclasses import dataclass

import pytest

from mailings.models import Client, ClientList, Delivery, Mailing, Message, Run
from tests import recipes
from users.models import User

__all__ = ["Things", "things"]


@dataclass(frozen=True)
class Things:
    client: Client
    list: ClientList
    message: Message
    mailing: Mailing
    run: Run
    delivery: Delivery


@pytest.fixture
def things(alice: User) -> Things:
    client = recipes.client(alice, full_name="Пётр Первый", email="peter@example.com")
    client_list = recipes.client_list(alice, client, name="Tsars")
    message = recipes.message(alice, subject="Hello, {{ full_name }}")
    mailing = recipes.mailing(
        alice, message=message, lists=[client_list], title="Greetings"
    )
    run = recipes.run(mailing, accepted=1, refused=1)
    delivery = run.deliveries.get(state="refused")
    return Things(client, client_list, message, mailing, run, delivery)
