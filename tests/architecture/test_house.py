"""House rules that a machine can check; the others are for reviewers."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import CheckConstraint, UniqueConstraint

from tests.architecture.imports import modules_of
from tests.architecture.test_imports import APPS
from tests.conftest import ROOT

LONGEST_MODULE = 400  # lines
LONGEST_FUNCTION = 60  # lines
MODULES = modules_of(ROOT, APPS)

# Module -> the receiver of a signal in it. What must happen is called instead.
RECEIVERS = {
    "mailings.schedules": "the canary: only Q2's monitor can tell that it works",
    "users.sign_ins": "Django and allauth tell of sign-ins in no other way",
    "users.apps": "the groups of the roles exist after each migrate",
}

# What only holds on the machine where it was written. (Put together here, so that
# this file does not mention it.)
_PLACES = [
    re.compile(rf"(?<![\w.:])(?<!\$HOME/){re.escape(place)}")
    for place in ("/work" + "/", "/root" + "/", ".py" + "env", "/home" + "/")
]
_TEXTS = {".py", ".md", ".toml", ".html", ".txt", ".in", ".po", ".js", ".css", ".yml"}
_NOT_OURS = re.compile(r"^(\.git|\.venv.*|var|vendor|__pycache__|\..*_cache)$")

# What a page loads: src, href of link elements, url() and imports of styles.
_LOADED = re.compile(
    r"""(?:\bsrc|\bsrcset|\baction|<link\b[^>]*\bhref)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""",
    re.IGNORECASE,
)


def texts_of(root: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if not _NOT_OURS.search(name)]
        for path in map(Path(folder).joinpath, names):
            if path.suffix in _TEXTS or path.name in ("Makefile", "Procfile", "run"):
                yield path


def too_long(name: str, source: str) -> list[str]:
    """Functions of more lines than a reader keeps in mind, and modules."""
    lines = source.count("\n")
    found = [f"{name}: {lines} lines"] if lines > LONGEST_MODULE else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                found.append(f"{name}.{node.name}: {length} lines")
    return found


def receivers(source: str) -> list[str]:
    """Where a signal is connected to something, by decorator or by call."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(item) for item in node.decorator_list]
            if any(item.startswith("receiver(") for item in decorators):
                found.append(node.name)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".connect"):
            found.append(ast.unparse(node.func))
    return found


def loaded_from_elsewhere(template: str) -> list[str]:
    return [first or second for first, second in _LOADED.findall(template)]


def places_in(text: str) -> list[str]:
    return [match[0] for place in _PLACES if (match := place.search(text))]


def test_modules_and_functions_fit_into_a_head() -> None:
    assert [
        line
        for name, path in MODULES.items()
        for line in too_long(name, path.read_text())
    ] == []


def test_no_signals_but_those_that_are_named() -> None:
    connected = {name for name, path in MODULES.items() if receivers(path.read_text())}
    assert connected - RECEIVERS.keys() == set()


def test_nothing_speaks_of_the_machine_it_was_written_on() -> None:
    assert {
        str(path.relative_to(ROOT)): places
        for path in texts_of(ROOT)
        if (places := places_in(path.read_text(errors="replace")))
    } == {}


def test_pages_load_nothing_from_other_hosts() -> None:
    found = {
        str(path.relative_to(ROOT)): hosts
        for path in texts_of(ROOT)
        if path.suffix in {".html", ".css", ".js"}
        and (hosts := loaded_from_elsewhere(path.read_text()))
    }
    assert found == {}


def constraint_names() -> list[str]:
    return [
        constraint.name
        for app in ("users", "mailings")
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint | UniqueConstraint)
    ]


def test_the_database_refuses_nonsense_and_says_what() -> None:
    names = constraint_names()
    assert len(names) >= 15
    # What the database says when it refuses: three words at least, all in words.
    assert [
        name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+){2,}", name)
    ] == []


@pytest.mark.parametrize("app", ["users", "mailings"])
def test_whatever_has_choices_has_them_from_an_enumeration(app: str) -> None:
    """So that no status is ever spelt as a bare string beside its label."""
    assert [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if getattr(field, "choices", None)
        and not hasattr(model, "instance_type")  # a history copies its model's fields
        and field.name in ("state", "status", "outcome", "periodicity", "reason")
        and not any(
            {str(value) for value, _ in field.choices}
            == {str(value) for value in getattr(enumeration, "values", [])}
            for enumeration in vars(model).values()
        )
    ] == []


# --- the checks themselves ---


def test_what_is_too_long_is_found() -> None:
    body = "    x = 1\n" * LONGEST_FUNCTION
    assert too_long("m", f"def short():\n{body[:-10]}") == []
    assert too_long("m", f"async def long():\n{body}") == ["m.long: 61 lines"]
    assert too_long("m", "x = 1\n" * 401) == ["m: 401 lines"]


@pytest.mark.parametrize(
    "source",
    [
        "@receiver(post_save)\ndef f(): pass",
        "@receiver([a, b], sender=M)\ndef f(): pass",
        "def ready(self):\n    post_migrate.connect(f)",
    ],
)
def test_a_receiver_is_found(source: str) -> None:
    assert len(receivers(source)) == 1


@pytest.mark.parametrize(
    ("template", "found"),
    [
        (
            '<script src="https://cdn.example.com/x.js">',
            ["https://cdn.example.com/x.js"],
        ),
        ("<img src=//example.com/x.png>", ["//example.com/x.png"]),
        (
            '<link rel="x" href="http://example.com/x.css">',
            ["http://example.com/x.css"],
        ),
        ("a { background: url(https://example.com/x) }", ["https://example.com/x"]),
        ('@import "//example.com/x.css";', ["//example.com/x.css"]),
        ('<script src="{% static "x.js" %}"></script>', []),
        ('<a href="https://example.com/">a link loads nothing</a>', []),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(
    template: str, found: list[str]
) -> None:
    assert loaded_from_elsewhere(template) == found


def test_a_place_of_this_machine_is_found() -> None:
    assert places_in("cd /work" + "/main && ls") == ["/work" + "/"]
    assert places_in("https://example.com/work" + "/x and ./root" + "/y") == []
    assert places_in("$HOME/.py" + "env/versions may be on any machine") == []
