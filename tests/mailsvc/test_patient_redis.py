"""A Redis that takes connections and never answers costs a second, once."""

import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from mailsvc import patient_redis
from tests.conftest import PASSWORD
from tests.support.redis import Redis, why_not
from users.models import User

FIRST = 1.5  # seconds in which the first page answers; a second is the time-out
PAGE = reverse("reports:overview")  # it asks the cache six times


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if words := why_not():
        pytest.skip(words)
    with Redis(tmp_path) as server, override_settings(CACHES=server.caches):
        yield server


@pytest.fixture
def silent(redis: Redis) -> Redis:
    redis.signal(signal.SIGSTOP)
    return redis


def seconds_of(client: Client, page: str) -> float:
    began = time.monotonic()
    assert client.get(page).status_code == 200
    return time.monotonic() - began


def test_the_first_page_waits_once_and_the_next_ones_not_at_all(
    redis: Redis, alice_client: Client
) -> None:
    usual = seconds_of(alice_client, PAGE)
    redis.signal(signal.SIGSTOP)
    assert seconds_of(alice_client, f"{PAGE}?period=7") < FIRST + usual
    assert seconds_of(alice_client, f"{PAGE}?period=30") < 0.5 + usual


def test_it_is_found_when_it_is_back(
    silent: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patient_redis, "PAUSE", 0.2)
    with caplog.at_level(logging.WARNING, "mailsvc"):
        assert cache.set("a", 1) is None
        silent.signal(signal.SIGCONT)
        assert cache.set("a", 1) is None  # not asked, though it is back
        time.sleep(0.3)
        assert cache.set("a", 1) is True
        assert cache.get("a") == 1
    words = [record.getMessage() for record in caplog.records]
    assert len(words) == 2
    assert words[0].startswith("Redis does not answer: ")
    assert words[1] == "Redis answers again."
    assert not any(record.exc_info for record in caplog.records)


def test_while_it_stays_away_one_asks_now_and_then_and_the_log_has_one_line(
    silent: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patient_redis, "PAUSE", 0.2)
    slow = 0
    for _ in range(3):
        for _ in range(5):
            began = time.monotonic()
            assert cache.get("a", "nothing") == "nothing"
            slow += time.monotonic() - began > 0.5
        time.sleep(0.3)
    assert slow == 3
    assert len(caplog.records) == 1


def test_a_restart_that_nobody_has_noticed_is_no_reason_to_leave_it_alone(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("a", 1)
    redis.stop()
    redis.start()
    assert cache.set("a", 2) is True
    assert not caplog.records


# --- what has to be counted ---


def sign_in(client: Client, email: str, password: str) -> int:
    data = {"login": email, "password": password}
    return client.post(reverse("account_login"), data).status_code


@pytest.mark.django_db
def test_people_sign_in_all_the_same(silent: Redis, alice: User) -> None:
    assert sign_in(Client(REMOTE_ADDR="10.8.0.1"), alice.email, PASSWORD) == 302
    assert sign_in(Client(REMOTE_ADDR="10.8.0.1"), alice.email, PASSWORD) == 302


@pytest.mark.django_db
def test_nobody_may_guess_for_ever(silent: Redis, alice: User) -> None:
    bad, good = Client(REMOTE_ADDR="10.8.0.2"), Client(REMOTE_ADDR="10.8.0.3")
    for _ in range(5):
        assert sign_in(bad, alice.email, "wrong") == 200
    assert sign_in(bad, alice.email, PASSWORD) == 200  # refused: too many
    assert sign_in(good, alice.email, PASSWORD) == 302
