"""What has to be done before the pages can be shown, and is quick if it was done."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Say = Callable[[str], None]


def prepare_database(say: Say) -> None:
    """Brings the tables up to date. Raises DatabaseError if there is no database."""
    executor = MigrationExecutor(connection)
    steps = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if steps:
        say(f"Preparing the database ({steps} steps)…")
    call_command("migrate", interactive=False, verbosity=0)


def prepare_static_files(say: Say) -> None:
    """Collects, names and compresses what the pages load, if anything is newer."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if settings.DEBUG or _is_newer_than_sources(manifest):
        return
    say("Collecting the static files…")
    call_command("collectstatic", interactive=False, verbosity=0)
    # Nothing may have changed but a date.
    manifest.touch()


def _is_newer_than_sources(manifest: Path) -> bool:
    if not manifest.exists():
        return False
    made_at = manifest.stat().st_mtime
    for finder in get_finders():
        for name, storage in finder.list([]):
            if Path(storage.path(name)).stat().st_mtime > made_at:
                return False
    return True


def load_demo(say: Say) -> None:
    """Demo data, if there are no users yet; their logins are kept for later starts."""
    if get_user_model().objects.exists():
        return
    say("Loading demo data…")
    output = StringIO()
    call_command("seed_demo", json=True, stdout=output)
    _logins_path().write_text(output.getvalue().splitlines()[-1])


def demo_logins() -> str:
    """Who can sign in to a demo, in words; empty if these people are not there."""
    try:
        demo: dict[str, Any] = json.loads(_logins_path().read_text())
    except FileNotFoundError:
        return ""
    people = get_user_model().objects.filter(is_active=True)
    logins = [email for email in demo["users"] if people.filter(email=email).exists()]
    return f"{', '.join(logins)}; password: {demo['password']}" if logins else ""


def _logins_path() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"
