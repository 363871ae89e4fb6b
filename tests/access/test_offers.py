"""Whatever a page offers, link or button, is not refused to who is offered it."""

import re
from collections import deque
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from pytest_django.fixtures import Settings

from tests.access import world
from tests.conftest import empty_cache
from users.roles import MANAGERS, ROLES

pytestmark = pytest.mark.django_db

# Files; the end of the session; what is tried elsewhere (the admin site is Django's).
_LEFT_OUT = ("/static/", "/accounts/logout/", "/i18n/", "/admin/")
# The same page in another order or on file.
_SAME_PAGE = re.compile(r"[?&](sort|export|per_page|refresh)=")


@pytest.fixture
def everything(tmp_path: Path, settings: Settings) -> world.World:
    settings.MAILCATCHER_ENABLED = True
    settings.MAILCATCHER_DIR = tmp_path / "caught"
    return world.build(tmp_path / "caught")


def offered(html: str, address: str) -> Iterator[tuple[str, str]]:
    """Method and address of all links and forms."""
    for link in re.findall(r'(?:href|hx-get|src)="([^"#]+)', html):
        yield "GET", urljoin(address, unescape(link))
    for form in re.findall(r"<form[^>]*>", html):
        if 'method="post"' in form:
            action = re.search(r'action="([^"]+)"', form)
            yield "POST", urljoin(address, unescape(action[1]) if action else address)
    for link in re.findall(r'(?:hx-post|formaction)="([^"]+)"', html):
        yield "POST", urljoin(address, unescape(link))


def asked(browser: Client, method: str, address: str) -> tuple[int, str]:
    """The status, and the page or where it leads to; nothing is left changed."""
    empty_cache()
    cookies = browser.cookies.copy()
    with transaction.atomic():
        answer = browser.get(address) if method == "GET" else browser.post(address)
        transaction.set_rollback(True)
    browser.cookies = cookies
    if answer.status_code == 302:
        return 302, f'href="{answer["Location"]}"'
    is_page = answer["Content-Type"].startswith("text/html") and not answer.streaming
    return answer.status_code, answer.content.decode() if is_page else ""


def crawl(browser: Client, below: str = "/") -> dict[tuple[str, str], int]:
    """Everything `below` that is reached from the first page -> its status."""
    found: dict[tuple[str, str], int] = {}
    waiting = deque([("GET", "/")])
    while waiting:
        method, address = waiting.popleft()
        is_asked = address == "/" or (
            address.startswith(below) and not address.startswith(_LEFT_OUT)
        )
        is_known = (method, address) in found or _SAME_PAGE.search(address)
        if is_known or not is_asked or urlsplit(address).netloc:
            continue
        status, html = asked(browser, method, address)
        found[method, address] = status
        if method == "GET":
            waiting.extend(offered(html, address))
    return found


@pytest.mark.parametrize(
    ("role", "a_page"),
    [
        ("owner", "/mailings/1/share/"),
        ("other", "/accounts/sessions/"),
        ("viewer", "/mailings/1/"),
        ("editor", "/mailings/1/edit/"),
        ("manager", "/manage/users/new/"),
        ("admin", "/manage/users/new/"),
    ],
)
def test_nothing_on_offer_is_refused(
    everything: world.World, role: str, a_page: str
) -> None:
    first = everything.keys["mailings:mailing"]
    found = crawl(everything.browsers[role])
    refused = {what: status for what, status in found.items() if status >= 400}
    assert refused == {}
    assert ("GET", a_page.replace("/1/", f"/{first}/")) in found
    assert any(method == "POST" for method, _ in found)


_ALL = [name.partition(".")[2] for name in ROLES[MANAGERS]]


@pytest.mark.parametrize(
    "codenames",
    [
        ["view_all_mailings", "hold_mailing"],
        ["view_all_users", "block_user"],
        ["view_all_users", "manage_users"],
        ["manage_users", "block_user", "hold_mailing"],
        ["view_audit_log"],
        [each for each in _ALL if each != "view_all_users"],
        [each for each in _ALL if each != "view_all_mailings"],
    ],
    ids="+".join,
)
def test_a_role_of_ones_own_is_offered_what_it_may_do(
    everything: world.World, codenames: list[str]
) -> None:
    browser = everything.browsers["other"]
    other = browser.get("/").context["user"]
    rights = Permission.objects.filter(codename__in=codenames)
    other.user_permissions.set(rights)
    found = crawl(browser, below="/manage/")
    refused = {what: status for what, status in found.items() if status >= 400}
    assert refused == {}
    addresses = {address for _, address in found}
    person = f"/manage/users/{everything.keys['reports:manage-user']}/"
    held = everything.keys["reports:manage-mailing-release"]
    sees = set(codenames)
    assert {
        "/manage/": "view_all_mailings" in sees,
        "/manage/audit/": "view_audit_log" in sees,
        person: "view_all_users" in sees,
        f"{person}block/": {"view_all_users", "block_user"} <= sees,
        f"{person}delete/": {"view_all_users", "manage_users"} <= sees,
        f"/manage/mailings/{held}/release/": {"view_all_mailings", "hold_mailing"}
        <= sees,
    } == {
        address: address in addresses
        for address in (
            *("/manage/", "/manage/audit/", person, f"{person}block/"),
            *(f"{person}delete/", f"/manage/mailings/{held}/release/"),
        )
    }
