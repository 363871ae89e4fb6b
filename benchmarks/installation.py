"""A whole installation in a temporary directory: its environment, its processes."""

import http.client
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import processes

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
HOST = "127.0.0.1"


@dataclass
class Actor:
    """A process that is started again whenever it has ended, as by a supervisor."""

    command: list[str]
    env: dict[str, str]
    log: Path
    wanted: bool = True
    process: subprocess.Popen[bytes] | None = None

    def keep_alive(self) -> None:
        if not self.wanted or (self.process and self.process.poll() is None):
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def family(self) -> list[int]:
        if self.process is None or self.process.poll() is not None:
            return []
        return processes.family(self.process.pid)

    def end(self) -> None:
        self.wanted = False
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            processes.kill(self.family)
            self.process.wait(10)


def environment(
    folder: Path, database: str, mail_port: int, *, settings: str, **more: str
) -> dict[str, str]:
    """`database` is a URL, or "" for an SQLite file in the folder."""
    (folder / "var" / "static").mkdir(parents=True)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": database or f"sqlite:///{folder / 'db.sqlite3'}",
        "CACHE_URL": f"filecache://{folder / 'cache'}",
        "VAR_DIR": str(folder / "var"),
        "EMAIL_URL": f"smtp://{HOST}:{mail_port}",
        "DEFAULT_FROM_EMAIL": "mailsvc@example.com",
        "SECRET_KEY": "for this run only, and therefore no secret at all",
        "SITE_URL": f"http://{HOST}:8000",
        "DEBUG": "false",
        **more,
    }


def worker(env: dict[str, str], log: Path) -> Actor:
    return Actor([*MANAGE, "qcluster", "--grace", "20"], env, log)


def web(env: dict[str, str], log: Path, port: int) -> Actor:
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
    return Actor(command, {**env, "PORT": str(port)}, log)


@dataclass(frozen=True, slots=True)
class Visit:
    status: int
    milliseconds: float


class Visitor:
    """A browser that is signed in, over real HTTP."""

    def __init__(self, port: int, cookie: str) -> None:
        self._headers = {"Cookie": cookie, "Host": HOST}
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Visit:
        """A connection that was left idle may be closed by now: then by a new one."""
        began = time.perf_counter()
        status = self._status(path) if self._connection else 0
        if not status:
            self._connection = http.client.HTTPConnection(HOST, self._port, timeout=60)
            status = self._status(path)
        return Visit(status, 1000 * (time.perf_counter() - began))

    def _status(self, path: str) -> int:
        """0 if there was no answer."""
        assert self._connection is not None
        try:
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return 0
        return answer.status


def wait_for_web(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError):
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/healthz", headers={"Host": HOST})
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("the web server did not start")


def signed_in(user: object) -> str:
    """The cookie of a session of theirs. Needs Django to be set up."""
    from django.conf import settings  # noqa: PLC0415 - needs set-up
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    browser.force_login(user)  # type: ignore[arg-type]
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={browser.cookies[name].value}"
