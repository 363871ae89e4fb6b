"""A blocked user is out at once, everywhere, and stays out with the old cookie."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from users import blocking
from users.blocking import NotAllowed
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db

People = Callable[[str], User]


def status(client: Client) -> int:
    return client.get(reverse("mailings:mailing-list")).status_code


def test_a_blocked_user_is_out_at_the_next_request(
    alice: User, alice_client: Client, manager: User
) -> None:
    assert status(alice_client) == 200
    blocking.block(alice, by=manager, reason="Spam")
    assert status(alice_client) == 302


def test_an_old_cookie_stays_dead_after_unblocking(
    alice: User, alice_client: Client, manager: User
) -> None:
    assert status(alice_client) == 200
    blocking.block(alice, by=manager, reason="Spam")
    blocking.unblock(alice, by=manager, reason="Sorry")
    assert status(alice_client) == 302
    fresh = Client()
    fresh.force_login(User.objects.get(pk=alice.pk))
    assert status(fresh) == 200


def test_a_block_is_recorded_with_author_time_and_reason(
    alice: User, manager: User
) -> None:
    blocking.block(alice, by=manager, reason="  Spam  ")
    alice.refresh_from_db()
    assert (alice.is_active, alice.blocked_by, alice.block_reason) == (
        False,
        manager,
        "Spam",
    )
    assert alice.blocked_at is not None
    blocking.unblock(alice, by=manager, reason="Sorry")
    log = AuditEntry.objects.order_by("pk").values_list(
        "action", "actor_email", "object_name", "reason"
    )
    assert list(log) == [
        ("user_blocked", "manager@example.com", "Alice", "Spam"),
        ("user_unblocked", "manager@example.com", "Alice", "Sorry"),
    ]


def test_a_block_wants_a_reason(alice: User, manager: User) -> None:
    with pytest.raises(NotAllowed, match="Say why"):
        blocking.block(alice, by=manager, reason=" ")


def test_nobody_is_blocked_or_unblocked_twice(alice: User, manager: User) -> None:
    with pytest.raises(NotAllowed, match="not blocked"):
        blocking.unblock(alice, by=manager, reason="Sorry")
    blocking.block(alice, by=manager, reason="Spam")
    with pytest.raises(NotAllowed, match="already"):
        blocking.block(alice, by=manager, reason="Spam")


@pytest.mark.parametrize(
    ("who", "whom", "words"),
    [
        ("alice", "bob", "may not block"),
        ("manager", "manager", "yourself"),
        ("manager", "admin", "Administrators"),
        ("admin", "admin", "yourself"),
    ],
)
def test_not_everybody_may_block_everybody(
    who: str, whom: str, words: str, request: pytest.FixtureRequest
) -> None:
    by, user = request.getfixturevalue(who), request.getfixturevalue(whom)
    assert not blocking.may_block(by, user)
    with pytest.raises(NotAllowed, match=words):
        blocking.block(user, by=by, reason="Spam")
    user.refresh_from_db()
    assert user.is_active


def test_managers_are_blocked_by_administrators_only(
    manager: User, admin: User, bob: User
) -> None:
    bob.user_permissions.add(Permission.objects.get(codename="block_user"))
    with pytest.raises(NotAllowed, match="administrator"):
        blocking.block(bob, by=manager, reason="Rivalry")
    blocking.block(bob, by=admin, reason="Rivalry")
    bob.refresh_from_db()
    assert bob.is_blocked
