"""A Redis server of one's own, which may be stopped, frozen and emptied."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from redis import Redis as Connection
from redis.exceptions import RedisError

from tests.support.network import free_port


def why_not() -> str:
    """What is missing for a server of one's own; else nothing."""
    return "" if shutil.which("redis-server") else "redis-server is not installed here"


class Redis:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.caches: dict[str, Any] = {
            "default": {
                "BACKEND": "mailsvc.patient_redis.Cache",
                "LOCATION": f"redis://127.0.0.1:{self.port}/0",
                # As in mailsvc.settings.
                "OPTIONS": {
                    "IGNORE_EXCEPTIONS": True,
                    "REDIS_CLIENT_CLASS": "mailsvc.patient_redis.Connection",
                    "SOCKET_CONNECT_TIMEOUT": 1,
                    "SOCKET_TIMEOUT": 1,
                },
            }
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                "redis-server",
                *("--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--dir", str(self._directory)),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with Connection(port=self.port) as connection:
                return bool(connection.ping())
        except RedisError:
            return False

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def flush(self) -> None:
        with Connection(port=self.port) as connection:
            connection.flushall()
