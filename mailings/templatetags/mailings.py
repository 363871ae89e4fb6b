"""Tags for the pages about mailings."""

from typing import Any

from django import template
from django.conf import settings
from django.forms import BaseForm, BoundField
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from mailings import badges
from mailings.condition import Condition
from mailings.condition import condition as condition_at
from mailings.models import Attempt, Delivery, Import, Mailing, Run, Suppression
from mailings.models.run import OPEN_STATES, STATES

register = template.Library()


@register.filter(name="badges")
def badges_of(
    row: Mailing | Run | Delivery | Attempt | Suppression | Import,
) -> SafeString:
    return format_html_join(" ", "{}", ((badge,) for badge in badges.of(row)))


@register.simple_tag(takes_context=True)
def condition(context: Context) -> Condition:
    """
    Does the worker work, does the server take mail, is sending held? One query, if the
    view has not asked already.
    """
    found: Condition | None = context.get("condition")
    return found or condition_at(timezone.now())


@register.inclusion_tag("mailings/_ledger_bar.html")
def ledger_bar(run: Run) -> dict[str, Any]:
    """The run's deliveries as one bar; each state as wide as its share of 100."""
    segments, x = [], 0.0
    for name in sorted(STATES, key=OPEN_STATES.__contains__):
        width = 100 * getattr(run, name) / run.planned if run.planned else 0
        if width:
            segments.append((name, f"{x:.3f}", f"{width:.3f}"))
        x += width
    done = run.planned - run.open_deliveries
    return {"run": run, "segments": segments, "done": done}


@register.inclusion_tag("mailings/_picker.html")
def picker(field: BoundField) -> dict[str, Any]:
    choice: Any = field.field
    row: Any = getattr(field.form, "instance", None)
    # What was picked is found already, if the form has looked for it.
    found: Any = getattr(field.form, "cleaned_data", {}).get(field.name)
    return {
        "field": field,
        "choice": choice,
        "options": choice.options(field.value() if found is None else found),
        "mailing": row.pk if isinstance(row, Mailing) else None,
    }


@register.simple_tag
def outbox_is_there() -> bool:
    return bool(settings.MAILCATCHER_ENABLED)


@register.inclusion_tag("mailings/_said.html")
def said(form: BaseForm, name: str) -> dict[str, Any]:
    """What is wrong with one field, for the place below it while one fills in."""
    return {"name": name, "errors": form.errors.get(name, ())}
