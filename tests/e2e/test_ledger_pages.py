"""Every page of the ledger in a real browser, in light and dark, on a desk and on a phone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Browser, sync_playwright

from core import context
from core.context import governed
from federation.models import Federation
from provenance import checking, checkpoints, heartbeats, keys, sequencing, witnesses
from provenance.models import Anchor, ChainState, Checkpoint, Entry, WitnessState
from provenance.witness.state import WitnessHome
from provenance.witness_answers import cosignature_record
from tests.e2e.browser import launch
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PICTURES = Path(os.environ["E2E_PICTURES"]) if os.environ.get("E2E_PICTURES") else None
WIDTHS = {"desk": 1280, "phone": 320}


def write_a_log() -> Entry:
    """A log with everything that the pages tell of; returns the entry of a change."""
    context.set_actor(None)
    world, frontier = make_federation(make_people()), sequencing.load_frontier()

    def grow() -> Checkpoint:
        while sequencing.sequence(frontier):
            pass
        signed = checkpoints.checkpoint_sign(frontier)
        assert signed is not None
        return signed

    grow()
    heartbeats.heartbeat_record(frontier)
    grow()
    officer = world.people.officer_north.id
    with governed(action="federation.describe", actor=officer, reason="The ward asked for plainer words."):
        Federation.objects.update(purpose="Early signs of glioma")
    grow()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE federation_federation SET data_title = 'changed past the platform'")
    grow()
    return Entry.objects.get(table="federation_federation", operation="UPDATE", seq__lt=Entry.objects.count() - 1)


def add_anchors() -> None:
    """Of all checkpoints but the newest; the check of the ledger has run before, for their evidence is empty."""
    for checkpoint in reversed(Checkpoint.objects.all()[1:]):
        Anchor.objects.create(
            checkpoint=checkpoint, prev_root=b"\0" * 32, nonce=checkpoint.size, raw_tx=b"",
            tx_hash=f"0x{checkpoint.size:064x}", state="final", block_number=checkpoint.size,
            confirmed_at=checkpoint.created_at + timedelta(seconds=checkpoint.size % 7),
            receipt={"v": 2, "header": None, "reason": "this chain hashes its headers otherwise"},
        )  # fmt: skip
        ChainState.objects.update_or_create(
            id=1,
            defaults={"chain_id": 61_337, "contract": "0x" + "c" * 40, "log_id": "0x" + "d" * 64,
                      "head_size": checkpoint.size, "head_root": bytes(checkpoint.root),
                      "block_number": checkpoint.size},
        )  # fmt: skip


def add_witnesses(folder: Path) -> None:
    """One that agrees, one that holds another history."""
    for name in ("north.example/witness", "regulator.example/witness"):
        home = WitnessHome.create(folder / name.split(".")[0], name=name)
        home.trust([key.vkey for key in keys.log_verifiers()])
        witness = witnesses.witness_register(name=name, vkeys=home.vkeys, url=f"https://{name.split('/')[0]}")
        ask = witnesses.next_ask(witness)
        assert ask is not None
        cosignature_record(witness=witness, old_size=ask.old_size, size=ask.size, answer=home.add_checkpoint(ask.data))
    WitnessState.objects.filter(witness__name__startswith="regulator").update(
        problem="split", problem_text="holds another tree of 12 entries, and shows the checkpoint that this log signed"
    )


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

    def go(scheme: str, width: int, who: str = "auditor"):
        opened = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(opened)
        page = opened.new_page()
        page.goto(live_server.url + reverse("login"))
        page.get_by_label("Email").fill(f"{who}@test.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1, name="What needs you now").wait_for()
        return page

    yield go
    for opened in contexts:
        opened.close()


@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_the_ledgers_pages_are_for_everybody(sign_in, live_server, tmp_path, scheme, size):
    faults = []
    bare = {"no-witnesses": reverse("ledger_witnesses"), "not-measured": reverse("ledger_completeness")}
    changed = write_a_log()
    page = sign_in(scheme, WIDTHS[size])
    page.goto(live_server.url + reverse("ledger"))  # the home page's live stream has no server here, and complains
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    look(page, live_server.url, bare, faults, scheme, size)
    add_witnesses(tmp_path)
    for _ in range(2):
        checking.verification_start()
    add_anchors()
    pages = {
        "ledger": reverse("ledger"),
        "narrowed": reverse("ledger") + "?table=federation_federation&since=2026-01-01&action=federation.describe",
        "misunderstood": reverse("ledger") + "?q=what+is+this",
        "checkpoints": reverse("ledger_checkpoints"),
        "witnesses": reverse("ledger_witnesses"),
        "anchors": reverse("ledger_anchors"),
        "completeness": reverse("ledger_completeness"),
        "verification": reverse("ledger_verification"),
        "entry": reverse("ledger_entry", args=[changed.seq]),
        "heartbeat": reverse("ledger_entry", args=[Entry.objects.filter(operation="HEARTBEAT").first().seq]),
        "object": reverse("ledger_object", args=[changed.object_id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    assert faults == [], "\n".join(faults)


def look(page, base: str, pages: dict[str, str], faults: list[str], scheme: str, size: str) -> None:
    for name, path in pages.items():
        answer = page.goto(base + path, wait_until="load")
        if answer.status != 200:
            faults.append(f"{name}: {answer.status}")
        if PICTURES is not None:
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}-{scheme}-{size}.png", full_page=True)
        page.evaluate("document.querySelectorAll('main details').forEach((item) => { item.open = true })")
        found = Axe().run(page)
        if found.violations_count:
            faults.append(f"{name}: {found.generate_report()}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{name}: wider than the window at {size}")
