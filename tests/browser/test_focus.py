"""What is fetched anew keeps the focus where it was; a chart comes when it is seen."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import recipes
from users.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_link_in_a_part_that_looks_again_keeps_the_focus(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    recipes.client(alice)
    mailing = recipes.mailing(alice, title="News")
    run = recipes.run(mailing, pending=2, accepted=1)
    signed_in.goto(f"{live_server.url}/")
    link = signed_in.locator(f'#live a[href="{run.get_absolute_url()}"]')
    link.focus()
    with signed_in.expect_response(f"{live_server.url}/"):
        signed_in.evaluate(
            "htmx.ajax('GET', '/', "
            "{target: '#live', select: '#live', swap: 'outerHTML'})"
        )
    expect(link).to_be_focused()


def test_a_chart_is_drawn_once_it_is_seen(
    signed_in: Page, live_server: LiveServer, alice: User
) -> None:
    run = recipes.run(recipes.mailing(alice, title="News"), accepted=2, refused=1)
    recipes.attempt(run.deliveries.first(), outcome="accepted")
    scripts: list[str] = []
    signed_in.on("request", lambda request: scripts.append(request.url))
    signed_in.set_viewport_size({"width": 360, "height": 400})
    signed_in.goto(f"{live_server.url}/reports/runs/{run.pk}/")
    assert not any("chart.umd" in each for each in scripts)
    signed_in.locator("canvas[data-chart]").scroll_into_view_if_needed()
    signed_in.wait_for_function(
        "() => window.Chart && Chart.getChart(document.querySelector('canvas'))"
    )
