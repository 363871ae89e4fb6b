"""
Queries that are put into words once.

To make SQL of a queryset takes Django longer than it takes a database to answer a small
one. What every page asks has always the same words: they are made the first time and
kept, and only the values change.

    _known = Statement(
        lambda: User.objects.filter(email=Parameter("email")).values_list("pk", "email")
    )
    _known.rows(email="ann@example.com")
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Expression, QuerySet
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler


class Parameter(Expression):
    """The place of a value in a condition; the value comes when the query is run."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        return "%s", [self]


class _Words(NamedTuple):
    model: Any
    sql: str
    values: tuple[Any, ...]  # a Parameter where one comes with the question
    columns: list[Any]  # that are selected, as expressions


class Statement:
    """
    The queryset that `build` makes, with a `Parameter` wherever a value differs from
    question to question. Nothing in it may depend on language, time zone or moment.

    A value is given as it is in the column: a key, not the object; for `__among`, a
    list. One that locks is put into words in the transaction that runs it.
    """

    def __init__(self, build: "Callable[[], QuerySet[Any, Any]]") -> None:
        self._build = build
        self._words: dict[str, _Words] = {}  # by the kind of database

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """As the queryset's `values_list` gives them."""
        return self._ask(self._in_words(), values)

    def objects(self, **values: Any) -> list[Any]:
        """As the queryset gives them, if it joins nothing and asks for all columns."""
        words = self._in_words()
        names = [field.attname for field in words.model._meta.concrete_fields]
        make = words.model.from_db
        return [make(connection.alias, names, row) for row in self._ask(words, values)]

    def sql(self, **values: Any) -> tuple[str, list[Any]]:
        """To be a part of another query."""
        words = self._in_words()
        return words.sql, list(_filled_in(words.values, values))

    def _in_words(self) -> _Words:
        if connection.vendor not in self._words:
            rows = self._build()
            compiler = rows.query.get_compiler(connection=connection)
            sql, values = compiler.as_sql()
            # Not the compiler: it would keep this thread's connection open.
            columns = [each[0] for each in compiler.select]
            words = _Words(rows.model, sql, tuple(values), columns)
            self._words[connection.vendor] = words
        return self._words[connection.vendor]

    def _ask(self, words: _Words, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(words.sql, list(_filled_in(words.values, values)))
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        converters = [
            (place, convert, column)
            for place, column in enumerate(words.columns)
            for convert in (
                *connection.ops.get_db_converters(column),
                *column.get_db_converters(connection),
            )
        ]
        if not converters:
            return rows
        changed = [list(row) for row in rows]
        for place, convert, column in converters:
            for row in changed:
                row[place] = convert(row[place], column, connection)
        return [tuple(row) for row in changed]


class Change:
    """What `update(**changes)` of the queryset would do, put into words once, too."""

    def __init__(
        self, build: "Callable[[], QuerySet[Any, Any]]", **changes: Any
    ) -> None:
        self._build, self._changes = build, changes
        self._words: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def run(self, **values: Any) -> int:
        """Returns how many rows it has changed."""
        sql, parameters = self._in_words()
        with connection.cursor() as cursor:
            cursor.execute(sql, list(_filled_in(parameters, values)))
            return int(cursor.rowcount)

    def _in_words(self) -> tuple[str, tuple[Any, ...]]:
        if connection.vendor not in self._words:
            query: Any = self._build().query.chain(UpdateQuery)
            query.add_update_values(self._changes)
            query.clear_ordering(force=True)
            sql, values = query.get_compiler(connection=connection).as_sql()
            self._words[connection.vendor] = sql, tuple(values)
        return self._words[connection.vendor]


def as_one(values: Iterable[int | str]) -> str:
    """The list as one parameter, for `__among`."""
    if connection.vendor != "postgresql":
        return json.dumps(list(values))
    quoted = (str(each).replace("\\", r"\\").replace('"', r"\"") for each in values)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"


def _filled_in(values: tuple[Any, ...], given: dict[str, Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Parameter):
            value = given[value.name]
            if isinstance(value, datetime):
                value = connection.ops.adapt_datetimefield_value(value)
            elif isinstance(value, list):
                value = as_one(value)
        yield value
