"""
Statements that are put together once, and filled in for each batch.

Django takes two to five times as long for putting a statement together as for having
it executed, and a pump has the same few again and again. They are written as any
other, with a `Blank` for what differs from time to time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

_Sql = tuple[str, list[Any]]


class Blank(Expression):
    """Stands for a value, or for a list behind `__among`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(  # type: ignore[override] # it is no value yet
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> _Sql:
        return "%s", [self]


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    parameters: tuple[Any, ...]

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """What it selects, as the driver gives it: numbers and words."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self._filled(values))
            return list(cursor.fetchall())

    def run(self, **values: Any) -> int:
        """Returns how many rows it has changed."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self._filled(values))
            return int(cursor.rowcount)

    def _filled(self, values: dict[str, Any]) -> list[Any]:
        return [
            _adapted(values[each.name]) if isinstance(each, Blank) else each
            for each in self.parameters
        ]


def select(queryset: "models.QuerySet[Any, Any]") -> Statement:
    """`values_list` of a queryset. One that locks is put together in a transaction."""
    sql, parameters = queryset.query.get_compiler(queryset.db).as_sql()
    return Statement(sql, tuple(parameters))


def update(queryset: "models.QuerySet[Any, Any]", **changes: Any) -> Statement:
    """What `queryset.update(**changes)` would execute."""
    query: Any = queryset.query.chain(UpdateQuery)
    query.add_update_values(changes)
    query.clear_ordering(force=True)
    sql, parameters = query.get_compiler(queryset.db).as_sql()
    return Statement(sql, tuple(parameters))


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
