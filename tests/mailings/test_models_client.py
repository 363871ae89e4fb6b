import pytest
from django.core.exceptions import ValidationError

from mailings.models import Client, ClientList
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db


def test_lists_of_rows_show_ones_own_and_nothing_else(alice: User, bob: User) -> None:
    hers, his = recipes.client(alice), recipes.client(bob)
    assert list(Client.objects.visible_to(alice)) == [hers]
    assert list(Client.objects.changeable_by(bob)) == [his]


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@Example.com"])
def test_the_second_of_an_address_is_told_in_words(alice: User, email: str) -> None:
    recipes.client(alice, email="ann@example.com")
    with pytest.raises(ValidationError) as refusal:
        Client(owner=alice, email=email, full_name="Ann").full_clean()
    assert refusal.value.messages == [
        "You already have a client with this e-mail address."
    ]


def test_an_address_that_cannot_be_written_to_is_told_at_its_field(alice: User) -> None:
    with pytest.raises(ValidationError) as refusal:
        Client(owner=alice, email="ann@localhost", full_name="Ann\nBcc: x").full_clean()
    assert refusal.value.message_dict.keys() == {"email", "full_name"}


def test_a_list_knows_its_size(alice: User) -> None:
    recipes.client_list(alice, name="empty")
    recipes.client_list(alice, *recipes.clients(alice, 3), name="three")
    sizes = ClientList.objects.with_size().values_list("name", "size")
    assert dict(sizes) == {"empty": 0, "three": 3}


def test_a_deleted_client_leaves_its_name_and_address_in_the_history(
    alice: User,
) -> None:
    ann = recipes.client(alice, email="ann@example.com", full_name="Ann")
    run = recipes.run(recipes.mailing(alice, clients=[ann]))
    delivery = recipes.delivery(run, "accepted", client=ann)
    ann.delete()

    delivery.refresh_from_db()
    assert delivery.client is None
    assert (delivery.email, delivery.full_name) == ("ann@example.com", "Ann")
    assert delivery.attempts.count() == 1
    assert str(delivery) == "Ann <ann@example.com>"


def test_a_client_that_changes_its_name_keeps_the_old_one_in_the_history(
    alice: User,
) -> None:
    ann = recipes.client(alice, full_name="Ann")
    delivery = recipes.delivery(recipes.run(recipes.mailing(alice)), client=ann)
    Client.objects.update(full_name="Anna")

    delivery.refresh_from_db()
    assert delivery.full_name == "Ann"
