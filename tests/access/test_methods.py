"""Nothing is changed without the token of our own forms, nor by a method of reading."""

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.access import world
from tests.access.snapshot import differences, picture
from tests.access.test_matrix import address_of
from tests.access.urls import all_routes
from tests.conftest import empty_cache

ROUTES = all_routes()
READING = ("head", "options")  # the matrix asks by GET
FOREIGN = ("put", "patch", "delete", "trace")


@pytest.fixture
def everything(tmp_path: Path, settings: Settings) -> world.World:
    settings.MAILCATCHER_ENABLED = True
    settings.MAILCATCHER_DIR = tmp_path / "caught"
    return world.build(tmp_path / "caught")


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["anonymous", "owner", "manager", "admin"])
def test_a_post_without_the_token_is_refused_everywhere(
    everything: world.World, role: str
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = everything.browsers[role].cookies
    before = picture()
    accepted = {}
    for route in ROUTES.values():
        empty_cache()
        answer = strict.post(address_of(route, everything), everything.letters)
        if answer.status_code != 403:
            accepted[route.name] = answer.status_code
    assert differences(before, picture()) == []
    # Only the button of mail programs (RFC 8058) has none: a key is in its address.
    assert accepted == {"mailings:unsubscribe": 200}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["owner", "admin"])
@pytest.mark.parametrize("method", [*READING, *FOREIGN])
def test_only_a_post_changes_anything(
    everything: world.World, role: str, method: str
) -> None:
    before = picture()
    everything.browsers[role].raise_request_exception = False
    for route in ROUTES.values():
        browser = everything.as_before(role)
        answer = getattr(browser, method)(address_of(route, everything))
        assert answer.status_code < 500, route.name
        assert (answer.status_code == 405) or method in READING, route.name
    assert differences(before, picture()) == []
