"""The owner shares, sees with whom, takes back; who may not, can't."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests import recipes
from users import permissions
from users.models import AuditEntry, User
from users.permissions import Level, can

pytestmark = pytest.mark.django_db

Make = Callable[[User], Model]

KINDS: dict[str, Make] = {
    "mailing": recipes.mailing,
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
    shares = [share for share, _ in client.get(page).context["shares"]]
    return [(share.kind, share.name, share.may_change) for share in shares]


def take_back(client: Client, page: str, number: int = 0) -> Any:
    address = client.get(page).context["shares"][number][1]
    return client.post(address)


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
        row = html[
            html.index("list-group-item") : html.index(
                "<form", html.index("list-group-item")
            )
        ]
        rows.append(row.replace(email, "…"))
        take_back(alice_client, page)
    assert rows[0] == rows[1]


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
    remove = f"{page}user/{bob.pk}/remove/"
    for client, status in ((bob_client, 403), (charlie_client, 404)):
        assert client.get(page).status_code == status
        assert client.post(page, data).status_code == status
        assert client.post(remove).status_code == status
    assert permissions.shares_of(thing) == {bob: level}


def test_a_key_that_is_no_share_takes_nothing_back(
    alice_client: Client, alice: User, bob: User, thing: Model, page: str
) -> None:
    permissions.share(thing, to=bob, level=Level.VIEW, by=alice)
    for kind in ("user", "group", "invitation", "nonsense"):
        answer = alice_client.post(f"{page}{kind}/999/remove/")
        assert answer["Location"] == page
    assert permissions.shares_of(thing) == {bob: Level.VIEW}
    assert alice_client.get(f"{page}user/{bob.pk}/remove/").status_code == 405


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
