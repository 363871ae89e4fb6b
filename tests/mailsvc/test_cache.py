import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.core.cache import cache as django_cache
from pytest_django.fixtures import Settings

from mailsvc import cache
from tests.conftest import empty_cache


@pytest.fixture
def count() -> Callable[[], int]:
    """Says how often it was called."""
    calls: Counter[str] = Counter()

    def compute() -> int:
        calls["all"] += 1
        return calls["all"]

    return compute


def ask(count: Callable[[], int], **values: object) -> int:
    options = {"reader": 1, "owner": 1} | values
    return cache.remember("totals", count, **options).value  # type: ignore[arg-type]


def test_what_was_computed_is_remembered_with_its_moment(
    count: Callable[[], int],
) -> None:
    before = time.time()
    first = cache.remember("totals", count, reader=1, owner=1)
    again = cache.remember("totals", count, reader=1, owner=1)
    assert first == again
    assert before <= first.at.timestamp() <= time.time()


@pytest.mark.parametrize(
    "other", [{"reader": 2}, {"owner": 2}, {"question": ("status", "held")}]
)
def test_another_reader_owner_or_question_gets_its_own(
    count: Callable[[], int], other: dict[str, object]
) -> None:
    assert ask(count) == 1
    assert ask(count, **other) == 2
    assert ask(count) == 1


def test_a_change_makes_the_owners_figures_and_everybodys_old(
    count: Callable[[], int],
) -> None:
    for owner in (1, 2, cache.EVERYBODY):
        ask(count, owner=owner)
    cache.changed(1)
    assert ask(count, owner=2) == 2
    assert ask(count, owner=1) == 4
    assert ask(count, owner=cache.EVERYBODY) == 5


def test_figures_grow_old(count: Callable[[], int]) -> None:
    assert ask(count, seconds=0.05) == 1
    time.sleep(0.06)
    assert ask(count, seconds=0.05) == 2


def test_who_asks_for_a_refresh_gets_it_but_not_twice_a_second(
    count: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(count) == 1
    assert ask(count, refresh=True) == 1
    monkeypatch.setattr(cache, "_FRESH", 0.0)
    assert ask(count, refresh=True) == 2


def test_of_twenty_at_once_one_computes() -> None:
    calls = []

    def slow() -> str:
        calls.append(1)
        time.sleep(0.3)
        return "done"

    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(
                cache.remember("slow", slow, reader=1, owner=1).value
            )
        )
        for _ in range(20)
    ]
    django_cache.get_or_set("generation:1", "x")  # they share a generation
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["done"] * 20
    assert len(calls) == 1


def test_while_one_computes_the_others_get_the_old_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "_FRESH", 0.0)
    cache.remember("slow", lambda: "old", reader=1, owner=1)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        go_on.wait(5)
        return "new"

    def refresh() -> None:
        cache.remember("slow", slow, reader=1, owner=1, refresh=True)

    thread = threading.Thread(target=refresh)
    thread.start()
    begun.wait(5)
    found = cache.remember("slow", lambda: "mine", reader=1, owner=1, refresh=True)
    go_on.set()
    thread.join()
    assert found.value == "old"


def test_without_redis_everything_is_computed_at_once(
    settings: Settings, count: Callable[[], int]
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "mailsvc.patient_redis.Cache",
            "LOCATION": "redis://127.0.0.1:1/0",  # nobody listens there
            "OPTIONS": {
                "IGNORE_EXCEPTIONS": True,
                "REDIS_CLIENT_CLASS": "mailsvc.patient_redis.Connection",
                "SOCKET_CONNECT_TIMEOUT": 1,
            },
        }
    }
    begun = time.monotonic()
    assert ask(count) == 1
    assert ask(count) == 2
    cache.changed(1)
    assert time.monotonic() - begun < 2
    del settings.CACHES
    empty_cache()
