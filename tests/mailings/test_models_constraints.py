"""
The database itself refuses nonsense, whoever writes it and by whichever way.

Each named constraint has at least one violation here, and every violation is one
that no form or verb could stop: it is written by `create`, `update` or in bulk.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Model, QuerySet, UniqueConstraint
from django.utils import timezone

from mailings.models import (
    Attachment,
    Attempt,
    Canary,
    Circuit,
    Client,
    ClientList,
    Delivery,
    Draft,
    EndCount,
    Import,
    Installation,
    Mailing,
    Run,
    Suppression,
)
from tests import recipes
from users.models import User
from users.permissions import invitations

pytestmark = pytest.mark.django_db

Violation = Callable[[User], object]


def a_run(owner: User, **states: int) -> Run:
    return recipes.run(recipes.mailing(owner), **states)


def change(row: Model, **values: Any) -> int:
    """By `update`: neither the model's `save` nor its `clean` is asked."""
    queryset: QuerySet[Model] = type(row)._default_manager.filter(pk=row.pk)
    return queryset.update(**values)


def twin(row: Model, **values: Any) -> object:
    """The same row once more, in bulk."""
    fields = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.primary_key
    }
    return type(row)._default_manager.bulk_create([type(row)(**(fields | values))])


def invitation(obj: Model) -> Model:
    row: Model = invitations(type(obj)).create(
        content_object=obj, email="new@example.com", level="view"
    )
    return row


VIOLATIONS: dict[str, list[Violation]] = {
    "draft_once_per_author_and_message": [
        lambda alice: twin(
            Draft.objects.create(author=alice, message=recipes.message(alice))
        ),
    ],
    "draft_once_of_a_new_message": [
        lambda alice: twin(Draft.objects.create(author=alice)),
    ],
    "user_email_once": [
        lambda alice: twin(alice, email="ALICE@example.com"),
    ],
    "user_block_has_a_reason": [
        lambda alice: change(alice, blocked_at=timezone.now()),
        lambda alice: change(alice, block_reason="Spam", is_active=False),
        lambda alice: change(
            alice, blocked_at=timezone.now(), block_reason="Spam", is_active=True
        ),
    ],
    "user_deleted_has_no_power": [
        lambda alice: change(alice, deleted_at=timezone.now()),
        lambda alice: change(
            alice, deleted_at=timezone.now(), is_active=False, is_superuser=True
        ),
    ],
    "client_email_once_per_owner": [
        lambda alice: twin(recipes.client(alice, email="ann@example.com")),
        lambda alice: twin(
            recipes.client(alice, email="ann@example.com"), email="Ann@Example.com"
        ),
    ],
    "suppression_once_per_owner_and_address": [
        lambda alice: [
            recipes.suppression(alice, email="ann@example.com") for _ in range(2)
        ],
    ],
    "suppression_address_is_lower_case": [
        lambda alice: recipes.suppression(alice, email="Ann@example.com"),
    ],
    "suppression_kind_is_known": [
        lambda alice: recipes.suppression(alice, kind="complained"),
    ],
    "import_once_per_form": [
        lambda alice: twin(recipes.uploaded(alice)),
    ],
    "import_state_is_known": [
        lambda alice: change(recipes.uploaded(alice), state="lost"),
    ],
    "mailing_is_launched_once": [
        lambda alice: twin(recipes.mailing(alice, launch_key=uuid.uuid4())),
    ],
    "client_list_name_once_per_owner": [
        lambda alice: twin(recipes.client_list(alice, name="Friends"), name="FRIENDS"),
    ],
    "mailing_starts_before_it_ends": [
        lambda alice: change(recipes.mailing(alice), end_at=F("start_at")),
        lambda alice: change(
            recipes.mailing(alice), end_at=F("start_at") - timedelta(days=1)
        ),
        lambda alice: twin(
            recipes.mailing(alice), end_at=timezone.now() - timedelta(9)
        ),
    ],
    "mailing_status_is_known": [
        lambda alice: change(recipes.mailing(alice), status="paused"),
        lambda alice: change(recipes.mailing(alice), status=""),
    ],
    "mailing_periodicity_is_known": [
        lambda alice: change(recipes.mailing(alice), periodicity="yearly"),
    ],
    "mailing_when_unknown_is_known": [
        lambda alice: change(recipes.mailing(alice), when_unknown="sometimes"),
    ],
    "mailing_pause_reason_is_of_a_pause": [
        lambda alice: change(recipes.mailing(alice), pause_reason="554 Spam"),
    ],
    "mailing_hold_has_a_reason": [
        lambda alice: change(recipes.mailing(alice), held_at=timezone.now()),
        lambda alice: change(recipes.mailing(alice), hold_reason="spam"),
    ],
    "mailing_has_a_message_until_deleted": [
        lambda alice: change(recipes.mailing(alice), message=None),
    ],
    "run_once_per_occurrence": [
        lambda alice: twin(a_run(alice)),
    ],
    "run_state_is_known": [
        lambda alice: change(a_run(alice), state="paused"),
    ],
    "run_books_balance": [
        lambda alice: change(a_run(alice, pending=2), pending=1),
        lambda alice: change(a_run(alice, pending=2), accepted=1),
        lambda alice: change(a_run(alice), planned=1),
        lambda alice: twin(a_run(alice), scheduled_for=timezone.now(), unknown=1),
    ],
    "run_waits_for_a_reason": [
        lambda alice: change(a_run(alice), waits_because="Disk full"),
        lambda alice: change(a_run(alice), waits_until=timezone.now()),
    ],
    "run_finishes_when_nothing_is_open": [
        lambda alice: change(a_run(alice, pending=1), state="finished"),
        lambda alice: change(a_run(alice, sending=1), state="finished"),
        lambda alice: change(a_run(alice, deferred=1), state="missed"),
    ],
    "delivery_once_per_client_and_run": [
        lambda alice: twin(recipes.delivery(a_run(alice))),
    ],
    "delivery_state_is_known": [
        lambda alice: change(recipes.delivery(a_run(alice)), state="sent"),
    ],
    "delivery_is_leased_while_sending": [
        lambda alice: change(recipes.delivery(a_run(alice)), state="sending"),
        lambda alice: change(recipes.delivery(a_run(alice)), lease=recipes.lease()),
        lambda alice: change(recipes.delivery(a_run(alice), "sending"), lease=None),
        lambda alice: change(
            recipes.delivery(a_run(alice), "sending"), state="accepted"
        ),
    ],
    "attempt_number_once_per_delivery": [
        lambda alice: recipes.attempt(
            recipes.delivery(a_run(alice), "accepted"), number=1
        ),
    ],
    "attempt_outcome_is_known": [
        lambda alice: Attempt.objects.create(
            delivery=(made := recipes.delivery(a_run(alice))),
            run=made.run,
            number=1,
            started_at=timezone.now(),
            duration_ms=1,
            outcome="sent",
            phase="dot",
        ),
    ],
    "period_count_once_per_run": [
        lambda alice: twin(a_run(alice, accepted=1).period_counts.get()),
    ],
    "reply_count_once_per_run": [
        lambda alice: twin(a_run(alice, unknown=1).reply_counts.get()),
    ],
    "end_count_once_per_run": [
        lambda alice: twin(
            EndCount.objects.create(
                run=a_run(alice), state="expired", reason="window_over"
            )
        ),
    ],
    "clientlistinvitation_once_per_address": [
        lambda alice: twin(invitation(recipes.client_list(alice))),
    ],
    "messageinvitation_once_per_address": [
        lambda alice: twin(invitation(recipes.message(alice))),
    ],
    "mailinginvitation_once_per_address": [
        lambda alice: twin(invitation(recipes.mailing(alice))),
    ],
    "circuit_open_since_and_until": [
        lambda alice: Circuit.objects.create(server="mail:25", state="open"),
        lambda alice: Circuit.objects.create(
            server="mail:25", state="open", opened_at=timezone.now()
        ),
        lambda alice: Circuit.objects.create(
            server="mail:25", state="closed", probe_at=timezone.now()
        ),
        lambda alice: Circuit.objects.create(server="mail:25", state="half-open"),
    ],
    "canary_is_alone": [
        lambda alice: Canary.objects.create(pk=2),
    ],
    "attachment_has_a_name": [
        lambda alice: Attachment.objects.create(
            message=recipes.message(alice), name="", content=b"x", size=1
        ),
    ],
    "installation_is_alone": [
        lambda alice: Installation.objects.create(pk=2),
    ],
    "installation_is_held_by_a_host": [
        lambda alice: Installation.objects.create(pk=1, held_at=timezone.now()),
        lambda alice: Installation.objects.create(pk=1, held_by_host="mail-1"),
    ],
}

MODELS = [
    model
    for app in ("users", "mailings")
    for model in apps.get_app_config(app).get_models()
]
CONSTRAINTS = {
    constraint.name: (model, constraint)
    for model in MODELS
    for constraint in model._meta.constraints
}


def words_of_refusal(name: str) -> str:
    """What the database's error says about this constraint."""
    model, constraint = CONSTRAINTS[name]
    if (
        connection.vendor == "sqlite"
        and isinstance(constraint, UniqueConstraint)
        and constraint.fields
    ):
        # SQLite tells the columns instead of the name.
        columns = [model._meta.get_field(field).column for field in constraint.fields]
        return ", ".join(f"{model._meta.db_table}.{column}" for column in columns)
    return name


def test_every_constraint_is_put_to_the_test() -> None:
    assert VIOLATIONS.keys() == CONSTRAINTS.keys()


@pytest.mark.parametrize(
    ("name", "violate"),
    [
        pytest.param(name, violate, id=f"{name}-{number}")
        for name, violations in VIOLATIONS.items()
        for number, violate in enumerate(violations)
    ],
)
def test_the_database_refuses(name: str, violate: Violation, alice: User) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        violate(alice)
    assert words_of_refusal(name) in str(refusal.value)


# --- and no more than that ---


def test_two_owners_may_have_the_same_client_and_list(alice: User, bob: User) -> None:
    for owner in (alice, bob):
        recipes.client(owner, email="ann@example.com")
        recipes.client_list(owner, name="Friends")
    assert (Client.objects.count(), ClientList.objects.count()) == (2, 2)


def test_a_hold_with_a_reason_is_taken_and_given_back(alice: User) -> None:
    mailing = recipes.mailing(alice)
    assert change(mailing, held_at=timezone.now(), hold_reason="spam") == 1
    assert change(mailing, held_at=None, hold_reason="") == 1


def test_deliveries_of_deleted_clients_do_not_get_in_each_others_way(
    alice: User,
) -> None:
    run = a_run(alice, accepted=2)
    Client.objects.all().delete()
    assert list(run.deliveries.values_list("client", flat=True)) == [None, None]


@pytest.mark.parametrize("state", Delivery.State)
def test_every_state_of_the_design_is_known(alice: User, state: str) -> None:
    run = a_run(alice, **{state: 1})
    assert run.deliveries.get().state == state


@pytest.mark.parametrize("column", ["planned", "pending", "accepted", "attempts"])
def test_the_books_never_go_below_nothing(alice: User, column: str) -> None:
    run = a_run(alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        change(run, **{column: -1})


def test_the_enumerations_and_the_constraints_name_the_same_states() -> None:
    known = {
        "mailing_status_is_known": Mailing.Status,
        "mailing_periodicity_is_known": Mailing.Periodicity,
        "run_state_is_known": Run.State,
        "delivery_state_is_known": Delivery.State,
        "attempt_outcome_is_known": Attempt.Outcome,
        "suppression_kind_is_known": Suppression.Kind,
        "import_state_is_known": Import.State,
    }
    for name, enumeration in known.items():
        ((_, values),) = CONSTRAINTS[name][1].condition.children
        assert sorted(values) == sorted(enumeration.values)
