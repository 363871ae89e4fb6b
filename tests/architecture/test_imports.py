"""
Imports run one way, and each foreign library has one door.

The rules are data. Where the code has to grow past them, they are changed here, on
purpose and in sight.
"""

from pathlib import Path

import pytest

from tests.architecture.imports import (
    against_directions,
    all_imports,
    cycles,
    is_in,
    modules_of,
    reached_from,
    through_wrong_doors,
)
from tests.conftest import ROOT

APPS = ("mailsvc", "users", "mailings", "reports")
PURE = (
    "mailings.html",
    "mailings.placeholders",
    "mailings.recurrence",
    "mailings.tokens",
)
_BELOW = ("users", "mailsvc")
_MODELS = (*_BELOW, *PURE, "mailings.models")
_SCREEN = (*_MODELS, "mailings.badges", "mailings.outbox")

# Part -> what it may import besides itself. (A part's parts have their own rules.)
MAY_IMPORT = {
    "mailsvc": (),
    "mailsvc.validators": (),
    "mailsvc.urls": ("mailsvc", "users", "mailings", "reports"),  # puts them together
    "users": ("mailsvc",),
    **dict.fromkeys(PURE, ()),
    "mailings.models": (*_BELOW, *PURE),
    "mailings.delivery": _MODELS,
    "mailings.importing": _MODELS,
    "mailings.schedules": _MODELS,
    "mailings.lifecycle": (*_MODELS, "mailings.schedules", "mailings.delivery"),
    "mailings.suppressing": (*_MODELS, "mailings.lifecycle", "mailings.delivery"),
    "mailings.retrying": (
        *_MODELS,
        "mailings.lifecycle",
        "mailings.schedules",
        "mailings.delivery",
    ),
    "mailings.removing": _MODELS,
    "mailings.attaching": _MODELS,
    "mailings.imports": (
        *_MODELS,
        "mailings.lifecycle",
        "mailings.schedules",
        "mailings.importing",
    ),
    "mailings.tasks": (
        *_MODELS,
        "mailings.lifecycle",
        "mailings.delivery",
        "mailings.importing",
        "mailings.imports",
    ),
    "mailings.demo": (
        *_MODELS,
        "mailings.lifecycle",
        "mailings.delivery",
        "mailings.suppressing",
    ),
    "mailings.departure": (*_MODELS, "mailings.lifecycle", "mailings.delivery"),
    "mailings.management": (
        *_MODELS,
        "mailings.lifecycle",
        "mailings.delivery",
        "mailings.importing",
        "mailings.imports",
        "mailings.demo",
        "mailings.previewing",
        "mailings.rehearsal",
    ),
    "mailings.badges": _MODELS,
    "mailings.outbox": _BELOW,
    "mailings.condition": (*_MODELS, "mailings.delivery"),
    "mailings.outlook": (*_MODELS, "mailings.delivery"),
    "mailings.previewing": (*_MODELS, "mailings.delivery"),
    "mailings.rehearsal": (*_MODELS, "mailings.delivery", "mailings.previewing"),
    "mailings.trying": (*_MODELS, "mailings.delivery", "mailings.previewing"),
    # What goes on depends on how the installation does.
    "mailings.pace": (*_MODELS, "mailings.condition"),
    "mailings.headcount": _MODELS,
    "mailings.timeline": _MODELS,
    "mailings.agenda": (*_MODELS, "mailings.delivery", "mailings.pace"),
    "mailings.confirming": (
        *_MODELS,
        "mailings.lifecycle",
        "mailings.schedules",
        "mailings.delivery",
    ),
    # Shows how the installation does.
    "mailings.templatetags": (*_SCREEN, "mailings.condition"),
    "mailings.forms": _SCREEN,
    "mailings.tables": (
        *_SCREEN,
        "mailings.pace",
        "mailings.condition",
        "mailings.outlook",
    ),
    "mailings.filters": _SCREEN,
    "mailings.views": (
        *_SCREEN,
        "mailings.forms",
        "mailings.tables",
        "mailings.filters",
        "mailings.lifecycle",
        "mailings.outlook",
        "mailings.delivery.compose",  # a recipient that no letter can be made for
        "mailings.previewing",
        "mailings.agenda",
        "mailings.headcount",
        "mailings.timeline",
        "mailings.pace",
        "mailings.rehearsal",
        "mailings.attaching",
        "mailings.removing",
        "mailings.retrying",
        "mailings.suppressing",
        "mailings.trying",
        "mailings.importing",
        "mailings.imports",
        "mailings.condition",  # an import waits for the worker
    ),
    "mailings.admin": (*_SCREEN, "mailings.forms", "mailings.lifecycle"),
    "mailings.urls": ("mailings.views",),
    "mailings.apps": ("mailings.schedules",),
    # Reads only: no verbs.
    "reports": (
        *_SCREEN,
        "mailings.condition",
        "mailings.management.lookups",
        "mailings.delivery.circuit",
        "mailings.delivery.statistics",
        "mailings.filters",
        "mailings.forms.fields",  # a moment on the reader's clock, to filter by
        "mailings.tables",  # deliveries look the same wherever they are listed
        "mailings.retrying",  # what can be tried again, for the form
    ),
    # Managers hold mailings and delete users: by the verbs, as everybody.
    "reports.views": (
        *_SCREEN,
        "mailings.filters",
        "mailings.tables",
        "mailings.lifecycle",
        "mailings.retrying",
        "mailings.confirming",
        "mailings.departure",
        "mailings.delivery.server",  # its name
        "mailings.delivery.forecast",
        "mailings.delivery.identity",
        "reports",
    ),
}

# Single imports that the rules above do not allow, and why they are there.
EXCEPTIONS: dict[tuple[str, str], str] = {}

# Library -> module that may import it -> why, where it is not the door itself.
DOORS = {
    "django_q": {
        "mailings.schedules": "",
        "users.mails": "mails about accounts; users may not import mailings",
        "mailsvc.management.commands.qcluster": "our way of stopping it",
    },
    "guardian": {
        "users.permissions": "",
        "users.models.user": "the mixin of the user",
        "mailings.models.sharing": "the base classes of its rows",
    },
    "django.core.cache": {
        "mailsvc.cache": "",
        "mailsvc.patient_redis": "what is counted in memory while Redis is away",
    },
    "django_redis": {"mailsvc.patient_redis": ""},
    "redis": {"mailsvc.patient_redis": ""},
    "smtplib": {"mailings.delivery.smtp": ""},
    "ssl": {"mailings.delivery.smtp": ""},
    "socket": {
        "mailings.delivery.smtp": "",
        "mailings.delivery.journal": "the name of this host, no connection",
        "mailsvc.ports": "is the port free?",
    },
    "asyncio": {
        "mailings.delivery.smtp": "",
        "mailings.delivery.courier": "the event loop; opens nothing itself",
        "mailings.delivery.single": "the event loop, as the courier",
        "mailings.delivery.wire": "the protocol of a connection that smtp opens",
        "mailsvc.management.commands.mailcatcher": "aiosmtpd runs in one",
    },
    "aiosmtpd": {"mailsvc.management.commands.mailcatcher": ""},
    "simple_history": {"users.history": ""},
    "nh3": {"mailings.html": ""},
    "prometheus_client": {"reports.metrics": ""},
    "environ": {"mailsvc.settings": ""},
    "limits": {"mailsvc.rates": ""},
}

# They know no database, whatever they import: values in, values out.
NO_DATABASE = (
    *PURE,
    "mailings.delivery.courier",
    "mailings.delivery.grounds",
    "mailings.delivery.journal",
    "mailings.delivery.letter",
    "mailings.delivery.pipelining",
    "mailings.delivery.replies",
    "mailings.delivery.retry",
    "mailings.delivery.skeleton",
    "mailings.delivery.smtp",
    "mailings.delivery.throttle",
    "mailings.delivery.tray",
    "mailings.delivery.wire",
)
# A type of Django's that happens to live there.
_NOT_THE_DATABASE = {"django.db.models.TextChoices"}

IMPORTS = all_imports(ROOT, APPS)


def test_imports_run_one_way() -> None:
    imports = [
        found for found in IMPORTS if (found.module, found.name) not in EXCEPTIONS
    ]
    assert against_directions(imports, MAY_IMPORT) == []


def test_no_exception_outlives_its_reason() -> None:
    assert (
        EXCEPTIONS.keys() - {(found.module, found.name) for found in IMPORTS} == set()
    )


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert cycles(IMPORTS) == []


def test_each_foreign_library_has_one_door() -> None:
    assert through_wrong_doors(IMPORTS, DOORS) == []


def test_no_door_is_left_open_for_nobody() -> None:
    used = {
        (library, found.module)
        for found in IMPORTS
        for library in DOORS
        if is_in(found.name, library)
    }
    existing = modules_of(ROOT, APPS)
    assert [
        f"{module} no longer imports {library}"
        for library, modules in DOORS.items()
        for module, why in modules.items()
        if why and module in existing and (library, module) not in used
    ] == []


def test_the_engine_knows_no_pages() -> None:
    pages = ("django.http", "django.forms", "django.shortcuts", "django.views")
    assert [
        str(found)
        for found in IMPORTS
        if is_in(found.module, "mailings.delivery")
        and any(is_in(found.name, package) for package in (*pages, "django.contrib"))
    ] == []


@pytest.mark.parametrize("module", NO_DATABASE)
def test_what_is_pure_reaches_no_database(module: str) -> None:
    assert module in modules_of(ROOT, APPS)
    assert {
        name
        for name in reached_from(module, IMPORTS)
        if is_in(name, "django.db") or is_in(name, "mailings.models")
    } <= _NOT_THE_DATABASE


# --- the checks themselves, on a small house with a crack in it ---


class House:
    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def wrong_directions(self) -> list[str]:
        rules = {"low": (), "high": ("low",), "high.views": ("low", "high.models")}
        return against_directions(all_imports(self.root, ["low", "high"]), rules)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.write("low/__init__.py", "")
    house.write("low/cache.py", "from django.core.cache import cache\n")
    house.write("high/__init__.py", "")
    house.write("high/models.py", "from low import cache\nimport json\n")
    house.write("high/views.py", "from high.models import Thing\n")
    house.write("high/migrations/0001.py", "import low.secret, reports, django_q\n")
    return house


def test_a_sound_house_passes(house: House) -> None:
    imports = all_imports(house.root, ["low", "high"])
    doors = {"django.core.cache": {"low.cache": ""}, "django_q": {"high.nowhere": ""}}

    assert house.wrong_directions() == []
    assert through_wrong_doors(imports, doors) == []
    assert cycles(imports) == []
    assert reached_from("high.views", imports) == {
        "high.models.Thing",
        "json",
        "low.cache",
        "django.core.cache.cache",
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import high.models", "high.models"),
        ("from high import models", "high.models"),
        ("from high.models import Thing", "high.models.Thing"),
        ("def f():\n    from high.models import Thing", "high.models.Thing"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import high",
            "high",
        ),
        ("try:\n    import high\nexcept ImportError:\n    pass", "high"),
    ],
)
def test_a_step_upwards_is_found_in_every_form(
    house: House, text: str, name: str
) -> None:
    house.write("low/cache.py", text)

    assert [line.partition(" ")[2] for line in house.wrong_directions()] == [
        f"imports {name}"
    ]


def test_a_part_of_a_part_has_its_own_rules(house: House) -> None:
    house.write("high/tables.py", "")
    house.write("high/views.py", "from . import models\nfrom .tables import Table\n")

    assert house.wrong_directions() == ["high.views:2 imports high.tables.Table"]


def test_a_module_without_a_rule_is_found(house: House) -> None:
    house.write("low/new/__init__.py", "import low.cache\n")
    imports = all_imports(house.root, ["low"])

    assert against_directions(imports, {"low.cache": ()}) == [
        "low.new is in no part that has a rule"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import django_q",
        "import django_q.tasks as tasks",
        "from django_q.tasks import async_task",
        "def f():\n    from django_q import tasks",
    ],
)
def test_a_library_by_the_window_is_found(house: House, text: str) -> None:
    house.write("high/views.py", text)
    imports = all_imports(house.root, ["low", "high"])

    assert len(through_wrong_doors(imports, {"django_q": {"high.models": ""}})) == 1
    assert through_wrong_doors(imports, {"django_q": {"high.views": ""}}) == []


def test_a_circle_is_found_however_long(house: House) -> None:
    house.write("high/models.py", "from high import forms\n")
    house.write("high/forms.py", "def f():\n    from high.views import View\n")
    imports = all_imports(house.root, ["low", "high"])

    assert cycles(imports) == [["high.forms", "high.models", "high.views"]]
