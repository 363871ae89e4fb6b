"""The ladder that every page stands on, as data."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.mailings.views.conftest import Things

LISTS = [
    "client-list",
    "client-create",
    "list-list",
    "list-create",
    "message-list",
    "message-create",
    "mailing-list",
    "mailing-create",
    "run-list",
    "outbox",
]
# name of the address -> whose key it takes
PAGES = {
    "client-detail": "client",
    "client-update": "client",
    "client-delete": "client",
    "list-detail": "list",
    "list-update": "list",
    "list-delete": "list",
    "list-candidates": "list",
    "message-detail": "message",
    "message-update": "message",
    "message-delete": "message",
    "mailing-detail": "mailing",
    "mailing-live": "mailing",
    "mailing-update": "mailing",
    "mailing-delete": "mailing",
    "run-detail": "run",
    "run-live": "run",
    "delivery-detail": "delivery",
}
POST_ONLY = {
    "list-add": "list",
    "list-remove": "list",
    "mailing-pause": "mailing",
    "mailing-resume": "mailing",
    "mailing-stop": "mailing",
    "mailing-send": "mailing",
}
CHANGING = {
    **POST_ONLY,
    **{
        name: thing
        for name, thing in PAGES.items()
        if name.endswith(("-update", "-delete"))
    },
}


def address(things: Things, name: str, thing: str) -> str:
    return reverse(f"mailings:{name}", args=[getattr(things, thing).pk])


@pytest.mark.parametrize("name", LISTS)
def test_a_list_answers_its_owner(
    alice_client: Client, things: Things, name: str
) -> None:
    assert alice_client.get(reverse(f"mailings:{name}")).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_a_list_sends_anonymous_to_sign_in(client: Client, db: None, name: str) -> None:
    url = reverse(f"mailings:{name}")
    answer = client.get(url)
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"{reverse('account_login')}?next={url}",
    )


@pytest.mark.parametrize(("name", "thing"), PAGES.items())
def test_a_page_answers_its_owner(
    alice_client: Client, things: Things, name: str, thing: str
) -> None:
    assert alice_client.get(address(things, name, thing)).status_code == 200


@pytest.mark.parametrize(("name", "thing"), PAGES.items())
def test_a_page_does_not_exist_for_a_stranger(
    charlie_client: Client, things: Things, name: str, thing: str
) -> None:
    assert charlie_client.get(address(things, name, thing)).status_code == 404


@pytest.mark.parametrize(("name", "thing"), PAGES.items())
def test_a_page_sends_anonymous_to_sign_in(
    client: Client, things: Things, name: str, thing: str
) -> None:
    answer = client.get(address(things, name, thing))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(("name", "thing"), CHANGING.items())
def test_a_stranger_changes_nothing(
    charlie_client: Client, things: Things, name: str, thing: str
) -> None:
    before = vars(getattr(things, thing)).copy()
    answer = charlie_client.post(address(things, name, thing), {"clients": ["1"]})
    row = getattr(things, thing)
    row.refresh_from_db()
    after = vars(row)
    del before["_state"]
    assert answer.status_code == 404
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(("name", "thing"), CHANGING.items())
def test_anonymous_changes_nothing(
    client: Client, things: Things, name: str, thing: str
) -> None:
    answer = client.post(address(things, name, thing))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(("name", "thing"), POST_ONLY.items())
def test_an_action_is_not_done_by_following_a_link(
    alice_client: Client, things: Things, name: str, thing: str
) -> None:
    assert alice_client.get(address(things, name, thing)).status_code == 405


@pytest.mark.parametrize("name", ["client-options", "list-options"])
def test_options_are_asked_for_by_post(alice_client: Client, name: str) -> None:
    assert alice_client.get(reverse(f"mailings:{name}")).status_code == 405


@pytest.mark.parametrize("key", ["0", "999999", "99999999999999999999999"])
def test_a_key_that_nobody_has_answers_404(alice_client: Client, key: str) -> None:
    url = reverse("mailings:client-list") + f"{key}/"
    assert alice_client.get(url).status_code == 404
