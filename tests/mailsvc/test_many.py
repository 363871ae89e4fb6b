"""Many rows by one statement fail like one row does."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

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
