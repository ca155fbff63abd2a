from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import Institution
from core.context import governed
from core.models import DomainEvent, Outbox
from federation.models import Federation
from provenance import keys
from provenance.api import verification
from provenance.domain.proof import parse_proof, verify_proof
from provenance.models import Anchor, ChainState, Checkpoint, Entry
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
PAGES = ("ledger", "ledger_checkpoints", "ledger_anchors", "ledger_verification")
BACKEND = "django.contrib.auth.backends.ModelBackend"


def client_of(user) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


@pytest.fixture
def world(log) -> World:
    world = make_federation(make_people())
    with governed(action="federation.describe", actor=world.people.officer_north.id, reason="wording"):
        Federation.objects.update(purpose="A secret purpose")
    log.drain()
    log.sign()
    return world


@pytest.fixture
def changed(world) -> Entry:
    """The entry of the federation's change."""
    return Entry.objects.get(table="federation_federation", operation="UPDATE")


# --- who sees what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("role", ["administrator", "auditor", "officer_north", "operator_south", "outsider"])
def test_staff_of_every_institution_see_the_ledger(world, name, role):
    assert client_of(getattr(world.people, role)).get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_clinicians_and_strangers_do_not(world, name):
    assert client_of(world.people.clinician).get(reverse(name)).status_code == 403
    assert Client().get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", ["ledger_entry", "ledger_leaf", "ledger_proof"])
def test_one_entry_is_for_staff_too(world, changed, name):
    url = reverse(name, args=[changed.seq])
    assert client_of(world.people.officer_north).get(url).status_code == 200
    assert client_of(world.people.clinician).get(url).status_code == 403
    assert Client().get(url).status_code == 302
    assert client_of(world.people.auditor).get(reverse(name, args=[10_000])).status_code == 404


@pytest.mark.parametrize("role", ["administrator", "auditor", "officer_north", "operator_south"])
def test_who_takes_part_reads_what_an_entry_says(world, changed, role):
    page = client_of(getattr(world.people, role)).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    assert "A secret purpose" in page
    assert "Opened and checked" in page
    assert "wording" in page


def test_who_takes_part_in_nothing_sees_the_leaf_and_the_proof_alone(world, changed):
    page = client_of(world.people.outsider).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    assert "A secret purpose" not in page
    assert "for members of the institutions it concerns" in page
    assert "The inclusion proof, step by step" in page


def test_rows_below_a_federation_are_reached_through_it(world):
    entry = Entry.objects.filter(table="federation_datamanifest").first()
    url = reverse("ledger_entry", args=[entry.seq])
    assert "Opened and checked" in client_of(world.people.operator_north).get(url).content.decode()
    assert "Opened and checked" not in client_of(world.people.outsider).get(url).content.decode()


def test_people_are_shown_by_role_and_pseudonym_never_by_name(world, changed):
    page = client_of(world.people.auditor).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    who = world.people.officer_north
    assert "Ethics officer, " in page
    assert "psn:" in page
    assert str(who.id) not in page.split("The committed bytes")[0]
    assert who.name not in page
    assert who.email not in page


def test_reading_a_body_is_recorded_in_the_ledger_itself(world, changed, log):
    client_of(world.people.outsider).get(reverse("ledger_entry", args=[changed.seq]))
    assert log.drain() == 0
    client_of(world.people.officer_north).get(reverse("ledger_entry", args=[changed.seq]))
    row = Outbox.objects.latest("id")
    assert (row.table, row.operation, row.object_id) == ("provenance_body", "READ", str(changed.seq))
    assert row.actor == world.people.officer_north.id
    log.drain()
    page = client_of(world.people.auditor).get(reverse("ledger") + "?operation=READ").content.decode()
    assert "Ledger content" in page


# --- the list ------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_says_so(db):
    page = client_of(make_people().auditor).get(reverse("ledger")).content.decode()
    assert "The ledger is empty" in page


def test_entries_are_paged_by_number(world, log):
    log.fill(130)
    client, last = client_of(world.people.auditor), Entry.objects.count() - 1
    first = client.get(reverse("ledger")).context["page"]
    assert [row.entry.seq for row in first.rows] == list(range(last, last - 50, -1))
    assert (first.newer, first.older) == (None, last - 49)
    second = client.get(f"{reverse('ledger')}?before={first.older}").context["page"]
    assert second.rows[0].entry.seq == last - 50
    back = client.get(f"{reverse('ledger')}?after={second.newer}").context["page"]
    assert [row.entry.seq for row in back.rows] == [row.entry.seq for row in first.rows]
    oldest = client.get(f"{reverse('ledger')}?before=3").context["page"]
    assert ([row.entry.seq for row in oldest.rows], oldest.older) == ([2, 1, 0], None)


def test_entries_are_filtered_and_the_filter_stays_on_the_next_page(world, log):
    log.fill(60)
    client = client_of(world.people.auditor)
    page = client.get(reverse("ledger"), {"table": "provenance", "operation": "HEARTBEAT"})
    assert {row.entry.table for row in page.context["page"].rows} == {"provenance"}
    assert "&amp;table=provenance&amp;operation=HEARTBEAT" in page.content.decode()
    page = client.get(reverse("ledger"), {"object": str(world.federation.id)})
    assert {row.operation for row in page.context["page"].rows} == {"Created", "Changed"}
    assert "No entry matches" in client.get(reverse("ledger"), {"object": "nothing"}).content.decode()


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=99999999999999999999", "table=no_such", "seq=-4"])
def test_a_malformed_query_is_no_error(world, query):
    assert client_of(world.people.auditor).get(f"{reverse('ledger')}?{query}").status_code == 200


def test_a_number_leads_to_its_entry(world):
    response = client_of(world.people.auditor).get(reverse("ledger"), {"seq": "3"})
    assert response.url == reverse("ledger_entry", args=[3])


def test_only_reading_is_allowed(world, changed):
    client = client_of(world.people.administrator)
    for url in (reverse("ledger"), reverse("ledger_entry", args=[changed.seq])):
        assert client.post(url).status_code == 405


# --- one entry -----------------------------------------------------------------------------------------------------


def test_the_drawn_path_ends_in_the_signed_root(world, changed):
    response = client_of(world.people.auditor).get(reverse("ledger_entry", args=[changed.seq]))
    evidence = response.context["evidence"]
    assert evidence.state == "verified"
    assert evidence.root == bytes(Checkpoint.objects.first().root)
    assert [step.sibling for step in evidence.steps] == list(evidence.inclusion.path)
    assert evidence.root.hex() in response.content.decode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100, 257])
def test_the_drawn_path_is_the_verified_one_for_every_entry(log, size):
    from provenance import presentation

    log.fill(size)
    root = bytes(log.sign().root)
    for entry in Entry.objects.all()[:: max(1, size // 20)]:
        checked = presentation.evidence(entry)
        assert (checked.problems, checked.root) == ([], root)


def test_a_changed_entry_is_shown_as_changed(world, changed, monkeypatch):
    from provenance import presentation

    monkeypatch.setattr(presentation, "hash_leaf", lambda leaf: b"x" * 32)
    page = client_of(world.people.auditor).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    assert "This entry does not fit the log" in page
    assert "The stored hash is not the hash of this leaf." in page
    assert "leads to another root" in page


def test_an_entry_without_a_checkpoint_waits(world, log):
    log.fill(1)
    seq, client = Entry.objects.count() - 1, client_of(world.people.auditor)
    page = client.get(reverse("ledger_entry", args=[seq])).content.decode()
    assert "No signed checkpoint covers this entry yet" in page
    response = client.get(reverse("ledger_proof", args=[seq]))
    assert response.status_code == 409
    assert "try again" in response.content.decode()


def test_the_downloaded_proof_and_leaf_verify_without_us(world, changed):
    client = client_of(world.people.officer_south)
    proof = client.get(reverse("ledger_proof", args=[changed.seq]))
    leaf = client.get(reverse("ledger_leaf", args=[changed.seq]))
    assert proof.headers["Content-Disposition"] == f'attachment; filename="entry-{changed.seq}.tlog-proof"'
    assert proof.headers["Content-Type"] == "text/plain; charset=utf-8"
    opened = verify_proof(
        parse_proof(proof.content), entry=leaf.content, origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers()
    )
    note = client.get(reverse("ledger_checkpoint", args=[opened.checkpoint.size]))
    assert note.content == parse_proof(proof.content).checkpoint
    assert client.get(reverse("ledger_checkpoint", args=[999_999])).status_code == 404


def test_an_anchored_entry_names_transaction_chain_and_contract(world, changed):
    checkpoint = Checkpoint.objects.first()
    ChainState.objects.create(
        chain_id=61_337, contract="0x" + "c" * 40, log_id="0x" + "d" * 64, head_size=checkpoint.size,
        head_root=checkpoint.root, block_number=12, embedded=True,
    )  # fmt: skip
    Anchor.objects.create(
        checkpoint=checkpoint, prev_root=b"\0" * 32, nonce=0, raw_tx=b"", tx_hash="0x" + "e" * 64, state="final",
        block_number=12,
    )  # fmt: skip
    client = client_of(world.people.auditor)
    page = client.get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    for shown in ("0x" + "e" * 64, "61337", "0x" + "c" * 40, "adds no independent trust"):
        assert shown in page
    page = client.get(reverse("ledger_anchors")).content.decode()
    assert "This chain is our own" in page
    assert "0x" + "e" * 64 in page


# --- verification --------------------------------------------------------------------------------------------------


def test_the_whole_ledger_is_checked_on_request(world):
    client = client_of(world.people.officer_north)
    assert "Not checked from here yet" in client.get(reverse("ledger_verification")).content.decode()
    page = client.post(reverse("ledger_verification"), follow=True).content.decode()
    assert "Intact" in page
    assert verification.verification_latest()["entries"] == Entry.objects.count()


def test_a_changed_ledger_is_shown_as_such(world, monkeypatch):
    monkeypatch.setattr("provenance.verification.hash_leaf", lambda leaf: b"x" * 32)
    page = client_of(world.people.auditor).post(reverse("ledger_verification"), follow=True).content.decode()
    assert "Compromised" in page
    assert "entry 0: the stored hash is not the leaf" in page


def test_a_long_ledger_is_checked_by_one_job(world, monkeypatch, django_capture_on_commit_callbacks):
    from core import jobs
    from core.models import Job

    monkeypatch.setattr(verification, "AT_ONCE", 1)
    client = client_of(world.people.auditor)
    for _ in range(2):
        page = client.post(reverse("ledger_verification"), follow=True).content.decode()
    assert "A check is under way" in page
    assert not DomainEvent.objects.filter(kind=verification.FINISHED).exists()
    assert jobs.run(Job.objects.get(kind=verification.KIND).id)
    assert "Intact" in client.get(reverse("ledger_verification")).content.decode()


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


def test_institution_rows_are_for_the_platform_alone(world):
    entry = Entry.objects.filter(table=Institution._meta.db_table).first()
    url = reverse("ledger_entry", args=[entry.seq])
    assert "Opened and checked" in client_of(world.people.auditor).get(url).content.decode()
    assert "Opened and checked" not in client_of(world.people.operator_north).get(url).content.decode()
