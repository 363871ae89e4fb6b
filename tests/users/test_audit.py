import pytest

from users import audit
from users.models import AuditEntry, User
from users.models.audit import AppendOnly

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(manager: User, alice: User) -> AuditEntry:
    audit.record(
        AuditEntry.Action.USER_CHANGED, by=manager, on=alice, reason="New name"
    )
    return AuditEntry.objects.get()


def test_the_log_keeps_the_names_of_who_is_gone(
    entry: AuditEntry, manager: User, alice: User
) -> None:
    manager.delete()
    alice.delete()
    entry.refresh_from_db()
    assert (entry.actor, entry.actor_email, entry.object_name) == (
        None,
        "manager@example.com",
        "Alice",
    )


def test_what_is_on_record_can_neither_be_changed_nor_removed(
    entry: AuditEntry,
) -> None:
    entry.reason = "Another"
    with pytest.raises(AppendOnly):
        entry.save()
    with pytest.raises(AppendOnly):
        entry.delete()
    with pytest.raises(AppendOnly):
        AuditEntry.objects.update(reason="Another")
    with pytest.raises(AppendOnly):
        AuditEntry.objects.all().delete()
    assert AuditEntry.objects.get().reason == "New name"
