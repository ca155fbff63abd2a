"""A real browser, one window per person; every page is held to an empty console and to the accessibility rules."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import ClassVar

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, ViewportSize, expect

from tests.running import Platform

CHROMIUM = ("/usr/lib/chromium/chromium", "chromium", "google-chrome", "chromium-browser")

DESK: ViewportSize = {"width": 1280, "height": 900}
WAYS = (("light", 1280), ("dark", 1280), ("light", 320))


def launch(playwright: Playwright) -> Browser:
    """The machine's own Chromium; nothing is downloaded."""
    for name in CHROMIUM:
        if found := shutil.which(name):
            return playwright.chromium.launch(executable_path=found)
    raise AssertionError("Chromium was not found. Install it: apt-get install chromium fonts-dejavu-core")


class Person:
    """A signed-in person at a window, who closes it at the end of a `with`.

    Motion is off: the dot of each live page beats for ever, which a machine without a graphics card draws by hand.
    """

    faults: ClassVar[list[str]] = []

    def __init__(self, browser: Browser, platform: Platform, who: str, *, scheme: str = "light") -> None:
        self.platform, self.scheme, self.problems = platform, scheme, list[str]()
        context = browser.new_context(color_scheme=scheme, viewport=DESK, reduced_motion="reduce")  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.open("/login/")
        self.page.get_by_label("Email").fill(platform.access["people"][who]["email"])
        self.page.get_by_label("Password").fill(platform.access["password"])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("What needs you now")

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *error: object) -> None:
        self.page.context.close()

    def open(self, path: str) -> Page:
        self.page.goto(self.platform.base + path, wait_until="domcontentloaded")
        return self.page

    def follow(self, name: str, *, exact: bool = False) -> None:
        self.page.locator("main").get_by_role("link", name=name, exact=exact).first.click()
        self.page.wait_for_load_state("domcontentloaded")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).last.click()
        self.page.wait_for_load_state("domcontentloaded")

    def confirm(self, name: str) -> None:
        """Answer the dialog that asks before something that cannot be taken back."""
        self.page.get_by_role("dialog").get_by_role("button", name=name).click()
        self.page.wait_for_load_state("domcontentloaded")

    def look(self, name: str, *, folder: Path | None = None) -> None:
        """Hold the page to an empty console, the accessibility rules and its width: in light, in dark, on a phone.

        A picture is taken if asked for. What is found is collected in `faults`, so that one run shows it all; the test
        ends by asserting there is none.
        """
        if folder is not None:
            take(self.page, folder / f"{name}.png")
        for scheme, width in WAYS:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(self.page)
            if found.violations_count:
                self.faults.append(f"{name}, {scheme}, {width} px: {found.generate_report()}")
            if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                self.faults.append(f"{name}: wider than {width} px")
        self.page.emulate_media(color_scheme=self.scheme)  # type: ignore[arg-type]
        self.page.set_viewport_size(DESK)
        if self.problems:
            self.faults.append(f"{name}: the console says {self.problems}")
            self.problems.clear()


def take(page: Page, path: Path) -> None:
    """A picture of the page's upper part, in few colours: it goes into the documentation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(96).save(path, optimize=True)
