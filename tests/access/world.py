"""One of everything, and one of everybody, for the matrix of access."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone

from mailings import lifecycle, tokens
from mailings.models import Canary, Mailing
from mailings.models import Client as Recipient
from tests import recipes
from tests.access.matrix import ROLES
from tests.access.urls import Route
from users import blocking, permissions
from users.models import User
from users.permissions import Level

# Arguments that are the key of what a page is about.
_OF_OBJECTS = dict.fromkeys(("pk", "object_id", "name"), True)


@dataclass
class World:
    browsers: dict[str, Client]
    keys: dict[str, Any]  # what stands for an argument, by the beginning of a name
    letters: dict[str, str]  # values that a form may be sent
    cookies: dict[str, str]  # of each role's session

    def as_before(self, role: str) -> Client:
        """The role's browser with the cookie that it began with, and no other."""
        browser = self.browsers[role]
        browser.cookies.clear()
        if role in self.cookies:
            browser.cookies[settings.SESSION_COOKIE_NAME] = self.cookies[role]
        return browser

    def address_arguments(self, route: Route) -> dict[str, Any]:
        """The key of the object that a page of this name is about."""
        return {name: self._argument(route.name, name) for name in route.arguments}

    def _argument(self, route: str, argument: str) -> Any:
        fitting = [
            key
            for key in self.keys
            if route.startswith(key.partition("/")[0])
            and (key.partition("/")[2] or _OF_OBJECTS.get(argument)) in (argument, True)
        ]
        return self.keys[max(fitting, key=lambda key: len(key.partition("/")[0]))]


def build(outbox: Path) -> World:
    people = {name: _person(name) for name in ROLES[1:]}
    people["manager"].groups.add(Group.objects.get(name="Managers"))
    User.objects.filter(pk=people["admin"].pk).update(is_staff=True, is_superuser=True)
    people["admin"].refresh_from_db()
    target = _person("target")
    barred = _person("barred")
    owner = people["owner"]
    client = recipes.client(owner)
    client_list = recipes.client_list(owner)
    client_list.clients.add(client)
    mailing = recipes.mailing(
        owner,
        all_clients=True,
        start_at=timezone.now(),
        end_at=timezone.now() + timedelta(days=1),
    )
    held = recipes.mailing(owner)
    lifecycle.hold(held, by=people["admin"], reason="Complaints")
    paused = recipes.mailing(owner)
    lifecycle.pause(paused, by=owner)
    assert mailing.message is not None
    file = recipes.attachment(mailing.message)
    run = recipes.run(mailing, accepted=1, refused=1)
    run.attachments.add(file)
    delivery = run.deliveries.latest("pk")
    outbox.mkdir(parents=True)
    (outbox / f"1700000000000000000-{delivery.pk}.eml").write_text("Subject: Hi\n\nHi")
    for thing in (mailing, paused, mailing.message, client_list):
        assert thing is not None
        for name, level in (("viewer", Level.VIEW), ("editor", Level.CHANGE)):
            permissions.share(thing, to=people[name], level=level, by=owner)
    now = timezone.now()
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=now)
    # From far away: this machine may know more.
    browsers = {name: Client(REMOTE_ADDR="203.0.113.9") for name in ROLES}
    for name, person in people.items():
        browsers[name].force_login(person)
    blocking.block(people["blocked"], by=people["admin"], reason="Spam")
    blocking.block(barred, by=people["admin"], reason="Spam")
    people["admin"].groups.add(Group.objects.create(name="Press"))
    keys = _keys(
        client=client,
        client_list=client_list,
        mailing=mailing,
        held=held,
        paused=paused,
        delivery=delivery,
        file=file,
        target=target,
        barred=barred,
    )
    cookies = {
        name: browsers[name].cookies[settings.SESSION_COOKIE_NAME].value
        for name in people
    }
    return World(browsers, keys, _letters(mailing, client), cookies)


def _person(name: str) -> User:
    user = User.objects.create_user(f"{name}@example.com", "correct horse")
    user.vouch()
    return user


def _keys(**of: Any) -> dict[str, Any]:
    message = of["mailing"].message
    attempt = of["delivery"].attempts.get()
    group = Group.objects.get(name="Press")
    mail = f"1700000000000000000-{of['delivery'].pk}"
    return {
        "mailings:client": of["client"].pk,
        "mailings:import": recipes.uploaded(of["client"].owner).pk,
        "mailings:list": of["client_list"].pk,
        "mailings:suppression": recipes.suppression(of["client"].owner).pk,
        "mailings:unsubscribe/token": tokens.token(tokens.OF_TESTS, 1),
        "mailings:message": message.pk,
        "mailings:message/attachment": of["file"].pk,
        "mailings:run/attachment": of["file"].pk,
        "mailings:mailing": of["mailing"].pk,
        "mailings:mailing-resume": of["paused"].pk,
        "mailings:run": of["delivery"].run_id,
        "mailings:delivery": of["delivery"].pk,
        "mailings:outbox": mail,
        "reports:mailing": of["mailing"].pk,
        "reports:run": of["delivery"].run_id,
        "reports:client": of["client"].pk,
        "reports:manage-mailing": of["mailing"].pk,
        "reports:manage-mailing-release": of["held"].pk,
        "reports:manage-user": of["target"].pk,
        "reports:manage-user-unblock": of["barred"].pk,
        "account_confirm_email/key": "no-such-key",
        "account_reset_password_from_key/uidb36": "1",
        "account_reset_password_from_key/key": "no-such-key",
        "admin:/object_id": 999_999,
        "admin:/id": of["target"].pk,
        "admin:/content_type_id": ContentType.objects.get_for_model(Mailing).pk,
        "admin:/app_label": "mailings",
        "admin:/url": "nothing",
        "admin:auth_group": group.pk,
        "admin:users_user": of["target"].pk,
        "admin:mailings_client_": of["client"].pk,
        "admin:mailings_clientlist_": of["client_list"].pk,
        "admin:mailings_message_": message.pk,
        "admin:mailings_mailing_": of["mailing"].pk,
        "admin:mailings_run_": of["delivery"].run_id,
        "admin:mailings_delivery_": of["delivery"].pk,
        "admin:mailings_attempt_": attempt.pk,
    }


def _letters(mailing: Mailing, client: Recipient) -> dict[str, str]:
    """One set of values for all forms: each takes what it knows."""
    return {
        "title": "Changed",
        "name": "Changed",
        "subject": "Changed",
        "body": "Changed",
        "email": "changed@example.com",
        "full_name": "Changed",
        "message": str(mailing.message_id),
        "all_clients": "on",
        "start_at_0": "2030-01-01",
        "start_at_1": "09:00",
        "start_at": "2030-01-01T09:00",
        "end_at": "2030-02-01T09:00",
        "end_at_0": "2030-02-01",
        "end_at_1": "09:00",
        "periodicity": "once",
        "key": "7c1f9c55-0d53-4ad1-9f2c-6a1c5a8e3f10",
        "timezone": "UTC",
        "language": "ru",
        "clients": str(client.pk),
        "everybody": "on",
        "reason": "Because",
        "confirmed": "1",
        "level": "change",
        "failures_chosen": "refused",
        "q": "",
    }
