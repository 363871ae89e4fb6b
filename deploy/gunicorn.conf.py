"""The web server's settings, for `make run` and for production alike."""

import os
from pathlib import Path

wsgi_app = "mailsvc.wsgi"
bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or 8000}"

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 8
preload_app = True  # loaded once, shared by all workers

timeout = 60  # seconds without a sign of life from a worker
graceful_timeout = 5  # seconds for requests that are under way at the end
keepalive = 5
max_requests, max_requests_jitter = 5_000, 500

# A heartbeat that must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

loglevel = os.environ.get("WEB_LOG_LEVEL") or "info"
control_socket_disable = True
