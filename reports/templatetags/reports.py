"""Tags of the reports."""

from django import template

from reports import tables

register = template.Library()


@register.simple_tag
def percent(value: float | None) -> str:
    return tables.percent(value)
