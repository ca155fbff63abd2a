from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import Institution
from core.models import Outbox
from provenance import objects
from provenance.models import Entry

pytestmark = pytest.mark.django_db
PAGES = (
    "ledger", "ledger_checkpoints", "ledger_witnesses", "ledger_anchors", "ledger_completeness", "ledger_verification",
)  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("role", ["administrator", "auditor", "officer_north", "operator_south", "outsider"])
def test_staff_of_every_institution_see_the_ledger(world, name, role, client_of):
    assert client_of(getattr(world.people, role)).get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_clinicians_and_strangers_do_not(world, name, client_of):
    assert client_of(world.people.clinician).get(reverse(name)).status_code == 403
    assert Client().get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", ["ledger_entry", "ledger_leaf", "ledger_proof"])
def test_one_entry_is_for_staff_too(world, changed, name, client_of):
    url = reverse(name, args=[changed.seq])
    assert client_of(world.people.officer_north).get(url).status_code == 200
    assert client_of(world.people.clinician).get(url).status_code == 403
    assert Client().get(url).status_code == 302
    assert client_of(world.people.auditor).get(reverse(name, args=[10_000])).status_code == 404


@pytest.mark.parametrize("role", ["administrator", "auditor", "officer_north", "operator_south"])
def test_who_takes_part_reads_what_an_entry_says(world, changed, role, client_of):
    page = client_of(getattr(world.people, role)).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    assert "A secret purpose" in page
    assert "Opened and checked" in page
    assert "wording" in page


def test_who_takes_part_in_nothing_sees_the_leaf_and_the_proof_alone(world, changed, client_of):
    page = client_of(world.people.outsider).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    assert "A secret purpose" not in page
    assert "for members of the institutions it concerns" in page
    assert "The inclusion proof, step by step" in page


def test_rows_below_a_federation_are_reached_through_it(world, client_of):
    entry = Entry.objects.filter(table="federation_datamanifest").first()
    url = reverse("ledger_entry", args=[entry.seq])
    assert "Opened and checked" in client_of(world.people.operator_north).get(url).content.decode()
    assert "Opened and checked" not in client_of(world.people.outsider).get(url).content.decode()


def test_people_are_shown_by_role_and_pseudonym_never_by_name(world, changed, client_of):
    page = client_of(world.people.auditor).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    who = world.people.officer_north
    assert "Ethics officer, " in page
    assert "psn:" in page
    assert str(who.id) not in page.split("The committed bytes")[0]
    assert who.name not in page
    assert who.email not in page


def test_reading_a_body_is_recorded_in_the_ledger_itself(world, changed, log, client_of):
    client_of(world.people.outsider).get(reverse("ledger_entry", args=[changed.seq]))
    assert log.drain() == 0
    client_of(world.people.officer_north).get(reverse("ledger_entry", args=[changed.seq]))
    row = Outbox.objects.latest("id")
    assert (row.table, row.operation, row.object_id) == ("provenance_body", "READ", str(changed.seq))
    assert row.said.actor == world.people.officer_north.id
    log.drain()
    page = client_of(world.people.auditor).get(reverse("ledger") + "?operation=READ").content.decode()
    assert "Ledger content" in page


def test_institution_rows_are_for_the_platform_alone(world, client_of):
    entry = Entry.objects.filter(table=Institution._meta.db_table).first()
    url = reverse("ledger_entry", args=[entry.seq])
    assert "Opened and checked" in client_of(world.people.auditor).get(url).content.decode()
    assert "Opened and checked" not in client_of(world.people.operator_north).get(url).content.decode()


def test_only_reading_is_allowed(world, changed, client_of):
    client = client_of(world.people.administrator)
    for url in (reverse("ledger"), reverse("ledger_entry", args=[changed.seq])):
        assert client.post(url).status_code == 405


def test_no_web_process_imports_the_chain():
    """py-evm raises the interpreter's recursion limit, on which the JSON parser of requests relies."""
    import os
    import subprocess
    import sys

    program = (
        "import django; django.setup(); import qflethics.urls, sys; from django.urls import get_resolver; "
        "get_resolver().url_patterns; print([m for m in sys.modules if m.split('.')[0] in "
        "('web3', 'eth', 'eth_tester', 'torch', 'pennylane', 'typst') or m.startswith('provenance.chain')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, cwd=settings.BASE_DIR
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_who_looked_for_what_is_for_the_platform_and_for_oneself(world, changed, log, client_of):
    client_of(world.people.officer_north).get(reverse("ledger_entry", args=[changed.seq]))
    log.drain()
    log.sign()
    reading = Entry.objects.filter(table="provenance_body").latest("seq")
    for page in (reverse("ledger_entry", args=[reading.seq]), reverse("ledger_object", args=[reading.object_id])):
        for who, sees in (("officer_north", True), ("auditor", True), ("outsider", False), ("officer_south", False)):
            text = client_of(getattr(world.people, who)).get(page).content.decode()
            assert ("ledger.read" in text) is sees, (page, who)


def test_a_bundle_of_readings_holds_ones_own_alone(world, changed, log, client_of):
    for who in ("officer_north", "officer_south"):
        client_of(getattr(world.people, who)).get(reverse("ledger_object", args=[changed.object_id]))
    log.drain()
    log.sign()
    readings = Entry.objects.filter(table="provenance_body", object_id=changed.object_id)
    assert readings.count() == 2
    for who, count in (("officer_north", 1), ("outsider", 0), ("auditor", 2)):
        user = getattr(world.people, who)
        withhold = objects._withhold_from(user)
        assert sum(not withhold(entry, {}) for entry in readings) == count
