#!/usr/bin/env python
"""
What a first view of each page costs a browser that has nothing yet.

    python benchmarks/pages.py

Starts the demo as in production (collected, compressed static files, no DEBUG), opens
each page in a Chromium that takes gzip, and counts requests and bytes on the wire.
Exits with 1 if a page needs more than the goals, or asks another host for anything.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import BrowserContext, sync_playwright  # noqa: E402

from tests.browser.tour import demo  # noqa: E402 - from wherever it is called
from tests.support import chromium  # noqa: E402

REQUESTS, BYTES = 15, 150_000  # the goals
PAGES = (
    *("/accounts/login/", "/", "/mailings/", "/mailings/new/", "/mailings/calendar/"),
    *("/clients/", "/clients/import/", "/lists/", "/messages/", "/runs/", "/reports/"),
    *("/reports/mailings/1/", "/reports/runs/1/"),
    *("/suppressed/", "/outbox/", "/profile/"),
    *("/manage/", "/manage/users/", "/manage/audit/"),
)


@dataclass
class Cost:
    requests: int = 0
    bytes: int = 0
    elsewhere: list[str] = field(default_factory=list)

    @property
    def is_too_much(self) -> bool:
        return self.requests > REQUESTS or self.bytes > BYTES or bool(self.elsewhere)


def cost_of(context: BrowserContext, site: str, path: str) -> Cost:
    page, found = context.new_page(), Cost()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    session.send(
        "Network.setExtraHTTPHeaders", {"headers": {"Accept-Encoding": "gzip"}}
    )

    def asked(event: Any) -> None:
        url = event["request"]["url"]
        if url.startswith("data:"):
            return
        found.requests += 1
        if urlsplit(url).netloc != urlsplit(site).netloc:
            found.elsewhere.append(url)

    def loaded(event: Any) -> None:
        found.bytes += int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", loaded)
    page.goto(f"{site}{path}", wait_until="networkidle")
    page.close()
    return found


def main() -> int:
    path = chromium.path()
    if path is None:
        sys.exit("There is no Chromium.")
    missed = 0
    with demo() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        for who in ("", "anna", "admin"):
            context = browser.new_context(locale="en-GB")
            if who:
                page = context.new_page()
                page.goto(f"{site}/accounts/login/")
                page.get_by_label("Email").fill(f"{who}@example.org")
                page.get_by_label("Password", exact=True).fill("demo")
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url(f"{site}/")
                page.close()
            for address in PAGES:
                is_managers = address.startswith("/manage/")
                is_open = address.startswith("/accounts/")
                if (not who) != is_open or (who == "admin") != (
                    is_managers and not is_open
                ):
                    continue
                cost = cost_of(context, site, address)
                missed += cost.is_too_much
                sys.stdout.write(
                    f"{address:22} {cost.requests:3} requests {cost.bytes:8,} bytes"
                    f"{'  TOO MUCH' if cost.is_too_much else ''}"
                    f"{' '.join(cost.elsewhere)}\n"
                )
            context.close()
        browser.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
