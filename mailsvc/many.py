"""
Many rows by one statement with one parameter: a list that the database takes apart.

Django adapts, checks and quotes every value of every row; for some hundred rows that
takes longer than the database does. `__among` is `__in` without that.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from mailsvc.statements import Parameter, as_one

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
        return f"{field} = ANY(%s::{kind}[])", [*parameters, self._list()]

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> _Sql:
        field, parameters = self.process_lhs(compiler, connection)
        each = "SELECT value FROM json_each(%s)"
        return f"{field} IN ({each})", [*parameters, self._list()]

    def _list(self) -> str | Parameter:
        """In a `Statement` it comes later."""
        return self.rhs if isinstance(self.rhs, Parameter) else as_one(self.rhs)


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Collection[Sequence[Any]]
) -> None:
    """
    Inserts the rows, by the names that the columns have in the database. Checks nothing
    but what the database does; column defaults are its own. Raises Django's errors.
    """
    if not rows:
        return
    quoted = connection.ops.quote_name
    names = ", ".join(map(quoted, columns))
    into = f"{quoted(model._meta.db_table)} ({names})"
    with connection.cursor() as cursor:
        # Identifiers are ours; every value is a parameter.
        if connection.vendor == "postgresql":
            # Django puts into its own words what fails at the call, not within COPY.
            with (
                connection.wrap_database_errors,
                cursor.copy(f"COPY {into} FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        else:
            blanks = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {into} VALUES ({blanks})",  # noqa: S608
                [tuple(map(_adapted, row)) for row in rows],
            )


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
