"""Who sees and changes what: the visible and the hidden, both."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model

from mailings.models import Client, ClientList, Delivery, Mailing, Message, Run
from tests import recipes
from users import permissions
from users.models import AuditEntry, User
from users.permissions import Level, can

pytestmark = pytest.mark.django_db

Make = Callable[[User], Model]

SHAREABLE: list[Make] = [recipes.client_list, recipes.message, recipes.mailing]
ALL: list[Make] = [recipes.client, *SHAREABLE]


def rows(obj: Model) -> Any:
    return type(obj)._default_manager


def is_seen(obj: Model, user: User) -> dict[str, bool]:
    asked = {
        "at_hand": rows(obj).at_hand(user),
        "visible": rows(obj).visible_to(user),
        "changeable": rows(obj).changeable_by(user),
    }
    seen = {name: set(found) for name, found in asked.items()}
    return {name: obj in found for name, found in seen.items()}


NOTHING = {"at_hand": False, "visible": False, "changeable": False}


@pytest.mark.parametrize("make", ALL)
def test_what_is_mine_is_mine_alone(make: Make, alice: User, charlie: User) -> None:
    mine, other = make(alice), make(charlie)
    assert set(rows(mine).visible_to(alice)) == {mine}
    assert set(rows(mine).visible_to(charlie)) == {other}
    assert set(rows(mine).changeable_by(alice)) == {mine}


@pytest.mark.parametrize("make", ALL)
def test_managers_see_everything_and_change_nothing(
    make: Make, alice: User, manager: User
) -> None:
    assert is_seen(make(alice), manager) == NOTHING | {"visible": True}


@pytest.mark.parametrize("make", SHAREABLE)
def test_what_is_shared_to_see_is_seen(make: Make, alice: User, bob: User) -> None:
    obj = make(alice)
    make(alice)
    permissions.share(obj, to=bob, level=Level.VIEW, by=alice)
    assert is_seen(obj, bob) == {"at_hand": True, "visible": True, "changeable": False}


@pytest.mark.parametrize("make", SHAREABLE)
def test_what_is_shared_to_change_is_changed(
    make: Make, alice: User, bob: User
) -> None:
    obj = make(alice)
    make(alice)
    permissions.share(obj, to=bob, level=Level.CHANGE, by=alice)
    assert is_seen(obj, bob) == {"at_hand": True, "visible": True, "changeable": True}


@pytest.mark.parametrize("make", SHAREABLE)
def test_a_share_that_is_taken_back_is_gone(make: Make, alice: User, bob: User) -> None:
    obj = make(alice)
    permissions.share(obj, to=bob, level=Level.CHANGE, by=alice)
    permissions.unshare(obj, to=bob, by=alice)
    assert is_seen(obj, bob) == NOTHING
    assert permissions.shares_of(obj) == {}


@pytest.mark.parametrize("make", SHAREABLE)
def test_a_group_shares_with_its_members(
    make: Make, alice: User, bob: User, charlie: User
) -> None:
    obj, sales = make(alice), Group.objects.create(name="Sales")
    bob.groups.add(sales)
    permissions.share(obj, to=sales, level=Level.VIEW, by=alice)
    assert is_seen(obj, bob)["visible"]
    assert is_seen(obj, charlie) == NOTHING
    assert permissions.shares_of(obj) == {sales: Level.VIEW}


def test_a_second_share_replaces_the_first(alice: User, bob: User) -> None:
    obj = recipes.mailing(alice)
    permissions.share(obj, to=bob, level=Level.CHANGE, by=alice)
    permissions.share(obj, to=bob, level=Level.VIEW, by=alice)
    assert permissions.shares_of(obj) == {bob: Level.VIEW}
    assert not is_seen(obj, bob)["changeable"]


def test_sharing_is_on_the_audit_log(alice: User, bob: User) -> None:
    obj = recipes.mailing(alice)
    permissions.share(obj, to=bob, level=Level.VIEW, by=alice)
    permissions.unshare(obj, to=bob, by=alice)
    log = AuditEntry.objects.order_by("pk").values_list("action", "reason")
    assert list(log) == [
        ("shared", "bob@example.com: view"),
        ("unshared", "bob@example.com"),
    ]


def test_a_shared_mailing_shows_its_runs_and_none_of_the_owners_clients(
    alice: User, bob: User
) -> None:
    shared, other = recipes.mailing(alice), recipes.mailing(alice)
    run, hidden = recipes.run(shared, accepted=2), recipes.run(other, accepted=3)
    permissions.share(shared, to=bob, level=Level.VIEW, by=alice)
    assert set(Run.objects.visible_to(bob)) == {run}
    assert set(Delivery.objects.visible_to(bob)) == set(run.deliveries.all())
    assert set(Run.objects.visible_to(alice)) == {run, hidden}
    for nothing in (Client, ClientList, Message):
        assert not nothing.objects.visible_to(bob).exists()


@pytest.mark.parametrize("make", ALL)
def test_a_blocked_user_sees_nothing(make: Make, alice: User) -> None:
    obj = make(alice)
    alice.is_active = False
    assert is_seen(obj, alice) == NOTHING


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("alice", {"view", "change", "own"}),
        ("bob", {"view", "change"}),
        ("charlie", set()),
        ("manager", {"view", "hold"}),
        ("admin", {"view", "hold"}),
    ],
)
def test_one_function_answers_for_one_object(
    who: str, allowed: set[str], alice: User, bob: User, request: pytest.FixtureRequest
) -> None:
    obj = recipes.mailing(alice)
    permissions.share(obj, to=bob, level=Level.CHANGE, by=alice)
    user = request.getfixturevalue(who)
    actions = ("view", "change", "own", "hold")
    assert {action for action in actions if can(user, action, obj)} == allowed


def test_a_share_goes_with_its_object(alice: User, bob: User) -> None:
    obj = recipes.message(alice)
    permissions.share(obj, to=bob, level=Level.VIEW, by=alice)
    obj.delete()
    assert not Message.objects.visible_to(bob).exists()


def test_at_20000_mailings_a_list_is_two_queries(
    alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    template = recipes.mailing(alice)
    fields = {
        field.attname: getattr(template, field.attname)
        for field in Mailing._meta.concrete_fields
        if not field.primary_key
    }
    Mailing.objects.bulk_create([Mailing(**fields) for _ in range(20_000)], 2_000)
    permissions.share(template, to=bob, level=Level.VIEW, by=alice)
    with django_assert_num_queries(2):
        mine = Mailing.objects.at_hand(bob).with_rights(bob)
        assert mine.count() == 1
        assert [(each.is_own, each.may_change) for each in mine[:25]] == [
            (False, False)
        ]
