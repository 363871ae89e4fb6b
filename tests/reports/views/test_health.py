"""/healthz, /readyz and /metrics: bare words for everybody, details for few."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from mailings import delivery
from mailings.models import Canary, Circuit, Host, Installation
from tests import recipes
from users.models import User

FAR = "203.0.113.9"
TOKEN = "a token of thirty-two characters"
QUERIES_OF_A_SCRAPE = 6


@pytest.fixture
def worker(db: None) -> None:
    now = timezone.now()
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=now)


@pytest.fixture
def host(db: None) -> None:
    """It has taken work a moment ago."""
    now = timezone.now()
    installation, _ = Installation.objects.get_or_create(pk=1)
    Host.objects.create(
        installation=installation,
        key="at work",
        name="mail.example.com",
        arrived_at=now,
        admitted_at=now,
        beats_at_arrival=0,
        beats=1,
        beat_at=now,
    )


@pytest.fixture
def no_database(settings: Settings, db: None) -> Iterator[None]:
    """Every query fails as with a server that is away."""

    def away(*args: object) -> None:
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        yield


def ready(client: Client, **options: Any) -> tuple[int, Any]:
    answer = client.get("/readyz", **options)
    is_json = answer.headers["Content-Type"] == "application/json"
    return answer.status_code, answer.json() if is_json else answer.content.decode()


def figures(client: Client, **options: Any) -> dict[str, float]:
    """name or name{labels} -> value, read by Prometheus' own parser."""
    answer = client.get("/metrics", **options)
    assert answer.status_code == 200
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): float(
            sample.value
        )
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


# --- /healthz ---


def test_a_process_that_lives_says_ok_and_asks_nobody(
    client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz", REMOTE_ADDR=FAR)
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_they_are_answered_without_tls(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200
    assert client.get("/profile/").status_code == 301


# --- /readyz ---


def test_with_all_well_it_is_ready(client: Client, worker: None) -> None:
    assert ready(client, REMOTE_ADDR=FAR) == (200, "ready\n")
    status, details = ready(client)
    assert (status, details["ready"]) == (200, True)
    assert {name: each["ok"] for name, each in details["checks"].items()} == {
        "database": True,
        "cache": True,
        "worker": True,
        "overdue": True,
    }


def test_without_a_worker_it_is_not_ready(client: Client, db: None) -> None:
    assert ready(client, REMOTE_ADDR=FAR) == (503, "not ready\n")
    assert ready(client)[1]["checks"]["worker"] == {
        "ok": False,
        "is": "last sign never",
    }


def test_where_cron_does_the_work_no_worker_is_missed(client: Client, db: None) -> None:
    assert delivery.objection(timezone.now()) == ""  # what cron's command asks first
    assert ready(client)[0] == 200


def test_a_worker_that_has_died_is_missed_beside_cron(
    client: Client, worker: None
) -> None:
    Canary.objects.update(acknowledged_at=timezone.now() - timedelta(minutes=3))
    assert delivery.objection(timezone.now()) == ""
    assert ready(client)[0] == 503


def test_a_run_that_nobody_begins_is_overdue(
    client: Client, worker: None, alice: User
) -> None:
    now = timezone.now()
    recipes.mailing(alice, start_at=now - timedelta(minutes=4))
    assert ready(client)[0] == 200
    recipes.mailing(alice, start_at=now - timedelta(minutes=6))
    status, details = ready(client)
    assert (status, details["checks"]["overdue"]["ok"]) == (503, False)


def test_while_sending_is_held_no_run_is_overdue(
    client: Client, worker: None, alice: User, held_elsewhere: Host
) -> None:
    recipes.mailing(alice, start_at=timezone.now() - timedelta(hours=1))
    status, details = ready(client)
    assert (status, details["sending"]) == (200, "held")


def test_an_answer_is_no_error_on_the_log(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert ready(client)[0] == 503
    assert caplog.records == []


def test_without_its_database_it_is_not_ready(
    client: Client, no_database: None
) -> None:
    assert ready(client, REMOTE_ADDR=FAR) == (503, "not ready\n")
    status, details = ready(client)
    assert status == 503
    assert details["checks"]["database"] == {"ok": False, "is": "OperationalError"}


def test_without_its_cache_it_is_not_ready(
    client: Client, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "set", lambda *args: None)
    status, details = ready(client)
    assert (status, details["checks"]["cache"]["ok"]) == (503, False)


def test_a_mail_server_that_is_away_leaves_it_ready(
    client: Client, worker: None, open_circuit: Circuit
) -> None:
    status, details = ready(client)
    assert (status, details["mail_server"]) == (200, "535 Wrong password")


# --- who gets the details ---


def test_the_token_opens_the_details(
    client: Client, worker: None, settings: Settings
) -> None:
    settings.METRICS_TOKEN = TOKEN
    asked = {"REMOTE_ADDR": FAR, "headers": {"authorization": f"Bearer {TOKEN}"}}
    assert ready(client, **asked)[1]["ready"] is True
    assert figures(client, **asked)["mailsvc_up/worker"] == 1


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("", None),
        ("", "Bearer "),
        (TOKEN, "Bearer "),
        (TOKEN, "Bearer nonsense"),
        (TOKEN, f"Basic {TOKEN}"),
        (TOKEN, "Bearer ключ"),
    ],
)
def test_nothing_else_opens_them(
    client: Client, worker: None, settings: Settings, token: str, header: str | None
) -> None:
    settings.METRICS_TOKEN = token
    asked = {"REMOTE_ADDR": FAR}
    if header is not None:
        asked["HTTP_AUTHORIZATION"] = header
    assert ready(client, **asked) == (200, "ready\n")
    assert client.get("/metrics", **asked).status_code == 403


def test_behind_a_proxy_a_visitor_is_not_this_machine(
    client: Client, worker: None, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    visitor = {"headers": {"x-forwarded-for": f"127.0.0.1, {FAR}"}}
    assert ready(client, **visitor) == (200, "ready\n")
    assert client.get("/metrics", **visitor).status_code == 403
    assert ready(client)[1]["ready"] is True  # past the proxy


def test_the_staff_see_the_details_of_readiness(
    alice_client: Client, admin: User, admin_client: Client, worker: None
) -> None:
    admin.is_staff = True
    admin.save()
    assert ready(admin_client, REMOTE_ADDR=FAR)[1]["ready"] is True
    assert ready(alice_client, REMOTE_ADDR=FAR) == (200, "ready\n")
    assert admin_client.get("/metrics", REMOTE_ADDR=FAR).status_code == 403


# --- /metrics ---


def test_the_figures_are_those_of_the_database(
    client: Client, worker: None, alice: User
) -> None:
    recipes.run(
        recipes.mailing(alice), pending=3, deferred=2, sending=1, accepted=4, refused=1
    )
    recipes.run(recipes.mailing(alice), accepted=5, unknown=1)
    found = figures(client)
    assert {
        name: found[f"mailsvc_{name}"]
        for name in (
            "up/database",
            "up/cache",
            "up/worker",
            "up/mail_server",
            "queue_deliveries/pending",
            "queue_deliveries/deferred",
            "queue_deliveries/sending",
            "runs_unfinished/sending",
            "runs_unfinished/planning",
            "attempts_total/accepted",
            "attempts_total/refused",
            "attempts_total/deferred",
            "attempts_total/unknown",
            "pumps",
            "sending_held",
            "circuit_open/127.0.0.1:1",
        )
    } == {
        "up/database": 1,
        "up/cache": 1,
        "up/worker": 1,
        "up/mail_server": 1,
        "queue_deliveries/pending": 3,
        "queue_deliveries/deferred": 2,
        "queue_deliveries/sending": 1,
        "runs_unfinished/sending": 1,
        "runs_unfinished/planning": 0,
        "attempts_total/accepted": 9,
        "attempts_total/refused": 1,
        "attempts_total/deferred": 2,
        "attempts_total/unknown": 1,
        "pumps": 1,
        "sending_held": 0,
        "circuit_open/127.0.0.1:1": 0,
    }
    assert 50 < found["mailsvc_queue_oldest_due_seconds"] < 100


def test_what_is_paused_is_not_due(client: Client, alice: User) -> None:
    mailing = recipes.mailing(alice, paused_at=timezone.now())
    recipes.run(mailing, pending=1)
    assert figures(client)["mailsvc_queue_oldest_due_seconds"] == 0


def test_an_open_circuit_is_told_with_its_time(
    client: Client, db: None, open_circuit: Circuit
) -> None:
    found = figures(client)
    assert found["mailsvc_circuit_open/127.0.0.1:1"] == 1
    assert open_circuit.opened_at is not None
    opened = found["mailsvc_circuit_opened_timestamp_seconds"]
    assert opened == pytest.approx(open_circuit.opened_at.timestamp())


def test_a_hold_is_told(client: Client, db: None, held_elsewhere: Host) -> None:
    assert figures(client)["mailsvc_sending_held"] == 1


def test_without_a_database_it_says_so(client: Client, no_database: None) -> None:
    assert figures(client) == {"mailsvc_up/cache": 1, "mailsvc_up/database": 0}


@pytest.mark.parametrize("rows", [1, 3])
def test_a_scrape_costs_the_same_with_one_mailing_and_with_three(
    client: Client,
    worker: None,
    host: None,
    alice: User,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    for _ in range(rows):
        recipes.run(recipes.mailing(alice), pending=2, accepted=2, refused=1)
        recipes.mailing(alice)
    with django_assert_num_queries(QUERIES_OF_A_SCRAPE):
        client.get("/metrics")
