"""The fields above a table show what was asked for, and nothing of what others ask."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def search_box(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return page.split('name="q"', 1)[1].split(">", 1)[0]


def test_a_search_for_the_word_none_is_nobody_elses(
    alice_client: Client, charlie_client: Client
) -> None:
    assert 'value="None"' in search_box(alice_client, "/messages/?q=None")
    assert "value=" not in search_box(charlie_client, "/messages/")


def test_many_different_searches_are_each_shown(alice_client: Client) -> None:
    for number in range(210):
        text = f"news {number}"
        box = search_box(alice_client, f"/messages/?q={text}")
        assert f'value="{text}"' in box


def test_another_language_has_its_own_words(alice_client: Client) -> None:
    english = alice_client.get("/messages/").content.decode()
    alice_client.post("/i18n/setlang/", {"language": "ru"})
    russian = alice_client.get("/messages/").content.decode()
    assert 'placeholder="Search"' in english
    assert 'placeholder="Search"' not in russian
