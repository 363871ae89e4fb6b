"""Many rows by one statement fail like one row does."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from mailings.delivery import outage
from mailings.models import Client
from mailsvc.many import insert
from users.models import User

pytestmark = pytest.mark.django_db

COLUMNS = ("owner_id", "email", "full_name", "comment", "created_at")


def test_all_rows_are_there_with_what_they_were_given(alice: User) -> None:
    now = timezone.now()
    people = [(alice.pk, f"c{n}@example.com", f"Имя\t{n}\\", "", now) for n in range(3)]
    insert(Client, COLUMNS, people)
    assert list(Client.objects.order_by("pk").values_list(*COLUMNS)) == people


def test_a_row_that_is_there_already_is_an_error_of_djangos(alice: User) -> None:
    row = (alice.pk, "a@example.com", "Anna", "", timezone.now())
    insert(Client, COLUMNS, [row])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Client, COLUMNS, [row])


class Cut(Sequence[tuple[object, ...]]):
    """Rows during which the connection is cut from outside."""

    def __init__(self, row: tuple[object, ...]) -> None:
        self._row = row

    def __len__(self) -> int:
        return 100_000

    def __getitem__(self, index: Any) -> Any:
        if index == 1:
            _cut_off()
        if index >= len(self):
            raise IndexError
        return self._row


def _cut_off() -> None:
    ours = connection.connection.info
    with psycopg.connect(ours.dsn, password=ours.password) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [ours.backend_pid])


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_amid_the_rows_is_what_everybody_waits_for(
    alice: User,
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to cut")
    row = (alice.pk, "a@example.com", "Anna", "", timezone.now())
    try:
        with pytest.raises(outage.AWAY):
            insert(Client, COLUMNS, Cut(row))
    finally:
        connection.close()
