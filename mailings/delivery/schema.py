"""
Is the database the one that this code was written for?

A process that outlives an upgrade has old code and a new database. It knows the
migrations that it was started with, and stops sending when the database has others.
"""

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

_Migration = tuple[str, str]  # its app and its name

_APPS = ("mailings", "users")


def migrations_of(app: str, path: Iterable[str]) -> set[_Migration]:
    """Those that Django would find: helpers are packages, or begin with _ or ~."""
    return {
        (app, module.name)
        for module in iter_modules(path)
        if not module.ispkg and module.name[0] not in "_~"
    }


# Looked up when the process starts: later the files may be those of an upgrade.
_KNOWN = {
    each
    for app in _APPS
    for each in migrations_of(app, import_module(f"{app}.migrations").__path__)
}


def mismatch() -> str:
    """What is to be done before anything is sent, in words; "" if all is well."""
    rows = MigrationRecorder(connection).migration_qs.filter(app__in=_APPS)
    return compared(_KNOWN, set(rows.values_list("app", "name")))


def compared(known: set[_Migration], applied: set[_Migration]) -> str:
    """The same, of the migrations that the code knows and the database has."""
    if known == applied:
        return ""
    replaced = {each: _replaced_by(each) for each in known}
    if applied - known.union(*replaced.values()):
        return _(
            "The database belongs to a newer version of mailsvc. "
            "Restart this process with the new code."
        )
    # A squashed migration and those in its place are the same: either will do.
    done = applied | {each for each, old in replaced.items() if old and old <= applied}
    done |= {old for each in done & known for old in replaced[each]}
    if known - done:
        return _("The database is of an older version. Run manage.py migrate.")
    return ""


def _replaced_by(migration: _Migration) -> set[_Migration]:
    """What a squashed migration stands for."""
    app, name = migration
    try:
        module = import_module(f"{app}.migrations.{name}")
    except ModuleNotFoundError:  # an upgrade has taken it away meanwhile
        return set()
    return {(str(app), str(name)) for app, name in module.Migration.replaces}
