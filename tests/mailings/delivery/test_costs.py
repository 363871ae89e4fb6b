"""What a delivery costs, counted and not timed, so that gains do not get lost."""

import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailings.delivery.claim import claim
from mailings.delivery.journal import Result
from mailings.delivery.plan import expand
from mailings.delivery.record import record
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.models import Attempt, Delivery, Lease
from tests import recipes
from tests.mailings.delivery.conftest import GivenRun, Pump
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "2.0.0 Ok: queued")
# About the message, so that nobody is written to no more because of it.
REFUSED = Outcome(Verdict.REFUSED, Phase.DOT, 554, "5.6.0", "5.6.0 Not like this")


def statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


def results(deliveries: list[int]) -> list[Result]:
    now = datetime.now(UTC)
    return [
        Result(pk, REFUSED if n % 10 == 9 else ACCEPTED, now, 5)
        for n, pk in enumerate(deliveries)
    ]


def costs(run_size: int, given_run: GivenRun, lease: Lease) -> tuple[int, int]:
    """Statements for claiming so many and for recording what became of them."""
    run = given_run(run_size)
    expand(run.pk, timezone.now())
    claims = []
    claiming = statements(
        lambda: claims.extend(
            claim(lease, size=run_size, now=timezone.now(), only=[run.pk])
        )
    )
    assert len(claims) == run_size
    took = results([each.delivery_id for each in claims])
    recording = statements(
        lambda: record(lease, took, now=timezone.now(), retry_delays=[60])
    )
    assert Attempt.objects.filter(run=run).count() == run_size
    return claiming, recording


def test_a_batch_costs_the_same_statements_however_large_it_is(
    given_run: GivenRun,
) -> None:
    lease = recipes.lease()
    costs(1, given_run, lease)  # with it, this host is admitted to the database
    few = costs(20, given_run, lease)
    many = costs(200, given_run, lease)
    assert few == many
    claiming, recording = many
    batch = settings.DELIVERY["batch"]
    assert (claiming + recording) * 1000 / batch <= 45


@pytest.mark.usefixtures("both_modes")
def test_the_journal_is_written_to_once_for_each_letter(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And once more where a connection has nothing to do."""
    written, write = [], os.write

    def counted(file: int, data: bytes) -> int:
        written.append(data)
        return write(file, data)

    given_run(60)
    connections = 4
    with monkeypatch.context() as watched:
        watched.setitem(settings.DELIVERY, "connections", connections)
        watched.setattr(os, "write", counted)
        pump()
    lines = [each for each in written if each.startswith((b"D ", b"R ["))]
    assert sum(each.count(b"D ") for each in lines) == 60
    assert sum(each.count(b"R [") for each in lines) == 60
    pipelined = settings.DELIVERY["pipelining"]
    assert len(lines) <= (60 + 3 * connections if pipelined else 2 * 60)


def test_planning_costs_the_same_however_many_there_are(given_run: GivenRun) -> None:
    small, large = given_run(20), given_run(200)
    few = statements(lambda: expand(small.pk, timezone.now()))
    many = statements(lambda: expand(large.pk, timezone.now()))
    assert few == many <= 8


@pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL")
def test_a_delivery_and_its_attempt_are_small(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    given_run(50)
    pump()
    sizes = []
    for model in (Delivery, Attempt):
        name = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            # The name is ours.
            cursor.execute(f"SELECT max(pg_column_size(r)) FROM {name} AS r")  # noqa: S608
            sizes.append(cursor.fetchone()[0])
    assert sum(sizes) <= 350
