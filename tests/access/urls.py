"""Every address that the resolver knows."""

from collections.abc import Iterator
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver


class Route(NamedTuple):
    name: str  # with its namespaces; the pattern where there is no name
    pattern: str
    arguments: tuple[str, ...]

    @property
    def path(self) -> str:
        """As a reader would write it."""
        text = self.pattern
        for sign in "^$":
            text = text.replace(sign, "")
        return f"/{text}"


def all_routes() -> dict[str, Route]:
    return {route.name: route for route in _walk(get_resolver(), "", "", ())}


def _walk(
    resolver: URLResolver, namespace: str, prefix: str, arguments: tuple[str, ...]
) -> Iterator[Route]:
    for found in resolver.url_patterns:
        pattern = f"{prefix}{found.pattern}"
        names = (*arguments, *found.pattern.regex.groupindex)
        if isinstance(found, URLResolver):
            inner = f"{found.namespace}:" if found.namespace else ""
            yield from _walk(found, f"{namespace}{inner}", pattern, names)
        elif isinstance(found, URLPattern):
            name = f"{namespace}{found.name}" if found.name else pattern
            yield Route(name, pattern, names)
