"""All rows of all tables: what a refused request must leave as they are."""

from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session

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
