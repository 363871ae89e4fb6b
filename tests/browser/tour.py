"""
The pictures of docs/tour.md, made anew: `make screenshots`.

Starts the demo with its own directory and ports, goes through a user's and a manager's
day in Chromium, and leaves one WebP per page in docs/tour/. It sends nothing anywhere
but to the demo's own mail catcher.
"""

import base64
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support import chromium

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "docs" / "tour"
QUALITY = 82
WIDE, NARROW = (1280, 800), (360, 740)
CATALOGUE = "Осенний каталог"
DAILY = "Предложение дня"
# cp1251 and semicolons, as a Russian Excel saves it; two rows are not right.
FILE = (
    "Имя;Почта;Комментарий\nГалина Сергеева;galina@ru.example.com;Выставка\n"
    "Павел Титов;pavel@ru.example.com;\nБез адреса;;\nТимур;timur(at)example.com;\n"
    "Анна Иванова;client001@ru.example.com;Звонить утром\n"
)


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo of its own, whose worker works."""
    web, mail = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "VAR_DIR": folder, "SITE_URL": f"http://127.0.0.1:{web}"}
        for name in ("DATABASE_URL", "CACHE_URL", "EMAIL_URL"):
            env.pop(name, None)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--demo"],
            cwd=ROOT,
            env=env | {"PORT": str(web), "MAILCATCHER_PORT": str(mail)},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for(f"http://127.0.0.1:{web}/readyz", process)
            yield f"http://127.0.0.1:{web}"
        finally:
            process.terminate()
            process.wait(timeout=90)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            if process.poll() is not None:
                sys.exit("The demo did not start.")
            time.sleep(1)
    sys.exit("The demo's worker gave no sign in five minutes.")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _today() -> date:
    return datetime.now(UTC).date()


class Camera:
    """A browser of one person, and where its pictures go."""

    def __init__(self, browser: Browser, site: str, who: str) -> None:
        self.site = site
        self.page: Page = browser.new_context(locale="en-GB").new_page()
        self.page.goto(f"{site}/accounts/login/")
        self.page.get_by_label("Email").fill(f"{who}@example.org")
        self.page.get_by_label("Password", exact=True).fill("demo")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{site}/")

    def look(
        self, path: str, *, language: str, theme: str = "light", size: object = WIDE
    ) -> Page:
        """The page as somebody with this language, theme and screen sees it."""
        page = self.page
        self.be(language, theme)
        width, height = WIDE if size is WIDE else NARROW
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{self.site}{path}")
        return page

    def be(self, language: str, theme: str) -> None:
        page = self.page
        page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        page.evaluate(f"localStorage.setItem('theme', '{theme}')")
        if page.locator("html").get_attribute("lang") != language:
            page.goto(f"{self.site}/profile/")
            page.get_by_role("button", name=language.upper(), exact=True).click()
            expect(page.locator("html")).to_have_attribute("lang", language)

    def take(self, name: str) -> None:
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(400)  # charts and collapsing parts move
        session = self.page.context.new_cdp_session(self.page)
        asked = {"format": "webp", "quality": QUALITY}
        picture = session.send("Page.captureScreenshot", asked)
        (OUT / f"{name}.webp").write_bytes(base64.b64decode(picture["data"]))
        session.detach()

    def shoot(self, name: str, path: str, **how: str) -> None:
        self.look(path, **how)  # type: ignore[arg-type]
        self.take(name)

    def path_of(self, title: str, below: str = "/mailings/") -> str:
        self.page.goto(f"{self.site}{below}")
        link = self.page.locator("main a", has_text=title).first
        return str(link.get_attribute("href"))


def a_newcomer(camera: Camera) -> None:
    camera.shoot("first-steps", "/", language="en")


def a_user(camera: Camera) -> None:
    page = camera.look("/clients/import/", language="en")
    file = {"name": "clients.csv", "mimeType": "text/csv"}
    page.set_input_files(
        "input[type=file]",
        [file | {"buffer": FILE.encode("cp1251")}],  # type: ignore[list-item]
    )
    page.get_by_role("button", name="Check the file").click()
    camera.take("import")
    page = camera.look("/clients/?q=попова", language="ru", theme="dark")
    for box in page.get_by_role("checkbox").all()[:3]:
        box.check()
    camera.take("clients-dark-ru")
    camera.shoot("suppressed", "/suppressed/", language="en")
    _a_mailing(camera)
    camera.shoot("calendar", "/mailings/calendar/", language="en")
    camera.shoot(
        "calendar-360-ru",
        "/mailings/calendar/",
        language="ru",
        theme="dark",
        size="narrow",
    )
    report = camera.path_of(CATALOGUE).replace("/mailings/", "/reports/mailings/")
    camera.shoot("report", report, language="en")
    camera.shoot("home-ru", "/", language="ru")
    camera.shoot("outbox", "/outbox/", language="en", theme="dark")


def _a_mailing(camera: Camera) -> None:
    """It is set up, checked, started, and looked at while it runs."""
    page = camera.look("/mailings/new/", language="en")
    page.locator("[name=message]").select_option(index=1)
    page.get_by_role("textbox", name="Title").fill("Winter preview")
    page.get_by_role("checkbox", name="Покупатели", exact=True).check()
    year = _today().year + 1
    page.locator("[name=start_at]").fill(f"{year}-01-31T09:00")
    page.locator("[name=end_at]").fill(f"{year}-12-31T09:00")
    page.locator("[name=periodicity]").select_option("monthly")
    expect(page.locator("#foreseen")).to_contain_text("28 Feb")
    page.locator("#foreseen").scroll_into_view_if_needed()
    camera.take("mailing-form")
    page.locator("[name=start_at]").fill(f"{_today()}T00:00")
    end = _today() + timedelta(days=3)
    page.locator("[name=end_at]").fill(f"{end}T18:00")
    page.locator("[name=periodicity]").select_option("daily")
    page.get_by_role("button", name="Next: check and start").click()
    page.evaluate("window.scrollTo(0, 0)")
    camera.take("check-and-start")
    page.locator("main form button").first.click()
    page.wait_for_url("**/mailings/*/")
    page.wait_for_timeout(500)
    camera.shoot("mailings-dark-ru", "/mailings/", language="ru", theme="dark")
    path = camera.path_of("Winter preview")
    camera.shoot("mailing-360", path, language="en", size="narrow")
    run = camera.path_of(CATALOGUE)
    page = camera.look(run, language="en")
    page.locator("td a[href^='/runs/']").first.click()
    camera.take("run")


def a_manager(camera: Camera) -> None:
    camera.shoot("manage-mailings", "/manage/", language="en")
    mailing = camera.path_of(DAILY, "/manage/").strip("/").split("/")[-1]
    page = camera.look(f"/manage/mailings/{mailing}/hold/", language="ru")
    page.locator("[name=reason]").fill("Жалобы получателей: слишком часто")
    camera.take("hold-ru")
    page.locator("main form button").first.click()
    camera.shoot("users-dark-ru", "/manage/users/", language="ru", theme="dark")
    person = camera.path_of("ben@example.org", "/manage/users/")
    page = camera.look(f"{person}block/", language="en")
    page.locator("[name=reason]").fill("Sends to bought addresses")
    camera.take("block")
    camera.shoot("audit", "/manage/audit/", language="en")


def what_the_owner_sees(camera: Camera) -> None:
    camera.shoot("held", camera.path_of(DAILY), language="en")


def main() -> None:
    path = chromium.path()
    if path is None:
        sys.exit(f"There is no Chromium: none of {', '.join(chromium.NAMES)} is there.")
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.webp"):
        old.unlink()
    with demo() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        a_newcomer(Camera(browser, site, "admin"))
        a_user(Camera(browser, site, "anna"))
        a_manager(Camera(browser, site, "manager"))
        what_the_owner_sees(Camera(browser, site, "anna"))
        browser.close()
    pictures = sorted(OUT.glob("*.webp"))
    total = sum(each.stat().st_size for each in pictures)
    where = OUT.relative_to(Path.cwd()) if OUT.is_relative_to(Path.cwd()) else OUT
    sys.stdout.write(f"{where}: {len(pictures)} pictures, {total // 1024} KiB\n")


if __name__ == "__main__":
    main()
