"""Who has the file of a finished run already is told so, without making it again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailings.models import Run
from mailings.retrying import Failure, retry_failed
from tests import recipes
from users import permissions
from users.models import AuditEntry, User
from users.permissions import Level

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(alice: User) -> Run:
    return recipes.run(recipes.mailing(alice), accepted=2, refused=1)


def ask(
    client: Client, run: Run, query: str = "export=csv", tag: str = "", page: str = ""
) -> Any:
    headers = {"If-None-Match": tag} if tag else {}
    address = page or run.get_absolute_url()
    answer: Any = client.get(f"{address}?{query}", headers=headers)
    if answer.streaming:
        b"".join(answer.streaming_content)  # to its end, which closes the file
    return answer


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_unchanged_is_said_without_reading_a_row_or_a_word_on_the_audit_log(
    alice_client: Client, run: Run, kind: str, django_assert_max_num_queries: Any
) -> None:
    first = ask(alice_client, run, f"export={kind}")
    assert first["Cache-Control"] == "private, no-cache"
    before = AuditEntry.objects.count()
    with django_assert_max_num_queries(5):  # session, user, rights (2), run
        again = ask(alice_client, run, f"export={kind}", first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert AuditEntry.objects.count() == before


def test_the_attempts_of_a_finished_run_are_the_same_file_until_it_is_tried_again(
    alice: User, alice_client: Client, run: Run
) -> None:
    page = reverse("reports:run-attempts", args=[run.pk])
    tag = ask(alice_client, run, page=page)["ETag"]
    assert ask(alice_client, run, tag=tag, page=page).status_code == 304
    retry_failed(run, by=alice, failures=[Failure.REFUSED])
    assert ask(alice_client, run, tag=tag, page=page).status_code == 200


def test_whatever_the_file_depends_on_makes_it_another(
    alice: User, alice_client: Client, run: Run
) -> None:
    tags = [ask(alice_client, run, query)["ETag"] for query in QUERIES]
    for change in ({"language": "ru"}, {"timezone": "Asia/Tokyo"}):
        type(alice).objects.update(**change)
        tags.append(ask(alice_client, run)["ETag"])
    assert len(set(tags)) == len(QUERIES) + 2


QUERIES = [
    "export=csv",
    "export=xlsx",
    "export=csv&state=refused",
    "export=csv&sort=email",
]


def test_a_run_that_goes_on_has_no_tag_and_another_one_when_it_is_done(
    alice: User, alice_client: Client, run: Run
) -> None:
    tag = ask(alice_client, run)["ETag"]
    retry_failed(run, by=alice, failures=[Failure.REFUSED])
    run.refresh_from_db()
    assert run.is_open
    moving = ask(alice_client, run, tag=tag)
    assert moving.status_code == 200
    assert "ETag" not in moving
    Run.objects.filter(pk=run.pk).update(
        state="finished", finished_at=timezone.now(), pending=0, refused=1
    )
    assert ask(alice_client, run, tag=tag).status_code == 200


def test_a_tag_opens_no_door(
    alice: User, bob: User, alice_client: Client, bob_client: Client, run: Run
) -> None:
    tag = ask(alice_client, run)["ETag"]
    assert ask(bob_client, run, tag=tag).status_code == 404
    permissions.share(run.mailing, to=bob, level=Level.VIEW, by=alice)
    assert ask(bob_client, run, tag=tag).status_code == 200
