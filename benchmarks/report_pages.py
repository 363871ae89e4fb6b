"""The pages that `reports.py` asks for. Django is set up before they are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"


@dataclass
class Page:
    name: str
    client: Any
    address: str
    status: int = 200
    tag: str = ""

    def ask(self) -> Any:
        headers = {"if-none-match": self.tag} if self.tag else {}
        answer = self.client.get(
            self.address, headers={"host": HOST, **headers}, secure=False
        )
        if answer.status_code != self.status:
            raise SystemExit(f"{self.address}: status {answer.status_code}")
        return answer


def all_pages() -> Iterator[Page]:
    from django.db.models import Max  # noqa: PLC0415

    from mailings.models import Client, Mailing, Run  # noqa: PLC0415
    from users.models import User  # noqa: PLC0415

    manager = signed_in(User.objects.get(email="manager@example.com"))
    large = Mailing.objects.order_by("pk")[0]
    owner = signed_in(large.owner)
    usual = Mailing.objects.filter(owner=large.owner).order_by("pk")[1]
    largest = Run.objects.filter(mailing=large).order_by("pk")[0]
    is_open = Run.objects.filter(mailing=large).order_by("-pk")[0]
    recipient = Client.objects.filter(owner=large.owner).order_by("pk")[3]
    day = Run.objects.aggregate(day=Max("scheduled_for"))["day"].date()
    overview = "/reports/"
    yield Page("overview, manager", manager, overview)
    yield Page("  sorted by refused", manager, f"{overview}?sort=-sum_refused")
    yield Page(
        "  running, by success", manager, f"{overview}?status=running&sort=success"
    )
    yield Page("  one owner's", manager, f"{overview}?owner=owner7@")
    yield Page("  of one day", manager, f"{overview}?since={day}&until={day}")
    yield Page("overview, owner", owner, overview)
    yield Page("  sorted by success", owner, f"{overview}?sort=-success")
    for name, one in (("large", large), ("usual", usual)):
        report = f"/reports/mailings/{one.pk}/"
        yield Page(f"mailing report, {name}", owner, report)
    yield from with_304("mailing chart", owner, f"/reports/mailings/{large.pk}/chart/")
    for name, run in (("finished", largest), ("open", is_open)):
        yield Page(f"run report, {name}", owner, f"/reports/runs/{run.pk}/")
    yield from with_304("run chart", owner, f"/reports/runs/{largest.pk}/chart/")
    yield Page("story of a client", owner, f"/reports/client/{recipient.pk}/")
    story = f"/reports/recipient/?email={recipient.email.upper()}"
    yield Page("story by e-mail", owner, story)
    yield Page("  as manager", manager, story)
    deliveries = f"/runs/{largest.pk}/"
    yield Page("deliveries of a run", owner, deliveries)
    yield Page("  refused", owner, f"{deliveries}?state=refused")
    yield Page("  page 200", owner, f"{deliveries}?page=200")
    yield from only_304("export", owner, f"{deliveries}?export=csv")
    attempts = f"/reports/runs/{largest.pk}/attempts/"
    yield Page("attempts of a run", owner, attempts)
    yield Page("  refused, 550", owner, f"{attempts}?outcome=refused&code=550")
    of_mailing = f"/reports/mailings/{large.pk}"
    yield Page("attempts of a mailing", owner, f"{of_mailing}/attempts/")
    recipients = f"{of_mailing}/recipients/?state=refused"
    yield Page("refused recipients of a mailing", owner, recipients)
    yield Page("runs, owner", owner, "/runs/")
    yield Page("all mailings (manage)", manager, "/manage/")
    yield Page("users (manage)", manager, "/manage/users/")


def with_304(name: str, client: Any, address: str) -> Iterator[Page]:
    page = Page(name, client, address)
    yield page
    tag = page.ask().headers.get("ETag")
    if tag:
        yield Page(f"  304 of {name}", client, address, status=304, tag=tag)


def only_304(name: str, client: Any, address: str) -> Iterator[Page]:
    """Of a file: how long it takes to make depends on its length alone."""
    yield list(with_304(name, client, address))[1]


def signed_in(user: Any) -> Any:
    from django.test import Client  # noqa: PLC0415

    client = Client()
    client.force_login(user)
    return client
