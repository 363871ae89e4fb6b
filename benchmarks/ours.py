"""
mailsvc on its own path: a mailing is made in the database, `manage.py qcluster` plans
and sends it, every attempt is logged with the server's reply.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import meter
from benchmarks.places import PostgresPlace, SqlitePlace
from benchmarks.results import Result
from benchmarks.servers import ROOT

_TEMPLATE = "mailsvc_template"
_SETTLE = 2.0  # seconds for the worker's own first tasks


@dataclass
class Ours:
    """`workers` processes of `manage.py qcluster`, with one pump each."""

    place: PostgresPlace | SqlitePlace
    directory: Path
    recipients: int
    connections: int
    workers: int = 1
    environment: tuple[tuple[str, str], ...] = ()
    # Of each run: how many lasted longer than 100 ms, and deadlocks.
    lock_waits: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "mailsvc" if self.workers == 1 else f"mailsvc, {self.workers} workers"

    def prepare(self) -> None:
        """A database with the clients in it, of which each run gets a copy."""
        url = self.place.create(_TEMPLATE)
        self._run("prepare", str(self.recipients), env=self._env(url, "prepare"))

    def run(self, port: int, *, limit: float) -> Result:
        name = f"mailsvc_{self.workers}"
        url = self.place.create(name, template=_TEMPLATE)
        env = self._env(url, name, port)
        before = self.place.size(name)
        workers = [self._worker(env) for _ in range(self.workers)]
        try:
            database, waits = self.place.cpu_seconds(), self.place.lock_waits()
            told, cpu, peak, busy = self._measured(workers, env, limit)
            database = self.place.cpu_seconds() - database
            pairs = zip(self.place.lock_waits(), waits, strict=True)
            self.lock_waits += [tuple(after - before for after, before in pairs)]
        finally:
            for each in workers:
                each.send_signal(signal.SIGTERM)
            for each in workers:
                each.wait(60)
        size = (self.place.size(name) - before) / self.recipients
        self.place.drop(name)
        if told["accepted"] != self.recipients:
            raise RuntimeError(f"{self.name} did not finish: {told}")
        return Result(
            *(self.name, self.recipients, told["seconds"], cpu, peak, size),
            first=told["first"],
            database_cpu=database or None,
            busy=busy,
        )

    def _measured(
        self, workers: "list[subprocess.Popen[str]]", env: dict[str, str], limit: float
    ) -> tuple[dict[str, float], float, float, float]:
        sender = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.mailsvc_run", "send", str(limit)],
            **self._pipes(env),
        )
        assert sender.stdin is not None
        assert sender.stdout is not None
        sender.stdout.readline()
        time.sleep(_SETTLE)
        pids = [pid for each in workers for pid in meter.family(each.pid)]
        before, busy = meter.cpu_seconds(pids), meter.busy_seconds()
        begun = time.monotonic()
        out, _ = sender.communicate("go\n")
        busy = (meter.busy_seconds() - busy) / (time.monotonic() - begun)
        pids = [pid for each in workers for pid in meter.family(each.pid)]
        cpu = meter.cpu_seconds(pids) - before
        return json.loads(out), cpu, meter.peak_mb(pids), busy

    def _worker(self, env: dict[str, str]) -> "subprocess.Popen[str]":
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"], **self._pipes(env)
        )
        assert worker.stdout is not None
        for line in worker.stdout:
            if "ready" in line:
                return worker
        raise RuntimeError("the worker did not start")

    def _run(self, *arguments: str, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", "benchmarks.mailsvc_run", *arguments]
        subprocess.run(command, cwd=ROOT, env=env, check=True)

    @staticmethod
    def _pipes(env: dict[str, str]) -> dict[str, object]:
        pipe = subprocess.PIPE
        return {"cwd": ROOT, "env": env, "text": True, "stdin": pipe, "stdout": pipe}

    def _env(self, url: str, name: str, port: int = 1) -> dict[str, str]:
        var = self.directory / f"{name}_var"
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mailsvc.settings",
            "DATABASE_URL": url,
            "CACHE_URL": f"filecache://{var / 'cache'}",
            "VAR_DIR": str(var),
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
            "DEFAULT_FROM_EMAIL": "News <news@example.org>",
            "DELIVERY_PUMPS": str(self.workers),
            "DELIVERY_CONNECTIONS": str(max(1, self.connections // self.workers)),
            "LOG_LEVEL": "ERROR",
            **dict(self.environment),
        }
