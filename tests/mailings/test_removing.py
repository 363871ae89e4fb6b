"""Whoever deletes a list or a message leaves an entry on the audit log."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailings.models import ClientList, Message
from tests import recipes
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "model", "values"),
    [
        ("list", ClientList, {"name": "Friends"}),
        ("message", Message, {"subject": "Friends"}),
    ],
)
def test_a_deletion_is_on_the_audit_log(
    alice: User, alice_client: Client, kind: str, model: Any, values: dict[str, str]
) -> None:
    make = {"list": recipes.client_list, "message": recipes.message}[kind]
    thing = make(alice, **values)
    alice_client.post(reverse(f"mailings:{kind}-delete", args=[thing.pk]))
    assert not model.objects.exists()
    entry = AuditEntry.objects.get(action=f"{kind}_deleted")
    assert (entry.actor, entry.object_id, entry.object_name) == (
        alice,
        thing.pk,
        "Friends",
    )


def test_a_message_that_is_in_use_is_not_deleted_and_nothing_is_on_record(
    alice: User, alice_client: Client
) -> None:
    message = recipes.mailing(alice).message
    assert message is not None
    alice_client.post(reverse("mailings:message-delete", args=[message.pk]))
    assert Message.objects.get() == message
    assert not AuditEntry.objects.filter(action="message_deleted").exists()
