"""The owner shares, sees with whom, takes back; who may not, can't."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from mailings.departure import delete_user
from tests import recipes
from users import permissions
from users.models import AuditEntry, User
from users.permissions import Level, can

pytestmark = pytest.mark.django_db

Make = Callable[[User], Model]

KINDS: dict[str, Make] = {
    "mailing": lambda owner: recipes.mailing(owner, title="Spring"),
    "message": recipes.message,
    "list": recipes.client_list,
}
VIEW, CHANGE = Level.VIEW.value, Level.CHANGE.value


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def thing(kind: str, alice: User) -> Model:
    return KINDS[kind](alice)


@pytest.fixture
def page(kind: str, thing: Model) -> str:
    return reverse(f"mailings:{kind}-share", args=[thing.pk])


def shared(client: Client, page: str) -> list[tuple[str, str, bool]]:
    shares = client.get(page).context["shares"]
    return [
        ("group" if share.group else "user", share.name, share.may_change)
        for share in shares
    ]


def take_back(client: Client, page: str, number: int = 0) -> Any:
    context = client.get(page).context
    share = context["shares"][number]
    data = {"group": share.group} if share.group else {"email": share.name}
    return client.post(context["take_back"], data)


def errors(answer: Any) -> dict[str, Any]:
    return dict(answer.context["form"].errors)


def test_a_colleague_sees_it_until_it_is_taken_back(
    alice_client: Client, bob: User, thing: Model, page: str
) -> None:
    answer = alice_client.post(page, {"email": "Bob@Example.com", "level": VIEW})
    assert answer["Location"] == page
    assert shared(alice_client, page) == [("user", "bob@example.com", False)]
    assert can(bob, "view", thing)
    assert not can(bob, "change", thing)
    take_back(alice_client, page)
    assert shared(alice_client, page) == []
    assert not can(bob, "view", thing)


def test_a_second_time_replaces_the_level(
    alice_client: Client, bob: User, thing: Model, page: str
) -> None:
    for level in (VIEW, CHANGE):
        alice_client.post(page, {"email": bob.email, "level": level})
    assert shared(alice_client, page) == [("user", "bob@example.com", True)]
    assert can(bob, "change", thing)


def test_one_of_my_groups_has_it(
    alice_client: Client, alice: User, bob: User, thing: Model, page: str
) -> None:
    group, other = Group.objects.create(name="Press"), Group.objects.create(name="No")
    bob.groups.add(group)
    alice.groups.add(group)
    refused = alice_client.post(page, {"group": other.pk, "level": VIEW})
    assert "group" in errors(refused)
    alice_client.post(page, {"group": group.pk, "level": CHANGE})
    assert shared(alice_client, page) == [("group", "Press", True)]
    assert can(bob, "change", thing)
    take_back(alice_client, page)
    assert not can(bob, "view", thing)


def test_without_groups_none_are_offered(alice_client: Client, page: str) -> None:
    Group.objects.create(name="Secret department")
    answer = alice_client.get(page)
    assert "group" not in answer.context["form"].fields
    assert "Secret department" not in answer.content.decode()


def test_an_address_nobody_has_looks_like_any_other_and_works_later(
    alice_client: Client, thing: Model, page: str
) -> None:
    answer = alice_client.post(page, {"email": "new@example.com", "level": CHANGE})
    assert answer["Location"] == page
    html = alice_client.get(page).content.decode()
    assert "new@example.com" in html
    newcomer = User.objects.create_user("new@example.com", "correct horse")
    assert not can(newcomer, "view", thing)
    Client().force_login(newcomer)
    assert can(newcomer, "change", thing)
    assert shared(alice_client, page) == [("user", "new@example.com", True)]


def test_known_and_unknown_addresses_are_shown_alike(
    alice_client: Client, bob: User, page: str
) -> None:
    rows = []
    for email in (bob.email, "nobody@example.com"):
        alice_client.post(page, {"email": email, "level": VIEW})
        html = alice_client.get(page).content.decode()
        start = html.index("list-group-item")
        row = html[start : html.index("</li>", start)].replace(email, "…")
        rows.append(re.sub(r'csrfmiddlewaretoken" value="\w+', "", row))
        take_back(alice_client, page)
    assert rows[0] == rows[1]


def test_an_account_made_meanwhile_has_the_level_of_the_last_time(
    alice_client: Client, thing: Model, page: str
) -> None:
    alice_client.post(page, {"email": "new@example.com", "level": CHANGE})
    newcomer = User.objects.create_user("new@example.com", "correct horse")
    alice_client.post(page, {"email": "new@example.com", "level": VIEW})
    assert shared(alice_client, page) == [("user", "new@example.com", False)]
    Client().force_login(newcomer)
    assert not can(newcomer, "change", thing)


def test_the_next_click_after_it_is_taken_back_finds_nothing(
    alice_client: Client, bob: User, bob_client: Client, thing: Any, page: str
) -> None:
    address = thing.get_absolute_url()
    alice_client.post(page, {"email": bob.email, "level": VIEW})
    assert bob_client.get(address).status_code == 200
    take_back(alice_client, page)
    assert bob_client.get(address).status_code == 404


def test_a_blocked_colleague_looks_like_any_other(
    alice_client: Client, bob: User, thing: Model, page: str
) -> None:
    bob.is_active = False
    bob.save()
    answer = alice_client.post(page, {"email": bob.email, "level": VIEW})
    assert answer["Location"] == page
    assert shared(alice_client, page) == [("user", "bob@example.com", False)]
    assert not can(bob, "view", thing)


def test_a_deleted_user_has_no_shares(
    alice_client: Client, admin: User, bob: User, page: str
) -> None:
    alice_client.post(page, {"email": bob.email, "level": VIEW})
    delete_user(bob, by=admin, reason="Left")
    assert shared(alice_client, page) == []


def test_the_owner_is_told_with_how_many_it_is_shared(
    alice_client: Client, bob: User, bob_client: Client, kind: str, page: str
) -> None:
    for email in (bob.email, "new@example.com"):
        alice_client.post(page, {"email": email, "level": VIEW})
    table = reverse(f"mailings:{kind}-list")
    assert "shared: 2" in alice_client.get(table).content.decode()
    others = bob_client.get(table).content.decode()
    assert "shared: 2" not in others
    assert "of Alice" in others


def test_an_invitation_is_taken_back(
    alice_client: Client, thing: Model, page: str
) -> None:
    alice_client.post(page, {"email": "new@example.com", "level": VIEW})
    take_back(alice_client, page)
    assert shared(alice_client, page) == []
    newcomer = User.objects.create_user("new@example.com", "correct horse")
    Client().force_login(newcomer)
    assert not can(newcomer, "view", thing)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"email": "", "level": VIEW}, "email"),
        ({"email": "alice@example.com", "level": VIEW}, "email"),
        ({"email": "not an address", "level": VIEW}, "email"),
        ({"email": "bob@example.com"}, "level"),
        ({"email": "bob@example.com", "level": "own"}, "level"),
    ],
)
def test_what_makes_no_sense_is_said_at_the_field(
    alice_client: Client, thing: Model, page: str, data: dict[str, str], field: str
) -> None:
    assert list(errors(alice_client.post(page, data))) == [field]
    assert permissions.shares_of(thing) == {}


@pytest.mark.parametrize("level", list(Level))
def test_only_the_owner_shares(
    alice: User,
    bob: User,
    bob_client: Client,
    charlie_client: Client,
    thing: Model,
    page: str,
    level: Level,
) -> None:
    permissions.share(thing, to=bob, level=level, by=alice)
    data = {"email": "charlie@example.com", "level": CHANGE}
    remove = f"{page}remove/"
    for client, status in ((bob_client, 403), (charlie_client, 404)):
        assert client.get(page).status_code == status
        assert client.post(page, data).status_code == status
        answer = client.post(remove, {"email": bob.email})
        assert answer.status_code == status
    assert permissions.shares_of(thing) == {bob: level}


def test_a_key_that_is_no_share_takes_nothing_back(
    alice_client: Client, alice: User, bob: User, thing: Model, page: str
) -> None:
    permissions.share(thing, to=bob, level=Level.VIEW, by=alice)
    nobodys: list[dict[str, str]] = [
        {},
        {"email": "charlie@example.com"},
        {"email": "\0"},
        {"group": "999"},
        {"group": str(bob.pk)},
        {"group": "x" * 30},
    ]
    for data in nobodys:
        answer = alice_client.post(f"{page}remove/", data)
        assert answer["Location"] == page
    assert permissions.shares_of(thing) == {bob: Level.VIEW}
    assert alice_client.get(f"{page}remove/").status_code == 405


def test_who_has_what_with_which_right_is_on_the_audit_log(
    alice_client: Client, bob: User, page: str
) -> None:
    for email in (bob.email, "new@example.com"):
        alice_client.post(page, {"email": email, "level": VIEW})
        take_back(alice_client, page)
    log = AuditEntry.objects.filter(action__in=["shared", "unshared"]).order_by("pk")
    assert list(log.values_list("action", "reason")) == [
        ("shared", "bob@example.com: view"),
        ("unshared", "bob@example.com"),
        ("shared", "new@example.com: view"),
        ("unshared", "new@example.com"),
    ]
