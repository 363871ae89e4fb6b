"""All rows of all tables: what a refused request must leave as they are."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection

# Who asks for a page may begin a session; and what no request writes is left out.
_LEFT_OUT = {Session._meta.label}

Picture = dict[str, list[dict[str, Any]]]


def picture() -> Picture:
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.label not in _LEFT_OUT and model._meta.managed
        if not model._meta.proxy
    }


def differences(before: Picture, after: Picture) -> list[str]:
    """The tables that are not what they were."""
    return [label for label in before if before[label] != after[label]]


_WRITES = re.compile(r"(?<!FOR )\b(INSERT|UPDATE|DELETE|REPLACE|TRUNCATE)\b")


@contextmanager
def writes() -> Iterator[list[str]]:
    """The statements meanwhile that may have changed a table that counts."""
    found: list[str] = []

    def watch(
        execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        if _WRITES.search(sql) and Session._meta.db_table not in sql:
            found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield found
