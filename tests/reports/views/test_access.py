"""The ladder of the managers' pages, as data."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from mailings.models import Mailing
from tests import recipes
from users.models import AuditEntry, User

# name of the address -> whose key it takes, the permission that it wants
PAGES = {
    "manage-mailings": (None, "view_all_mailings"),
    "manage-mailing-hold": ("mailing", "hold_mailing"),
    "manage-mailing-release": ("mailing", "hold_mailing"),
    "manage-users": (None, "view_all_users"),
    "manage-user-create": (None, "manage_users"),
    "manage-user": ("user", "view_all_users"),
    "manage-user-update": ("user", "manage_users"),
    "manage-user-delete": ("user", "manage_users"),
    "manage-user-block": ("user", "block_user"),
    "manage-user-unblock": ("user", "block_user"),
    "manage-user-history": ("user", "view_all_users"),
    "manage-audit": (None, "view_audit_log"),
}
OBJECT_PAGES = sorted(name for name, (kind, _) in PAGES.items() if kind)
USER_CHANGES = ["update", "delete", "block", "unblock"]


@pytest.fixture
def mailing(alice: User) -> Mailing:
    return recipes.mailing(alice, title="Greetings")


def address(name: str, mailing: Mailing) -> str:
    kind, _ = PAGES[name]
    keys = {"mailing": [mailing.pk], "user": [mailing.owner_id], None: []}
    return reverse(f"reports:{name}", args=keys[kind])


def picture() -> tuple[object, ...]:
    """What a refused request must leave as it is."""
    return (
        list(User.objects.order_by("pk").values()),
        list(Mailing.objects.order_by("pk").values()),
        AuditEntry.objects.count(),
    )


@pytest.mark.parametrize("name", PAGES)
def test_anonymous_visitors_are_sent_to_sign_in(
    client: Client, mailing: Mailing, name: str
) -> None:
    url, before = address(name, mailing), picture()
    for answer in (client.get(url), client.post(url, {"reason": "x"})):
        assert answer["Location"] == f"{reverse('account_login')}?next={url}"
    assert picture() == before


@pytest.mark.parametrize("name", PAGES)
def test_a_user_is_refused(
    alice_client: Client, bob_client: Client, mailing: Mailing, name: str
) -> None:
    """Alice, who owns the mailing, can neither hold nor release it."""
    url, before = address(name, mailing), picture()
    for client in (alice_client, bob_client):
        assert client.get(url).status_code == 403
        assert client.post(url, {"reason": "x"}).status_code == 403
    assert picture() == before


@pytest.mark.parametrize("name", PAGES)
def test_managers_and_administrators_get_in(
    manager_client: Client, admin_client: Client, mailing: Mailing, name: str
) -> None:
    url, before = address(name, mailing), picture()
    assert manager_client.get(url).status_code == 200
    assert admin_client.get(url).status_code == 200
    assert picture() == before


@pytest.mark.parametrize("name", PAGES)
def test_the_permission_decides_not_the_role(
    charlie: User, charlie_client: Client, mailing: Mailing, name: str
) -> None:
    _, codename = PAGES[name]
    others = {wanted for _, wanted in PAGES.values()} - {codename}
    for each in others:
        charlie.user_permissions.add(Permission.objects.get(codename=each))
    assert charlie_client.get(address(name, mailing)).status_code == 403
    # To hold a mailing one must see it, too.
    for each in {codename, "view_all_mailings"}:
        charlie.user_permissions.add(Permission.objects.get(codename=each))
    assert charlie_client.get(address(name, mailing)).status_code == 200


@pytest.mark.parametrize("name", OBJECT_PAGES)
def test_what_is_not_there_answers_404(manager_client: Client, name: str) -> None:
    url = reverse(f"reports:{name}", args=[999_999])
    assert manager_client.get(url).status_code == 404
    posted = manager_client.post(url, {"reason": "x"}).status_code
    assert posted == (405 if name in ("manage-user", "manage-user-history") else 404)


def test_who_may_hold_but_not_see_a_mailing_gets_404(
    charlie: User, charlie_client: Client, mailing: Mailing
) -> None:
    charlie.user_permissions.add(Permission.objects.get(codename="hold_mailing"))
    url = address("manage-mailing-hold", mailing)
    assert charlie_client.post(url, {"reason": "Spam"}).status_code == 404
    assert not Mailing.objects.get().is_held


@pytest.mark.parametrize("verb", USER_CHANGES)
@pytest.mark.parametrize("whom", ["admin", "manager", "other_manager"])
def test_managers_touch_neither_administrators_nor_managers_nor_themselves(
    request: pytest.FixtureRequest,
    manager: User,
    manager_client: Client,
    bob: User,
    verb: str,
    whom: str,
) -> None:
    bob.groups.set(manager.groups.all())
    user = bob if whom == "other_manager" else request.getfixturevalue(whom)
    url = reverse(f"reports:manage-user-{verb}", args=[user.pk])
    before = picture()
    assert manager_client.get(url).status_code == 403
    data = {"reason": "x", "full_name": "x", "timezone": "UTC"}
    assert manager_client.post(url, data).status_code == 403
    assert picture() == before
    page = manager_client.get(reverse("reports:manage-user", args=[user.pk]))
    assert url not in page.content.decode()


@pytest.mark.parametrize("verb", USER_CHANGES)
def test_an_administrator_touches_managers_but_not_themselves(
    admin: User, admin_client: Client, manager: User, verb: str
) -> None:
    url = reverse(f"reports:manage-user-{verb}", args=[manager.pk])
    assert admin_client.get(url).status_code == 200
    own = reverse(f"reports:manage-user-{verb}", args=[admin.pk])
    assert admin_client.get(own).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_a_block_ends_the_session_of_a_manager_too(
    admin: User, manager: User, manager_client: Client, mailing: Mailing, name: str
) -> None:
    url = address(name, mailing)
    assert manager_client.get(url).status_code == 200
    User.objects.filter(pk=manager.pk).update(is_active=False)
    assert manager_client.get(url).status_code == 302


USER_PAGES = ["", "edit/", "delete/", "block/", "history/"]


@pytest.mark.parametrize("page", USER_PAGES)
def test_the_menu_names_who_reads_the_page_and_nobody_else(
    manager: User, manager_client: Client, alice: User, page: str
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    answer = manager_client.get(f"/manage/users/{alice.pk}/{page}")
    assert answer.context["user"] == manager
    assert "/admin/" not in answer.content.decode()


@pytest.mark.parametrize("codename", ["manage_users", "block_user"])
def test_who_may_not_see_users_is_led_to_no_page_of_theirs(
    charlie: User, charlie_client: Client, alice: User, codename: str
) -> None:
    charlie.user_permissions.add(Permission.objects.get(codename=codename))
    deeds: dict[str, list[tuple[str, dict[str, str]]]] = {
        "manage_users": [
            ("new", {"email": "new@example.com"}),
            (f"{alice.pk}/edit", {"full_name": "Al", "timezone": "UTC"}),
            (f"{alice.pk}/delete", {"reason": "Gone"}),
        ],
        "block_user": [
            (f"{alice.pk}/block", {"reason": "Spam"}),
            (f"{alice.pk}/unblock", {"reason": "Sorry"}),
        ],
    }
    for path, data in deeds[codename]:
        page = charlie_client.get(f"/manage/users/{path}/").content.decode()
        assert 'href="/manage/users/' not in page
        answer = charlie_client.post(f"/manage/users/{path}/", data, follow=True)
        assert (answer.status_code, answer.redirect_chain[-1][0]) == (200, "/")


def test_the_way_there_is_shown_to_those_who_may_go(
    alice_client: Client, manager_client: Client
) -> None:
    way = f'href="{reverse("reports:manage-mailings")}"'
    assert way in manager_client.get(reverse("home")).content.decode()
    assert way not in alice_client.get(reverse("home")).content.decode()
