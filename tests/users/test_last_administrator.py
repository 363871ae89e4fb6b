"""There is always one administrator who gets to the admin site."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from users import managing
from users.blocking import NotAllowed
from users.models import User


def deleted(user: User, by: User) -> None:
    managing.delete_user(user, by=by, reason="Gone")


def demoted(user: User, by: User) -> None:
    user.is_superuser = False
    managing.save_on_admin_site(user, by=by)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [deleted, demoted])
@pytest.mark.parametrize("second", [deleted, demoted])
def test_two_that_remove_each_other_at_once_do_not_both_succeed(
    first: Callable[[User, User], None], second: Callable[[User, User], None]
) -> None:
    ann = User.objects.create_superuser("ann@example.com")
    ben = User.objects.create_superuser("ben@example.com")
    start, refusals = threading.Barrier(2), []

    def go(verb: Callable[[User, User], None], user: User, by: User) -> None:
        start.wait()
        try:
            verb(user, by)
        except NotAllowed as refusal:
            refusals.append(str(refusal))
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=go, args=(first, User.objects.get(pk=ben.pk), ann)),
        threading.Thread(target=go, args=(second, User.objects.get(pk=ann.pk), ben)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
    assert refusals == ["The last administrator can't be removed."]


@pytest.mark.django_db
@pytest.mark.parametrize("verb", [deleted, demoted])
def test_who_can_not_use_the_admin_site_is_no_other_administrator(
    admin: User, verb: Callable[[User, User], None]
) -> None:
    other = User.objects.create_superuser("other@example.com")
    User.objects.filter(pk=other.pk).update(is_staff=False)
    other.refresh_from_db()
    with pytest.raises(NotAllowed, match="last administrator"):
        verb(User.objects.get(pk=admin.pk), other)
