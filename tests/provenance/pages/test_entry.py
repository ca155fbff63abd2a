from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse

from provenance import heartbeats, keys
from provenance.domain.proof import parse_proof, verify_proof
from provenance.models import Anchor, ChainState, Checkpoint, Entry

pytestmark = pytest.mark.django_db


def test_the_drawn_path_ends_in_the_signed_root(world, changed, client_of):
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


def test_a_changed_entry_is_shown_as_changed(world, changed, monkeypatch, client_of):
    from provenance import presentation

    monkeypatch.setattr(presentation, "hash_leaf", lambda leaf: b"x" * 32)
    page = client_of(world.people.auditor).get(reverse("ledger_entry", args=[changed.seq])).content.decode()
    assert "This entry does not fit the log" in page
    assert "The stored hash is not the hash of this leaf." in page
    assert "leads to another root" in page


def test_an_entry_without_a_checkpoint_waits(world, log, client_of):
    log.fill(1)
    seq, client = Entry.objects.count() - 1, client_of(world.people.auditor)
    page = client.get(reverse("ledger_entry", args=[seq])).content.decode()
    assert "No signed checkpoint covers this entry yet" in page
    response = client.get(reverse("ledger_proof", args=[seq]))
    assert response.status_code == 409
    assert "try again" in response.content.decode()


def test_the_downloaded_proof_and_leaf_verify_without_us(world, changed, client_of):
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


def test_an_anchored_entry_names_transaction_chain_and_contract(world, changed, client_of):
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


def test_a_drawn_proof_says_in_words_what_it_shows(world, changed, read):
    page = read("ledger_entry", changed.seq)
    svg = page[page.index('class="plot plot--s"') :].split("</svg>")[0]
    assert f"From entry {changed.seq} to the signed root" in svg
    assert "equals the one in the signed checkpoint" in svg
    assert "Witnessed by nobody else yet" in svg
    assert 'role="img"' in svg
    assert "style=" not in svg


@pytest.mark.parametrize("size", [1, 2, 5, 300])
def test_every_sibling_of_the_path_is_drawn(log, size):
    from provenance import drawing, presentation

    log.fill(size)
    log.sign()
    for entry in Entry.objects.filter(seq__in={0, size // 2, size - 1}):
        evidence = presentation.evidence(entry)
        chart = drawing.proof_chart(evidence, anchor_words="Not anchored", witness_words="Nobody")
        for step in evidence.steps:
            assert step.sibling.hex()[:10] in chart.svg
        assert evidence.root.hex()[:10] in chart.svg
        assert [row[2] for row in chart.table.rows] == [step.sibling.hex() for step in evidence.steps]


def test_who_what_when_and_why_are_said_in_words(world, changed, read):
    page = read("ledger_entry", changed.seq)
    assert "Somebody as ethics officer changed a federation" in page
    assert "federation.describe" in page
    assert "wording" in page
    assert "before: Testing" in page
    assert "Changed: <strong>purpose</strong>." in page


def test_the_platforms_own_deeds_are_its_own(world, log, read):
    heartbeats.heartbeat_record(log.frontier)
    log.drain()
    assert "The platform itself gave a sign of life in the ledger" in read("ledger_entry", Entry.objects.count() - 1)


def test_names_of_people_stay_sealed(world, read):
    entry = Entry.objects.filter(table="accounts_user").first()
    page = read("ledger_entry", entry.seq)
    assert "[sealed under the person" in page


def test_a_number_beyond_any_log_is_not_found(world, client_of):
    client = client_of(world.people.auditor)
    for seq in (10_000, 2**63, 10**30):
        assert client.get(f"/ledger/{seq}/").status_code == 404
        assert client.get(f"/ledger/{seq}/proof").status_code == 404
    assert client.get(f"/ledger/checkpoints/{10**30}/").status_code == 404
