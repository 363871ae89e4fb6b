"""
Is the database the one that this code was written for?

A process that outlives an upgrade has old code and a new database. It knows the
migrations that it was started with, and stops sending when the database has others.
"""

from importlib import import_module
from pkgutil import iter_modules

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

_APPS = ("mailings", "users")
# Looked up when the process starts: later the files may be those of an upgrade.
_KNOWN = {
    (app, module.name)
    for app in _APPS
    for module in iter_modules(import_module(f"{app}.migrations").__path__)
}


def mismatch() -> str:
    """What is to be done before anything is sent, in words; "" if all is well."""
    rows = MigrationRecorder(connection).migration_qs.filter(app__in=_APPS)
    applied = set(rows.values_list("app", "name"))
    if applied - _KNOWN:
        return _(
            "The database belongs to a newer version of mailsvc. "
            "Restart this process with the new code."
        )
    if _KNOWN - applied:
        return _("The database is of an older version. Run manage.py migrate.")
    return ""
