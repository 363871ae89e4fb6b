"""Whom a mailing reaches: counted in another way than they are found, and the same."""

import pytest

from mailings.models import Client, Mailing
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(alice: User, bob: User) -> list[Client]:
    recipes.client(bob)
    found = [recipes.client(alice) for _ in range(5)]
    recipes.suppression(alice, email=found[0].email)
    return found


def counted(mailing: Mailing) -> tuple[int, int]:
    """As they are found, one by one."""
    found = mailing.recipients()
    return len(found), len(found.suppressed())


@pytest.mark.parametrize(
    ("lists", "picked", "expected"),
    [
        ([], [], (0, 0)),
        ([[0, 1]], [], (2, 1)),
        ([[]], [], (0, 0)),
        ([], [0, 2], (2, 1)),
        ([[0, 1], [1, 2]], [], (3, 1)),
        ([[0, 1]], [1, 2], (3, 1)),
        ([[0, 1], [1, 2]], [0, 1, 2, 3], (4, 1)),
    ],
)
def test_each_counts_once_however_they_are_named(
    alice: User,
    people: list[Client],
    lists: list[list[int]],
    picked: list[int],
    expected: tuple[int, int],
) -> None:
    mailing = recipes.mailing(
        alice,
        clients=[people[number] for number in picked],
        lists=[
            recipes.client_list(alice, *(people[number] for number in numbers))
            for numbers in lists
        ],
    )
    assert mailing.reach().figures() == counted(mailing) == expected
    assert mailing.reach().exists() == bool(expected[0])
    assert mailing.reach().suppressed() == expected[1]


def test_everybody_is_all_of_the_owner(alice: User, people: list[Client]) -> None:
    mailing = recipes.mailing(alice, all_clients=True)
    assert mailing.reach().figures() == counted(mailing) == (5, 1)
    assert mailing.reach().exists()
