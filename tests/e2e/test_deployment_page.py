"""A deployment's live page in a real browser: light and dark, on a desk and on a phone, empty, in use and halted."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, expect, sync_playwright

from audits.runtime import inputs, monitoring
from audits.runtime.models import DeploymentCounter
from audits.runtime.rollups import AFTER_HALT, CORRECTED, SERVED, rollups_add
from core import context
from tests.audits.runtime import conftest
from tests.e2e.browser import launch
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people
from tests.factories.registry import make_deployment

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PICTURES = Path(os.environ["E2E_PICTURES"]) if os.environ.get("E2E_PICTURES") else None
tell, stream = conftest.tell, conftest.stream  # fixtures
WIDTHS = {"desk": 1280, "phone": 320}


def past(deployment, days: int) -> None:
    """Two weeks of a ward's traffic, in the roll-ups alone."""
    rng, now = np.random.default_rng(1), timezone.now()
    total = 0
    for hours in range(days * 24):
        at = now - timedelta(hours=hours)
        busy = int(4 + 14 * max(0, np.sin((at.hour - 6) / 12 * np.pi)))
        for site in ("north", "south"):
            sexes = rng.choice(["female", "male"], busy)
            flagged = rng.random(busy) < 0.4
            rows = list(zip(sexes.tolist(), flagged.tolist(), strict=True))
            total += busy
            rollups_add(
                deployment_id=deployment.id, at=at, site=site,
                values=[({"sex": sex}, {SERVED: float(f)}) for sex, f in rows],
            )  # fmt: skip
            rollups_add(
                deployment_id=deployment.id, at=at, site=site,
                values=[({"sex": sex}, {"tpr": float(rng.random() < (0.9 if sex == "male" else 0.8)),
                                        "accuracy": float(rng.random() < 0.85)}) for sex, _ in rows],
            )  # fmt: skip
    DeploymentCounter.objects.update_or_create(deployment=deployment, defaults={"predictions": total})


def drifting(deployment) -> None:
    """1,200 cases of a ward whose first input rises half way, with corrections and use while halted."""
    rng = np.random.default_rng(2)
    for block in range(12):
        values = rng.beta(2, 5, (100, 4))
        values[:, 0] += 0.3 * (block >= 6)
        inputs.inputs_keep(deployment.id, "north", values)
        with transaction.atomic():
            inputs.inputs_fold(deployment, 0.05)
    for metric in (AFTER_HALT, CORRECTED):
        values = [({"sex": "female"}, {metric: 1.0})] * 3
        rollups_add(deployment_id=deployment.id, at=timezone.now(), site="north", values=values)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright runs a loop in this thread; the tests use none
        running = launch(playwright)
        yield running
        running.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def sign_in(browser: Browser, live_server):
    contexts = []

    def go(scheme: str, width: int, faults: list[str]):
        opened = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(opened)
        page = opened.new_page()
        for stream in ("home", "deployment"):  # no process of streams runs beside this server: they never answer
            page.route(f"**/live/{stream}/**", lambda route: None)
        page.goto(live_server.url + reverse("login"))
        page.get_by_label("Email").fill("officer.north@test.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1, name="What needs you now").wait_for()
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield go
    for opened in contexts:
        opened.close()


def look(page, name: str, faults: list[str]) -> None:
    if PICTURES is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    page.evaluate("document.querySelectorAll('main details').forEach((item) => { item.open = true })")
    found = Axe().run(page)
    if found.violations_count:
        faults.append(f"{name}: {found.generate_report()}")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append(f"{name}: wider than the window")


@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_the_page_is_for_everybody_empty_in_use_and_halted(sign_in, live_server, tell, stream, scheme, size):
    context.set_actor(None)
    faults: list[str] = []
    world = make_federation(make_people())
    deployment = make_deployment(world)
    page = sign_in(scheme, WIDTHS[size], faults)
    address = live_server.url + reverse("deployment", args=[deployment.id])
    page.goto(address, wait_until="load")
    look(page, f"empty-{scheme}-{size}", faults)

    past(deployment, 14)
    drifting(deployment)
    tell(deployment, stream(600, {"female": 0.62, "male": 0.9}))
    monitoring.fold_deployment(deployment.id)
    page.goto(address, wait_until="load")
    for words in ("Inputs that changed most", "a at north", "Used while halted", "Decisions on warnings"):
        expect(page.get_by_text(words).first).to_be_visible()
    look(page, f"use-{scheme}-{size}", faults)

    tell(deployment, stream(1500, {"female": 0.3, "male": 0.9}, seed=2))
    monitoring.fold_deployment(deployment.id)
    page.goto(address + "?range=month&site=north", wait_until="load")
    expect(page.get_by_text("Halted: nothing is predicted").first).to_be_visible()
    look(page, f"halted-{scheme}-{size}", faults)
    page.goto(address + "?since=2031-01-01&until=yesterday&site=moon", wait_until="load")
    look(page, f"misunderstood-{scheme}-{size}", faults)
    assert faults == [], "\n".join(faults)


def test_what_changes_is_swapped_in_and_what_a_reader_opened_or_typed_stays(sign_in, live_server, tell, stream):
    context.set_actor(None)
    faults: list[str] = []
    deployment = make_deployment(make_federation(make_people()))
    past(deployment, 2)
    tell(deployment, stream(300, {"female": 0.8, "male": 0.8}))
    monitoring.fold_deployment(deployment.id)
    page = sign_in("light", 1280, faults)
    page.goto(live_server.url + reverse("deployment", args=[deployment.id]), wait_until="load")
    data = page.locator("#live-history details").first
    data.locator("summary").click()
    expect(data.locator("table")).to_be_visible()
    page.get_by_label("From (UTC)").fill("2026-03-01")
    tell(deployment, stream(300, {"female": 0.8, "male": 0.8}, seed=2))
    monitoring.fold_deployment(deployment.id)
    expect(page.locator(".kpi", has_text="Outcomes folded")).to_contain_text("600", timeout=15_000)
    expect(page.locator("#live-history details").first.locator("table")).to_be_visible()
    expect(page.get_by_label("From (UTC)")).to_have_value("2026-03-01")
    page.get_by_role("link", name="Day", exact=True).click()
    expect(page.get_by_role("link", name="Day", exact=True)).to_have_attribute("aria-current", "page")
    assert faults == []
