"""
The environment that the tests run in, set before Django reads its settings.

A plugin of pytest (`-p tests.environment`), as a conftest comes too late for that.
The tests write into a directory of their own, one per process of pytest-xdist, and
know no mail server; the developer's var/ and .env have no say in that. DATABASE_URL
and CACHE_URL hold as they are given.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# pytest-randomly will import model_bakery, which stumbles over a circular import of
# Django's unless this came first, and leaves half of django.db.models behind.
import django.db.models  # noqa: F401

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def _base_dir() -> Path:
    """One for all processes of this run; the first one makes it."""
    if not _WORKER:
        path = tempfile.mkdtemp(prefix="mailsvc-tests-")
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        os.environ["TESTS_BASE_DIR"] = path
        # The other processes load this module by its name here, early enough.
        os.environ["PYTEST_PLUGINS"] = __name__
    return Path(os.environ["TESTS_BASE_DIR"])


def _cache_url(var_dir: Path) -> str:
    """The cache that was asked for, with keys of our own in it."""
    if not _WORKER:
        os.environ["TESTS_CACHE_URL"] = os.environ.get("CACHE_URL", "")
    url = os.environ["TESTS_CACHE_URL"]
    if not url:
        return f"filecache://{var_dir / 'cache'}"
    prefix = f"{BASE_DIR.name}-{_WORKER or 'alone'}"
    return f"{url}{'&' if '?' in url else '?'}key_prefix={prefix}"


BASE_DIR = _base_dir()
VAR_DIR = BASE_DIR / (_WORKER or "alone")
VAR_DIR.mkdir()
(VAR_DIR / "static").mkdir()  # WhiteNoise warns if it is not there
os.environ |= {
    "VAR_DIR": str(VAR_DIR),
    "CACHE_URL": _cache_url(VAR_DIR),
    # Nothing listens there: a mail that a test did not see coming goes nowhere.
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "DEFAULT_FROM_EMAIL": "mailsvc@example.com",
    "MAILCATCHER": "true",
    "SITE_URL": "http://127.0.0.1:8000",
    "SECRET_KEY": "for tests only, and therefore no secret at all",
    "DEBUG": "false",
    "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
    "BEHIND_PROXY": "false",
    "SIGNUP_OPEN": "true",
    "LANGUAGE_CODE": "en",
    "TIME_ZONE": "UTC",
}
for _name in (
    "DELIVERY_PUMPS",
    "DELIVERY_CONNECTIONS",
    "DELIVERY_DOT_TIMEOUT",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "MAX_UPLOAD_MB",
):
    os.environ.pop(_name, None)
