import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from mailings import lifecycle
from reports.tables import history_url
from tests import recipes
from users import audit, blocking, managing, permissions, roles
from users.models import AuditEntry, User

AUDIT = "/manage/audit/"
FRAME = 4
Action = AuditEntry.Action


def found(client: Client, query: str = "") -> list[str]:
    rows = client.get(f"{AUDIT}{query}").context["table"].paginated_rows
    actions = [row.record.action for row in rows]
    return [action for action in actions if action != Action.SIGNED_IN]


@pytest.fixture
def _history(alice: User, bob: User, manager: User) -> None:
    with time_machine.travel("2026-03-01 12:00Z", tick=False):
        audit.record(Action.USER_CREATED, by=manager, on=alice)
    with time_machine.travel("2026-03-02 12:00Z", tick=False):
        audit.record(Action.SIGN_IN_FAILED, by=None)
    with time_machine.travel("2026-03-03 12:00Z", tick=False):
        audit.record(Action.USER_CHANGED, by=manager, on=bob, reason="Wedding")


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("", ["user_changed", "sign_in_failed", "user_created"]),
        ("?who=MANAGER", ["user_changed", "user_created"]),
        ("?action=user_created", ["user_created"]),
        ("?q=bob", ["user_changed"]),
        ("?q=wedding", ["user_changed"]),
        ("?since=2026-03-02", ["user_changed", "sign_in_failed"]),
        ("?until=2026-03-02", ["sign_in_failed", "user_created"]),
        ("?since=2026-03-02&until=2026-03-02", ["sign_in_failed"]),
        ("?object_type=users.user&action=user_changed", ["user_changed"]),
        ("?object_id=999999", []),
    ],
)
def test_entries_are_found(
    manager_client: Client, query: str, actions: list[str]
) -> None:
    assert found(manager_client, query) == actions


@pytest.mark.parametrize(
    "query",
    [
        "?since=yesterday",
        "?until=9999-12-31",
        "?object_id=99999999999999999999",
        "?object_id=-1",
        "?action=x",
        "?page=999",
    ],
)
def test_nonsense_in_the_address_breaks_nothing(
    manager_client: Client, query: str
) -> None:
    assert manager_client.get(f"{AUDIT}{query}").status_code in (200, 404)


def test_a_filter_in_use_marks_what_is_wrong_and_praises_nothing(
    manager_client: Client,
) -> None:
    page = manager_client.get(f"{AUDIT}?action=signed_in").content.decode()
    assert "is-valid" not in page
    page = manager_client.get(f"{AUDIT}?since=yesterday").content.decode()
    assert "is-invalid" in page


def test_an_object_has_its_history(
    manager: User, manager_client: Client, alice: User, bob: User
) -> None:
    mailing, other = recipes.mailing(alice), recipes.mailing(bob)
    lifecycle.hold(mailing, by=manager, reason="Spam")
    lifecycle.release(mailing, by=manager, reason="Checked")
    lifecycle.hold(other, by=manager, reason="Spam")
    blocking.block(alice, by=manager, reason="Spam")
    answer = manager_client.get(history_url(mailing))
    actions = [row.record.action for row in answer.context["table"].paginated_rows]
    assert actions == ["mailing_released", "mailing_held"]
    answer = manager_client.get(history_url(alice))
    actions = [row.record.action for row in answer.context["table"].paginated_rows]
    assert actions == ["user_blocked"]


def test_the_log_goes_by_pages(manager: User, manager_client: Client) -> None:
    for _ in range(30):
        audit.record(Action.EXPORTED, by=manager)
    assert len(found(manager_client, "?action=exported")) == 25
    assert len(found(manager_client, "?action=exported&page=2")) == 5


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_costs_the_same_with_one_row_and_with_three(
    manager: User,
    manager_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    for _ in range(rows):
        audit.record(Action.USER_CHANGED, by=manager, on=manager)
    with django_assert_num_queries(FRAME + 2):
        assert manager_client.get(AUDIT).status_code == 200


def test_the_log_is_there_to_read_only(manager: User, manager_client: Client) -> None:
    audit.record(Action.EXPORTED, by=manager)
    before = list(AuditEntry.objects.values())
    for method in ("post", "put", "patch", "delete"):
        assert getattr(manager_client, method)(AUDIT).status_code == 405
    assert list(AuditEntry.objects.values()) == before


def test_what_was_written_by_others_is_text(
    manager: User, manager_client: Client
) -> None:
    audit.record(Action.USER_CHANGED, by=manager, on=manager, reason="<b>x</b>")
    page = manager_client.get(AUDIT).content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_roles_and_levels_are_told_in_the_readers_language(
    admin: User, manager: User, manager_client: Client, alice: User, bob: User
) -> None:
    managers = Group.objects.get(name="Managers")
    managing.set_groups(bob, [managers], by=admin)
    message = recipes.message(alice)
    permissions.share(message, to=bob, level=permissions.Level.CHANGE, by=alice)
    permissions.share(message, to=managers, level=permissions.Level.VIEW, by=alice)
    roles.delete(managers, by=admin)
    User.objects.filter(pk=manager.pk).update(language="ru", is_superuser=True)
    rows = manager_client.get(AUDIT).context["table"].paginated_rows
    with translation.override("ru"):
        cells = [
            (row.get_cell("object_name"), row.get_cell("reason"))
            for row in rows
            if row.record.action != Action.SIGNED_IN
        ]
    assert cells == [
        ("группа: Менеджеры", "—"),
        (f"сообщение: {message}", "Менеджеры: видеть"),
        (f"сообщение: {message}", f"{bob.email}: видеть и изменять"),
        (f"пользователь: {bob}", "+ Менеджеры"),
    ]


def test_days_are_those_of_the_reader(manager: User, manager_client: Client) -> None:
    """11 p.m. in UTC is the next day in Moscow."""
    with time_machine.travel("2026-03-01 23:00Z", tick=False):
        audit.record(Action.EXPORTED, by=manager)
    assert found(manager_client, "?since=2026-03-02&action=exported") == []
    User.objects.filter(pk=manager.pk).update(timezone="Europe/Moscow")
    assert found(manager_client, "?since=2026-03-02&action=exported") == ["exported"]
