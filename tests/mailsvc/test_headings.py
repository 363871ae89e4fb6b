"""Every column of every table has a heading in the reader's language, in files, too."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.urls import get_resolver
from django.utils import timezone, translation
from django.utils.html import strip_tags

from mailings.tables import AllRunsTable
from mailsvc.exports import answer
from mailsvc.tables import BaseTable, BoundedTable, LateTable, SearchedTable

# Words that are the same in both languages, such as a name of a format.
_SAME = re.compile(r"\b(URL|IP|HTML|SMTP|CSV|XLSX)\b")


def _below(kind: type[BaseTable]) -> Iterator[type[BaseTable]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _tables() -> list[type[BaseTable]]:
    import_module(get_resolver().urlconf_name)  # every view, and what it shows
    found = {
        each
        for each in _below(BaseTable)
        if each not in (BoundedTable, LateTable, SearchedTable)
    }
    return sorted(found, key=lambda each: each.__qualname__)


def _made(kind: type[BaseTable], *, as_list: bool = False) -> Any:
    """A table as a page has it, of no rows."""
    kwargs = {}
    if "now" in inspect.signature(kind.__init__).parameters:
        kwargs["now"] = timezone.now()
    model = kind._meta.model
    return kind([] if as_list or model is None else model.objects.none(), **kwargs)


def _strange(headings: list[str]) -> list[str]:
    return [each for each in headings if re.search(r"[A-Za-z]", _SAME.sub("", each))]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", _tables())
def test_on_a_russian_page_every_heading_is_russian(kind: type[BaseTable]) -> None:
    tables = [_made(kind)]
    if not issubclass(kind, BoundedTable | SearchedTable):
        tables.append(_made(kind, as_list=True))
    with translation.override("ru"):
        for table in tables:
            shown = [strip_tags(str(column.header)) for column in table.columns]
            assert _strange(shown) == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", _tables())
def test_and_in_a_russian_file(kind: type[BaseTable]) -> None:
    with translation.override("ru"):
        content: Any = answer(_made(kind), "table", "csv")
        head = b"".join(content.streaming_content).decode().splitlines()[0]
    assert _strange([head]) == []


@pytest.mark.django_db
def test_a_short_heading_has_the_whole_one_as_its_title_and_in_files() -> None:
    with translation.override("ru"):
        table = _made(AllRunsTable)
        head, *_rows = table.as_values()
        shown = str(table.columns["planned"].header)
    assert shown == '<abbr title="Запланировано">План</abbr>'
    assert "Запланировано" in head


def test_there_are_tables_that_this_is_about() -> None:
    assert len(_tables()) > 20
