"""Django-Q2's worker, with an end: see `Worker`."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing import Event
from multiprocessing.sharedctypes import RawValue
from types import FrameType
from typing import Any

from django.core.checks import Tags
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from django_q.cluster import Cluster, Sentinel, get_mp_context
from django_q.management.commands import qcluster
from django_q.models import OrmQ, Success
from django_q.tasks import async_task

from mailsvc import processes, shutdown

logger = logging.getLogger(__name__)

_TASKS = "mailings.tasks"
CANARY = f"{_TASKS}.canary"
_LOOK_EVERY = 0.2  # seconds
_REPAIR_GRACE = 10.0  # seconds that the others get when one of them was killed
_SECOND_SIGNAL = 1.0  # seconds; `timeout` and terminals may send one signal twice

# Set by the sentinel, read by the main process; no lock, as in `shutdown`.
_is_damaged = RawValue("b", 0)


class WatchfulSentinel(Sentinel):  # type: ignore[misc] # django_q has no types
    """Tells when a process was killed: it may have taken a queue's lock with it."""

    def reincarnate(self, process: Any) -> None:
        if (process.exitcode or 0) < 0:
            _is_damaged.value = 1
        super().reincarnate(process)


def _guard(*args: Any) -> None:
    # A group of their own: a signal to the main process's group is for that one, which
    # ends the others in good order. SIGTERM kills them in the middle of a message.
    os.setpgid(0, 0)
    WatchfulSentinel(*args)


class Pulse:
    """
    Whether tasks are still seen through: the canary is one, each minute.

    By what changes, not by anybody's clock; and while the database is away, nothing
    can be said.
    """

    _LOOK_EVERY = 5.0  # seconds

    def __init__(self, *, silence: float) -> None:
        self._silence = silence
        self._last: object = None
        self._heard_at = self._looked_at = time.monotonic()

    @property
    def is_there(self) -> bool:
        if not self._silence:
            return True
        now = time.monotonic()
        if now - self._looked_at >= min(self._LOOK_EVERY, self._silence / 4):
            self._looked_at = now
            self._look(now)
        return now - self._heard_at < self._silence

    def _look(self, now: float) -> None:
        try:
            canaries = Success.objects.filter(func=CANARY).order_by("-stopped")
            newest = canaries.values_list("pk", flat=True).first()
        except DatabaseError:
            self._heard_at = now
            return
        finally:
            connections.close_all()
        if newest != self._last:
            self._last, self._heard_at = newest, now


class Worker(Cluster):  # type: ignore[misc] # django_q has no types
    """
    Q2's cluster, with three of its traps taken out.

    Its signal handler touches a lock, and hangs one stop in ten; here it takes a note,
    and the main loop acts. It waits for its processes without limit; here for `grace`
    seconds. And when one of them is killed at the wrong moment, all wait for a lock
    for ever; here the worker starts anew, and also when nothing is done any more for
    `silence` seconds, whatever the reason.
    """

    def __init__(self, *, grace: float, silence: float) -> None:
        self.grace = grace
        self.pulse = Pulse(silence=silence)
        self._asked_at: float | None = None  # when the first signal came
        super().__init__()  # from here on signals come to sig_handler

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > _SECOND_SIGNAL:
            self._kill()
            os._exit(1)

    @property
    def is_asked_to_stop(self) -> bool:
        return self._asked_at is not None

    @property
    def is_whole(self) -> bool:
        return self.sentinel.is_alive() and not _is_damaged.value

    def start(self) -> int:
        """Comes back when tasks are being taken. Raises CommandError if none can be."""
        self.stop_event, self.start_event = Event(), Event()
        self.sentinel = get_mp_context().Process(
            target=_guard,
            args=(self.stop_event, self.start_event, self.cluster_id, None, None),
        )
        self.sentinel.start()
        while not self.start_event.is_set() and not self.is_asked_to_stop:
            if not self.sentinel.is_alive():
                self._kill()
                raise CommandError("The worker could not start; the log says why.")
            time.sleep(_LOOK_EVERY / 4)
        return int(self.pid)

    def watch(self) -> None:
        """Comes back when the end is asked for, or something is broken."""
        while self.is_whole and self.pulse.is_there and not self.is_asked_to_stop:
            time.sleep(_LOOK_EVERY)

    def finish(self, *, grace: float) -> bool:
        """Ends after what is in hand. False if not all came to an end by itself."""
        # In a thread, as set() waits for a listener who may be dead: for ever.
        threading.Thread(target=self.stop_event.set, daemon=True).start()
        self.sentinel.join(grace)
        if self.sentinel.exitcode != 0:
            self._kill()
        return bool(self.sentinel.exitcode == 0)

    def _kill(self) -> None:
        if self.sentinel is None:
            return
        processes.kill_group(self.sentinel.pid)
        self.sentinel.kill()
        self.sentinel.join()


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 86_400:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to a day")


class Command(qcluster.Command):  # type: ignore[misc] # django_q has no types
    help = (
        "Runs the worker, which starts and sends mailings. Ends on SIGTERM and SIGINT "
        "after what is being sent; a second one ends it at once."
    )
    # All but those that load every page: a worker shows none (16 MB, 0.25 s).
    requires_system_checks = (
        Tags.caches,
        Tags.compatibility,
        Tags.models,
        Tags.security,
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--grace",
            type=_seconds,
            default=30.0,
            metavar="SECONDS",
            help="How long to wait for what is being sent when asked to end; after "
            "that it is cut off, and in doubt. Default: 30.",
        )
        parser.add_argument(
            "--silence",
            type=_seconds,
            default=150.0,
            metavar="SECONDS",
            help="Start anew when no worker has seen the task of each minute through "
            "for so long, though the database answers; 0 is never. Default: 150.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["cluster_name"]:
            os.environ["Q_CLUSTER_NAME"] = options["cluster_name"]
        self._reach_database(ring=not options["run_once"])
        processes.take_children_along()
        # Once, before the fork: each of the processes would load it for itself, at
        # its first task, which may be the one that somebody waits for.
        import_module(_TASKS)
        worker = Worker(grace=options["grace"], silence=options["silence"])
        worker.start()
        if options["run_once"]:
            self._end(worker)
            return
        if not worker.is_asked_to_stop:
            self._say("The worker is ready.")
        worker.watch()
        shutdown.request()
        if worker.is_asked_to_stop:
            self._end(worker)
        else:
            self._start_anew(worker)

    def _say(self, words: str) -> None:
        with suppress(OSError):  # the disk with the log is full: no reason to end
            self.stdout.write(words)
            self.stdout.flush()

    def _reach_database(self, *, ring: bool) -> None:
        try:
            OrmQ.objects.exists()
            if ring:
                # What was left over is looked for at once, and the canary sings: the
                # first tick of Q2 is in 30 s.
                for task in (f"{_TASKS}.sweep", CANARY):
                    async_task(task)
        except DatabaseError as error:
            raise CommandError(
                f"The worker needs the database, which does not answer: {error}".strip()
                + " (Has `manage.py migrate` been run?)"
            ) from error
        finally:
            connections.close_all()  # a connection must not be shared through fork

    def _end(self, worker: Worker) -> None:
        if worker.finish(grace=worker.grace):
            self._say("The worker has ended.")
            return
        if worker.sentinel.exitcode == -signal.SIGTERM:
            logger.warning(
                "The signal was sent to all processes of the worker, which cuts off "
                "what they do. Send it to the main process alone (KillMode=mixed)."
            )
            return
        raise CommandError(
            "Not all of the worker came to an end in time; it was cut off. What was "
            "being handed over to the mail server at that moment is in doubt."
        )

    def _start_anew(self, worker: Worker) -> None:
        """The same process, with fresh memory: no lock and no thread is left over."""
        why = "was killed" if worker.pulse.is_there else "hangs"
        logger.error("A process of the worker %s. The worker starts anew.", why)
        worker.finish(grace=min(worker.grace, _REPAIR_GRACE))
        if worker.is_asked_to_stop:
            return
        time.sleep(1)  # not a full-speed loop, if that is to be its fate
        with suppress(OSError):
            self.stdout.flush()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - ourselves
