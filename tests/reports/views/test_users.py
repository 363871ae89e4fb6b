from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from mailings.models import Client as Recipient
from mailings.models import Delivery, Mailing, Run
from tests import recipes
from users import audit, blocking, mails
from users.models import AccountMail, AuditEntry, User

USERS = "/manage/users/"
NEW = "/manage/users/new/"
FRAME = 4


def address(verb: str, user: User) -> str:
    return reverse(f"reports:manage-user-{verb}", args=[user.pk])


def page_of(user: User) -> str:
    return reverse("reports:manage-user", args=[user.pk])


def found(client: Client, query: str = "") -> list[str]:
    rows = client.get(f"{USERS}{query}").context["table"].paginated_rows
    return [row.record.email.partition("@")[0] for row in rows]


# --- the list ---


def test_all_users_are_there_with_what_they_do(
    manager_client: Client, alice: User, bob: User
) -> None:
    recipes.mailing(alice, status="running")
    recipes.mailing(alice, status="finished")
    audit.record(AuditEntry.Action.MAILING_LAUNCHED, by=alice)
    launched = AuditEntry.objects.get(action="mailing_launched").at
    rows = manager_client.get(USERS).context["table"].paginated_rows
    figures = {
        row.record.email: (
            row.record.mailing_count,
            row.record.unfinished_count,
            row.record.last_active,
        )
        for row in rows
    }
    assert figures["alice@example.com"] == (2, 1, launched)
    assert figures["bob@example.com"] == (0, 0, None)
    signed_in = AuditEntry.objects.get(action="signed_in").at
    assert figures["manager@example.com"] == (0, 0, signed_in)


def test_the_newer_of_sign_in_and_deed_is_the_last_activity(
    manager_client: Client, manager: User
) -> None:
    audit.record(AuditEntry.Action.EXPORTED, by=manager)
    context = manager_client.get(page_of(manager)).context
    assert context["person"].last_active == AuditEntry.objects.latest("at").at


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["alice", "bob", "charlie", "manager"]),
        ("?q=BOB", ["bob"]),
        ("?state=active", ["bob", "manager"]),
        ("?state=blocked", ["alice"]),
        ("?state=off", ["charlie"]),
        ("?sort=-email", ["manager", "charlie", "bob", "alice"]),
        ("?sort=-unfinished_count&q=b", ["bob"]),
    ],
)
def test_users_are_found_and_sorted(
    manager: User,
    manager_client: Client,
    alice: User,
    bob: User,
    charlie: User,
    query: str,
    names: list[str],
) -> None:
    blocking.block(alice, by=manager, reason="Spam")
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    assert found(manager_client, query) == names


def test_users_are_found_by_role(manager_client: Client, alice: User) -> None:
    role = Group.objects.get(name="Managers").pk
    assert found(manager_client, f"?role={role}") == ["manager"]


def test_a_block_is_shown_with_time_author_and_reason(
    manager: User, manager_client: Client, alice: User
) -> None:
    blocking.block(alice, by=manager, reason="Spam <b>")
    for url in (USERS, page_of(alice)):
        page = manager_client.get(url).content.decode()
        assert "Spam &lt;b&gt;" in page
        assert "manager@example.com" in page
        assert "bg-danger-subtle" in page


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_with_one_row_and_with_three(
    manager: User,
    manager_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    for number in range(rows):
        user = User.objects.create_user(f"u{number}@example.com")
        recipes.run(recipes.mailing(user), accepted=1)
        user.groups.add(Group.objects.create(name=f"G{number}"))
        if number:
            blocking.block(user, by=manager, reason="Spam")
    # Count, rows, their groups; the roles to choose from.
    with django_assert_num_queries(FRAME + 4):
        assert manager_client.get(USERS).status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_of_a_user_costs_the_same_with_one_row_and_with_three(
    manager: User,
    manager_client: Client,
    alice: User,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    for _ in range(rows):
        recipes.run(recipes.mailing(alice), accepted=1)
        audit.record(AuditEntry.Action.USER_CHANGED, by=manager, on=alice)
    # The user, their roles and powers (twice), mailings, entries.
    with django_assert_num_queries(FRAME + 6):
        assert manager_client.get(page_of(alice)).status_code == 200


# --- block and unblock ---


def test_the_page_names_what_a_block_stops(manager_client: Client, alice: User) -> None:
    for status in ("running", "created", "created", "finished"):
        recipes.mailing(alice, status=status)
    page = manager_client.get(address("block", alice)).content.decode()
    assert "3 mailings stop." in page


def test_a_user_is_blocked_with_a_reason_and_unblocked(
    manager: User, manager_client: Client, alice: User, alice_client: Client
) -> None:
    assert alice_client.get("/").status_code == 200
    answer = manager_client.post(address("block", alice), {"reason": " Spam "})
    assert answer["Location"] == page_of(alice)
    alice.refresh_from_db()
    assert (alice.is_active, alice.blocked_by, alice.block_reason) == (
        False,
        manager,
        "Spam",
    )
    assert alice_client.get("/").status_code == 302
    assert manager_client.get(address("unblock", alice)).status_code == 200
    alice.refresh_from_db()
    assert alice.is_blocked
    blank = manager_client.post(address("unblock", alice), {"reason": " "})
    assert list(blank.context["form"].errors) == ["reason"]
    answer = manager_client.post(address("unblock", alice), {"reason": "A mistake"})
    assert answer["Location"] == page_of(alice)
    alice.refresh_from_db()
    assert alice.is_active
    log = AuditEntry.objects.filter(object_id=alice.pk).exclude(action="signed_in")
    log = log.order_by("pk")
    assert list(log.values_list("action", "actor_email", "reason")) == [
        ("user_blocked", "manager@example.com", "Spam"),
        ("user_unblocked", "manager@example.com", "A mistake"),
    ]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"])
def test_a_block_wants_a_reason_at_its_field(
    manager_client: Client, alice: User, reason: str
) -> None:
    answer = manager_client.post(address("block", alice), {"reason": reason})
    assert list(answer.context["form"].errors) == ["reason"]
    alice.refresh_from_db()
    assert not alice.is_blocked


def test_blocking_and_unblocking_twice_says_why_not(
    manager_client: Client, alice: User
) -> None:
    answer = manager_client.post(address("unblock", alice), {"reason": "Sorry"})
    assert answer.context["form"].non_field_errors() == ["The user is not blocked."]
    manager_client.post(address("block", alice), {"reason": "Spam"})
    answer = manager_client.post(address("block", alice), {"reason": "Spam"})
    assert answer.context["form"].non_field_errors() == ["The user is blocked already."]


# --- create ---


@pytest.fixture
def _mail_stays_here(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.mark.usefixtures("_mail_stays_here")
def test_a_new_user_sets_the_password_by_mail_and_signs_in(
    manager_client: Client, client: Client, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = manager_client.post(
            NEW, {"email": "New@Example.com", "full_name": "New"}
        )
    user = User.objects.get(email="new@example.com")
    assert answer["Location"] == page_of(user)
    assert not user.has_usable_password()
    assert list(user.groups.all()) == []
    addresses = EmailAddress.objects.filter(user=user, verified=True, primary=True)
    assert addresses.get().email == "new@example.com"
    mails.send_due(timezone.now() + timedelta(minutes=1))
    assert [message.to for message in mail.outbox] == [["new@example.com"]]
    link = next(w for w in mail.outbox[0].body.split() if "/password/reset/key/" in w)
    form = client.get(link, follow=True)
    words = {"password1": "quite long 1", "password2": "quite long 1"}
    client.post(form.redirect_chain[-1][0], words)
    login = {"login": "new@example.com", "password": "quite long 1"}
    assert client.post(reverse("account_login"), login).status_code == 302
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("_mail_stays_here")
@pytest.mark.parametrize(
    "email", ["", "nobody", "ALICE@example.com", "Second@Example.com", "a\n@b.com"]
)
def test_the_address_of_a_new_user_is_free_and_sound(
    manager_client: Client, alice: User, email: str
) -> None:
    EmailAddress.objects.create(user=alice, email="second@example.com")
    answer = manager_client.post(NEW, {"email": email})
    assert list(answer.context["form"].errors) == ["email"]
    assert User.objects.count() == 2
    assert mail.outbox == []


@pytest.mark.usefixtures("_mail_stays_here")
def test_a_name_is_one_line(manager_client: Client) -> None:
    data = {"email": "new@example.com", "full_name": "New\x0bBcc: x"}
    answer = manager_client.post(NEW, data)
    assert list(answer.context["form"].errors) == ["full_name"]


def test_a_mail_server_that_is_away_keeps_nobody_waiting(
    manager_client: Client, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 9  # nobody listens there
    answer = manager_client.post(NEW, {"email": "new@example.com"})
    assert answer["Location"] == page_of(User.objects.get(email="new@example.com"))
    assert not mails.send(AccountMail.objects.get().pk)
    assert AccountMail.objects.get().to == "new@example.com"


# --- edit ---


def test_a_user_is_edited(manager_client: Client, alice: User) -> None:
    data = {"full_name": "Alice B.", "timezone": "Europe/Moscow", "language": "ru"}
    answer = manager_client.post(address("update", alice), data)
    assert answer["Location"] == page_of(alice)
    alice.refresh_from_db()
    assert (alice.full_name, str(alice.timezone), alice.language) == (
        "Alice B.",
        "Europe/Moscow",
        "ru",
    )
    assert alice.email == "alice@example.com"
    entry = AuditEntry.objects.get(action="user_changed")
    assert "Alice → Alice B." in entry.reason


def test_nothing_changed_is_nothing_on_record(
    manager_client: Client, alice: User
) -> None:
    data = {"full_name": "Alice", "timezone": "UTC", "language": ""}
    assert manager_client.post(address("update", alice), data).status_code == 302
    assert not AuditEntry.objects.filter(object_id=alice.pk).exists()


def test_roles_are_granted_and_taken_by_administrators(
    admin_client: Client, manager_client: Client, alice: User
) -> None:
    role = Group.objects.get(name="Managers")
    data = {"full_name": "Alice", "timezone": "UTC", "language": ""}
    granting = data | {"groups": [role.pk]}
    # A manager is not even asked: what is posted all the same does nothing.
    assert manager_client.post(address("update", alice), granting).status_code == 302
    assert list(alice.groups.all()) == []
    assert admin_client.post(address("update", alice), granting).status_code == 302
    assert list(alice.groups.all()) == [role]
    assert admin_client.post(address("update", alice), data).status_code == 302
    assert list(alice.groups.all()) == []
    log = AuditEntry.objects.filter(action="roles_changed").order_by("pk")
    assert list(log.values_list("actor_email", "reason")) == [
        ("admin@example.com", "+ Managers"),
        ("admin@example.com", "− Managers"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("language", "xx"),
        ("full_name", "x" * 151),
        ("groups", ["999999"]),
    ],
)
def test_bad_values_are_refused_at_their_field(
    admin_client: Client, alice: User, name: str, value: object
) -> None:
    data = {"full_name": "Alice", "timezone": "UTC", "language": ""} | {name: value}
    answer = admin_client.post(address("update", alice), data)
    assert list(answer.context["form"].errors) == [name]


# --- delete ---


def test_the_page_says_what_goes_and_what_stays(
    manager_client: Client, alice: User
) -> None:
    recipes.run(recipes.mailing(alice), pending=1, accepted=2)
    belongings = manager_client.get(address("delete", alice)).context["belongings"]
    assert (belongings.clients, belongings.messages) == (3, 1)
    assert (belongings.mailings, belongings.unfinished, belongings.runs) == (1, 1, 1)


def test_a_user_is_deleted_and_the_history_stays(
    manager_client: Client, alice: User, alice_client: Client, admin_client: Client
) -> None:
    run = recipes.run(recipes.mailing(alice, title="News"), pending=1, accepted=2)
    assert alice_client.get("/").status_code == 200
    blank = manager_client.post(address("delete", alice), {"reason": ""})
    assert list(blank.context["form"].errors) == ["reason"]
    answer = manager_client.post(address("delete", alice), {"reason": "Has left"})
    assert answer["Location"] == USERS
    assert alice_client.get("/").status_code == 302
    assert "alice" not in found(manager_client)
    assert manager_client.get(page_of(alice)).status_code == 404
    assert manager_client.post(address("delete", alice)).status_code == 404
    assert Recipient.objects.count() == 0
    assert Mailing.objects.existing().count() == 0
    run = Run.objects.get(pk=run.pk)
    assert (run.planned, run.accepted, run.cancelled) == (3, 2, 1)
    assert Delivery.objects.filter(run=run).count() == 3
    entry = AuditEntry.objects.get(action="user_deleted")
    assert (entry.object_name, entry.reason) == (
        "Alice",
        "alice@example.com: Has left",
    )
    page = manager_client.get(run.get_absolute_url()).content.decode()
    assert "News" in page
    assert admin_client.get("/admin/users/user/").status_code == 200
