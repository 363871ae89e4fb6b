"""
Many rows by one statement with one parameter: a list that the database takes apart.

Django adapts, checks and quotes every value of every row; for some hundred rows that
takes longer than the database does. `__among` is `__in` without that.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from mailsvc.statements import Parameter

_Sql = tuple[str, list[Any]]


@models.BigAutoField.register_lookup
@models.CharField.register_lookup
class Among(models.Lookup):
    """It is one of these, numbers or words as the field is."""

    lookup_name = "among"
    prepare_rhs = False

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> _Sql:
        field, parameters = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.cast_db_type(connection)
        # A constant for the planner, which a subquery would not be.
        return f"{field} = ANY(%s::{kind}[])", [*parameters, self._keys(_array)]

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> _Sql:
        field, parameters = self.process_lhs(compiler, connection)
        each = "SELECT value FROM json_each(%s)"
        return f"{field} IN ({each})", [
            *parameters,
            self._keys(lambda keys: json.dumps(list(keys))),
        ]

    def _keys(self, written: Callable[[Any], str]) -> Any:
        """In a `Statement` they come later."""
        return self.rhs if isinstance(self.rhs, Parameter) else written(self.rhs)


def _array(values: Iterable[int | str]) -> str:
    """As PostgreSQL writes an array of them."""
    quoted = (str(each).replace("\\", r"\\").replace('"', r"\"") for each in values)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"


def insert(model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """
    Inserts the rows, of which all have the same columns, by the names they have in the
    database. Checks nothing but what the database does; column defaults are its own.
    """
    rows = list(rows)
    if not rows:
        return
    columns = list(rows[0])
    quoted = connection.ops.quote_name
    names = ", ".join(map(quoted, columns))
    into = f"INSERT INTO {quoted(model._meta.db_table)} ({names})"
    with connection.cursor() as cursor:
        # Identifiers are ours; every value is a parameter.
        if connection.vendor == "postgresql":
            types = ", ".join(
                f"{quoted(each)} {model._meta.get_field(each).db_type(connection)}"
                for each in columns
            )
            source = f"SELECT {names} FROM json_to_recordset(%s) AS r ({types})"  # noqa: S608
            cursor.execute(f"{into} {source}", [json.dumps(rows, default=_iso)])
        else:
            blanks = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"{into} VALUES ({blanks})",
                [tuple(map(_adapted, row.values())) for row in rows],
            )


def _iso(value: object) -> str:
    assert isinstance(value, datetime)  # noqa: S101 - all that JSON does not know
    return value.isoformat()


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
