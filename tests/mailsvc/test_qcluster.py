"""The worker ends when it is told to, and comes back when it is broken."""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success
from django_q.tasks import async_task

from mailsvc.management.commands.qcluster import CANARY
from tests.mailsvc.conftest import Running, until

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
Start = Callable[..., Running]
QUICK = 5.0  # seconds


@pytest.fixture
def worker(start: Start) -> Running:
    running = start("qcluster", "--grace", "20")
    running.hears("The worker is ready.")
    return running


def _is_done(func: str) -> bool:
    return bool(Success.objects.filter(func=func).exists())


def _is_taken(func: str) -> bool:
    rows = OrmQ.objects.filter(lock__gt=timezone.now())
    return any(row.func() == func for row in rows)


def test_five_stops_in_a_row_are_quick_and_clean(start: Start) -> None:
    ends = []
    for _ in range(5):
        worker = start("qcluster")
        worker.hears("The worker is ready.")
        took = worker.signal(signal.SIGTERM)
        ends.append((took < QUICK, worker.process.returncode, worker.family))
    assert ends == [(True, 0, {})] * 5


def test_control_c_ends_it(worker: Running) -> None:
    os.killpg(worker.process.pid, signal.SIGINT)
    assert worker.ends(time.monotonic()) < QUICK
    assert worker.process.returncode == 0


def test_a_signal_that_comes_twice_at_once_is_one(worker: Running) -> None:
    worker.process.terminate()
    assert worker.signal(signal.SIGTERM) < QUICK
    assert worker.process.returncode == 0


def test_it_can_be_stopped_before_it_is_up(start: Start) -> None:
    worker = start("qcluster")
    until(lambda: len(worker.family) > 1)
    assert worker.signal(signal.SIGTERM) < QUICK
    assert worker.process.returncode == 0


@pytest.mark.django_db(transaction=True)
def test_a_signal_to_its_group_lets_it_finish_what_it_does(worker: Running) -> None:
    async_task("time.sleep", 1.5)
    until(lambda: _is_taken("time.sleep"))
    os.killpg(worker.process.pid, signal.SIGTERM)
    assert worker.ends(time.monotonic()) < QUICK
    assert worker.process.returncode == 0
    assert _is_done("time.sleep")


def test_a_signal_to_every_process_of_it_does_not_hang(worker: Running) -> None:
    for pid in worker.family:
        os.kill(pid, signal.SIGTERM)
    assert worker.ends(time.monotonic()) < QUICK
    assert worker.process.returncode == 0
    until(lambda: worker.family == {})


@pytest.mark.django_db(transaction=True)
def test_what_outlasts_the_grace_is_cut_off(start: Start) -> None:
    worker = start("qcluster", "--grace", "1")
    worker.hears("The worker is ready.")
    async_task("time.sleep", 100)
    until(lambda: _is_taken("time.sleep"))
    assert worker.signal(signal.SIGTERM) < QUICK
    assert worker.process.returncode == 1
    assert "it was cut off" in worker.said[-1]
    until(lambda: worker.family == {})


@pytest.mark.django_db(transaction=True)
def test_a_second_signal_ends_it_at_once(worker: Running) -> None:
    async_task("time.sleep", 100)
    until(lambda: _is_taken("time.sleep"))
    worker.process.terminate()
    time.sleep(1.2)  # later than a signal that is only passed on by two
    assert worker.signal(signal.SIGTERM) < 1
    assert worker.process.returncode == 1
    until(lambda: worker.family == {})


def test_nothing_outlives_a_killed_main_process(worker: Running) -> None:
    assert len(worker.family) > 5
    worker.signal(signal.SIGKILL)
    until(lambda: worker.family == {})


@pytest.mark.django_db(transaction=True)
def test_it_starts_anew_when_a_process_of_it_is_killed(start: Start) -> None:
    worker = start("qcluster", "--grace", "3")
    worker.hears("The worker is ready.")
    main = worker.process.pid
    sentinel, victim = sorted(worker.family.keys() - {main})[:2]
    os.kill(victim, signal.SIGKILL)
    worker.hears("The worker starts anew.")
    worker.hears("The worker is ready.")
    assert sentinel not in worker.family
    async_task("math.floor", 1.5)
    until(lambda: _is_done("math.floor"))
    assert worker.signal(signal.SIGTERM) < QUICK
    assert worker.process.returncode == 0


@pytest.mark.django_db(transaction=True)
def test_it_starts_anew_when_its_sentinel_is_killed(worker: Running) -> None:
    os.kill(min(worker.family.keys() - {worker.process.pid}), signal.SIGKILL)
    worker.hears("The worker is ready.")
    async_task("math.floor", 1.5)
    until(lambda: _is_done("math.floor"))


@pytest.mark.django_db(transaction=True)
def test_it_starts_anew_when_it_hangs_though_nobody_was_killed(start: Start) -> None:
    worker = start("qcluster", "--grace", "1", "--silence", "6")
    worker.hears("The worker is ready.")
    for _ in range(8):  # longer than the silence that it bears: it is heard
        async_task(CANARY)
        time.sleep(1)
    main = worker.process.pid
    sentinel, *others = sorted(worker.family.keys() - {main})
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    worker.hears("A process of the worker hangs. The worker starts anew.")
    worker.hears("The worker is ready.")
    assert not any("starts anew" in line for line in worker.said[:-2])
    assert worker.family.keys().isdisjoint([sentinel, *others])


@pytest.mark.django_db(transaction=True)
def test_it_looks_for_what_was_left_over_as_soon_as_it_is_up(worker: Running) -> None:
    until(lambda: _is_done("mailings.tasks.sweep"), seconds=10)
    assert Failure.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_run_once_does_a_task_and_ends(start: Start) -> None:
    async_task("math.floor", 1.5)
    worker = start("qcluster", "--run-once")
    worker.ends(time.monotonic())
    assert worker.process.returncode == 0
    assert _is_done("math.floor")


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/db.sqlite3", "postgres://a:b@127.0.0.1:1/c"]
)
def test_without_a_database_it_says_so(start: Start, url: str) -> None:
    worker = start("qcluster", DATABASE_URL=url)
    worker.ends(time.monotonic())
    assert worker.process.returncode == 1
    assert "CommandError: The worker needs the database" in "\n".join(worker.said)
    assert "Traceback" not in "\n".join(worker.said)


def test_a_database_without_tables_is_a_clear_message(start: Start) -> None:
    worker = start("qcluster", DATABASE_URL="sqlite:///:memory:")
    worker.ends(time.monotonic())
    assert worker.process.returncode == 1
    assert "Has `manage.py migrate` been run?" in worker.said[-1]


@pytest.mark.parametrize("grace", ["soon", "-1", "nan"])
def test_a_grace_that_is_no_number_of_seconds_is_wrong_use(
    start: Start, grace: str
) -> None:
    worker = start("qcluster", f"--grace={grace}")
    worker.ends(time.monotonic())
    assert worker.process.returncode == 2
    assert "is no number of seconds" in worker.said[-1]
