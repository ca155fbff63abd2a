"""Hospitals and strangers watch the log: what they are asked, what is believed of them, what is left behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from core import jobs
from core.errors import ApplicationError, Conflict
from core.models import DomainEvent, Job, Outbox
from federation import mailbox, witnessing
from federation.domain import messages
from federation.domain.messages import Message
from federation.keys import coordinator_key
from federation.models import Federation, Participant, SiteOrder
from federation.provisioning import site_provision
from federation.site.handlers import Site
from federation.site.home import SiteHome
from federation.site.witness import open_witness
from provenance import checkpoints, keys, sequencing, witnesses
from provenance.domain.checkpoint import Checkpoint as Statement
from provenance.domain.checkpoint import open_checkpoint, sign_checkpoint
from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.merkle import hash_leaf, root_of
from provenance.domain.note import decode_vkey, encode_vkey, key_id
from provenance.domain.witness import Request, find_split_view, format_request
from provenance.models import Checkpoint, Cosignature, Entry, Witness, WitnessState
from provenance.reading import prove_consistency
from provenance.witness.server import WitnessServer
from provenance.witness.state import WitnessHome
from qflethics.launcher import platform
from tests.factories.people import make_people
from tests.factories.postbox import Recorder, carry_out

Problem = WitnessState.Problem


class Ledger:
    """The sequencer, by hand."""

    def __init__(self) -> None:
        self.frontier = sequencing.load_frontier()

    def grow(self, count: int = 3) -> Checkpoint:
        """Entries, and a checkpoint over all that is there."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT core_record('provenance', 'HEARTBEAT', 'log', jsonb_build_object('n', n::text)) "
                "FROM generate_series(1, %s) AS n",
                [count],
            )
        while sequencing.sequence(self.frontier):
            pass
        signed = checkpoints.checkpoint_sign(self.frontier)
        assert signed is not None
        return signed


class Hospital(Recorder):
    """A site that was provisioned like any other; what would travel over the broker is carried by hand."""

    def __init__(self, folder, code: str, institution, federation: Federation) -> None:
        super().__init__()
        site_provision(
            folder=folder / code, site=code, data="phantom:?patients=40&sites=2", federation_id=federation.id
        )
        self.site = Site(SiteHome(folder / code))
        self.participant = Participant.objects.create(
            federation=federation, institution=institution, site=code,
            public_key=messages.dump_public(self.site.home.key),
        )  # fmt: skip

    def progress(self, message: Message) -> None:
        raise AssertionError("a witness has no progress to tell")

    @property
    def home(self) -> WitnessHome:
        return open_witness(self.site)

    @property
    def order(self) -> SiteOrder:
        return SiteOrder.objects.get(participant=self.participant, kind="witness")

    @property
    def witness(self) -> Witness:
        return Witness.objects.get(site=self.site.home.config.site)

    @property
    def state(self) -> WitnessState:
        return WitnessState.objects.get(witness=self.witness)

    def ask(self) -> bool:
        return witnessing.site_ask(participant=self.participant)

    def answer(self, change: Callable[[dict], None] | None = None) -> str:
        """Do the open order and bring the answer home; `change` lets a dishonest site alter what it signs."""
        order = self.order
        text = messages.seal(
            Message(order.kind, "coordinator", order.participant.site, order.key, order.body), coordinator_key()
        )
        carry_out(self.site, self, text)
        said = self.sent.pop()
        if change is not None:
            raw = json.loads(said)
            change(raw["body"])
            said = messages.seal(
                Message(raw["kind"], raw["sender"], raw["recipient"], raw["key"], raw["body"]), self.site.home.key
            )
        return mailbox.message_receive(participant=self.participant, text=said)

    def round(self, change: Callable[[dict], None] | None = None) -> WitnessState | None:
        if self.ask():
            assert self.answer(change) in {"answer", "failure"}
            run_jobs()
        return WitnessState.objects.filter(witness__site=self.participant.site).first()


def run_jobs() -> None:
    for job in Job.objects.filter(state="queued", payload__event="order.witness"):
        assert jobs.run(job.id)


@pytest.fixture
def ledger(db) -> Ledger:
    return Ledger()


@pytest.fixture
def hospitals(db, tmp_path) -> list[Hospital]:
    people = make_people()
    federation = Federation.objects.create(
        name="Trial", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
    )
    return [
        Hospital(tmp_path, f"wit-{n}", institution, federation)
        for n, institution in enumerate((people.north, people.south))
    ]


@pytest.fixture
def hospital(hospitals) -> Hospital:
    return hospitals[0]


def others_history(size: int, origin: str) -> bytes:
    """A checkpoint of another history of this size, which the log's own keys signed."""
    root = root_of([hash_leaf(b"other %d" % n) for n in range(size)])
    return sign_checkpoint(Statement(origin, size, root), keys.log_signers())


# --- all is well ---------------------------------------------------------------------------------------------------


def test_a_hospital_is_registered_by_its_first_answer_and_its_cosignatures_verify(ledger, hospitals, settings):
    signed = ledger.grow()
    for hospital in hospitals:
        state = hospital.round()
        assert (state.size, state.problem, state.highest) == (signed.size, "", signed.size)
        assert hospital.witness.institution == hospital.participant.institution
        assert hospital.witness.name == f"{settings.LOG_ORIGIN.partition('/')[0]}/witness/{hospital.participant.site}"
    known = [key for hospital in hospitals for key in hospital.witness.verifiers]
    assert [vkey.split("+")[0] for hospital in hospitals for vkey in hospital.home.vkeys] == [k.name for k in known]
    opened = open_checkpoint(
        witnesses.cosigned_note(signed), origin=settings.LOG_ORIGIN, log_keys=keys.log_verifiers(), witnesses=known,
        quorum=2,
    )  # fmt: skip
    assert opened.checkpoint.size == signed.size and len(opened.cosignatures) == 4
    assert Cosignature.objects.count() == 4
    assert witnesses.newest_cosigned(quorum=2) == signed
    assert witnesses.newest_cosigned(quorum=3) is None


def test_the_page_shows_who_has_witnessed_what_and_how_far_behind_they_are(ledger, hospitals):
    signed = ledger.grow()
    hospitals[0].round()
    hospitals[1].round()
    later = ledger.grow(5)
    hospitals[0].round()
    first, second = witnesses.witness_rows()
    assert (first.size, first.lag_entries, first.problem) == (later.size, 0, "")
    assert (second.size, second.lag_entries) == (signed.size, later.size - signed.size)
    assert second.institution == "Hospital south" and second.via == "wit-1" and len(second.vkeys) == 2
    assert abs(first.cosigned_at - timezone.now()) < timedelta(minutes=1) and first.asked_at is not None


def test_without_a_checkpoint_nobody_is_asked(hospital):
    assert not hospital.ask()
    assert witnesses.highest_witnessed() == 0 and witnesses.newest_cosigned() is None and witnesses.witness_rows() == []


def test_many_rounds_leave_one_row_a_site_and_the_log_at_rest(ledger, hospital, settings):
    ledger.grow()
    hospital.round()
    before, actions = Entry.objects.count(), [row.said.action for row in Outbox.objects.all()]
    assert actions.count("witness.register") <= 1
    ledger.grow()  # takes the registration in
    entries = Entry.objects.count()
    for _ in range(12):
        ledger.grow(1)
        hospital.round()
        assert not hospital.ask()  # the newest is witnessed: nothing to ask
    while sequencing.sequence(ledger.frontier):
        pass
    assert Entry.objects.count() == entries + 12 > before  # the heartbeats of `grow`, and nothing of the witness's
    assert SiteOrder.objects.filter(kind="witness").count() == 1
    assert not list((hospital.site.home.folder / "answers").iterdir())  # nor does the site's folder fill up
    DomainEvent.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert witnessing.notices_prune() == 13
    assert not DomainEvent.objects.filter(kind="order.witness").exists()
    assert not Job.objects.filter(payload__event="order.witness").exists()


def test_only_the_newest_checkpoint_is_asked_for_however_many_were_missed(ledger, hospital):
    ledger.grow()
    hospital.round()
    for _ in range(7):
        newest = ledger.grow()
    hospital.round()
    assert hospital.state.size == newest.size
    assert Cosignature.objects.values("checkpoint_id").distinct().count() == 2


def test_answers_of_one_round_ask_in_one_go(ledger, hospitals, monkeypatch):
    ledger.grow()
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    assert witnessing.witnesses_ask() == 2
    assert witnessing.witnesses_ask() == 0  # still open
    for hospital in hospitals:
        hospital.answer()
    run_jobs()
    assert {row.lag_entries for row in witnesses.witness_rows()} == {0}


def test_rounds_do_not_overlap(ledger, hospital):
    import psycopg2

    from core.process import lock_key

    ledger.grow()
    other = psycopg2.connect(os.environ["DATABASE_URL"])
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key("witnesses")])
        assert witnessing.witnesses_ask() == 0
        cursor.execute("SELECT pg_advisory_unlock_all()")
    other.close()
    assert witnessing.witnesses_ask() == 2


# --- what gets lost ------------------------------------------------------------------------------------------------


@pytest.fixture
def queue(monkeypatch) -> list[str]:
    """What lies on a site's queue, by hand."""
    waiting: list[str] = []
    monkeypatch.setattr(witnessing, "_queue_is_empty", lambda site: not waiting)
    return waiting


def late(order: SiteOrder) -> None:
    SiteOrder.objects.filter(id=order.id).update(created_at=timezone.now() - timedelta(hours=2))


def test_an_outage_costs_delay_and_never_a_queue(ledger, hospital, queue, settings):
    ledger.grow()
    hospital.round()
    ledger.grow()
    assert hospital.ask()
    queue.append("the message that the site has not taken")
    for _ in range(30):
        ledger.grow(1)
        late(hospital.order)
        assert not hospital.ask()
    assert hospital.order.last_contact_at > timezone.now() + timedelta(days=1000)  # the inbox does not send it again
    assert hospital.state.problem == Problem.AWAY and "no answer since" in hospital.state.problem_text
    assert SiteOrder.objects.filter(kind="witness").count() == 1
    queue.clear()
    assert hospital.answer() == "answer"
    run_jobs()
    assert hospital.state.problem == ""
    assert hospital.round().size == Checkpoint.objects.first().size


def test_a_lost_question_is_asked_again_with_the_newest_checkpoint_in_the_same_row(ledger, hospital, queue):
    ledger.grow()
    assert hospital.ask()
    first = hospital.order
    newest = ledger.grow()
    assert not hospital.ask()  # it was sent a moment ago
    late(first)
    assert hospital.ask()
    assert (hospital.order.id, hospital.order.key) == (first.id, first.key)
    assert f"\n{newest.size}\n" in hospital.order.body["request"]
    hospital.answer()
    run_jobs()
    assert hospital.state.size == newest.size


def test_a_lost_answer_is_made_up_for(ledger, hospital, queue):
    """The site cosigned and the answer never came: it holds more than we know, says so, and all is well again."""
    ledger.grow()
    hospital.round()
    ledger.grow()
    hospital.ask()
    carry_out(hospital.site, hospital, messages.seal(
        Message("witness", "coordinator", hospital.participant.site, hospital.order.key, hospital.order.body),
        coordinator_key(),
    ))  # fmt: skip
    hospital.sent.clear()  # lost
    newest = ledger.grow()
    late(hospital.order)
    state = hospital.round()
    assert state.problem == "" and state.size < newest.size  # 409, and now we know
    assert hospital.round().size == newest.size


def test_a_lost_cosignature_of_the_newest_tree_is_asked_for_again(ledger, hospital):
    signed = ledger.grow()
    assert hospital.home.add_checkpoint(format_request(Request(0, (), signed.note.encode()))).status == 200
    assert hospital.round().problem == ""
    assert not Cosignature.objects.exists()
    hospital.round()
    assert Cosignature.objects.count() == 2


def test_an_answer_that_comes_twice_counts_once(ledger, hospital):
    ledger.grow()
    hospital.ask()
    assert hospital.answer() == "answer"
    assert hospital.answer() == "duplicate"
    run_jobs()
    assert Cosignature.objects.count() == 2


# --- what speaks against us ----------------------------------------------------------------------------------------


def test_a_database_restored_from_an_old_copy_is_told_what_it_has_forgotten(ledger, hospital, settings):
    """The hospital cosigned a larger tree of this log, and proves it with the log's own signature."""
    ledger.grow()
    hospital.round()
    newer = others_history(1000, settings.LOG_ORIGIN)
    hospital.home._keep(type(hospital.home.log(settings.LOG_ORIGIN))(
        settings.LOG_ORIGIN, hospital.home.log(settings.LOG_ORIGIN).vkeys, witnesses_seen(newer)
    ))  # fmt: skip
    assert witnesses.highest_witnessed() == Checkpoint.objects.first().size
    ledger.grow()
    state = hospital.round()
    assert state.problem == Problem.AHEAD and "shows the checkpoint that this log signed" in state.problem_text
    assert (state.highest, state.highest_note) == (1000, newer.decode())
    assert witnesses.highest_witnessed() == 1000
    (tree,) = witnesses.witnessed_trees()
    assert (tree.size, tree.name) == (1000, hospital.witness.name) and tree.root is not None
    assert hospital.round(lambda body: body.pop("latest")).highest_note == newer.decode()  # named again, and not shown
    witnesses.witness_set_active(witness=hospital.witness, is_active=False, actor=None, reason="test")
    assert witnesses.highest_witnessed() == 1000  # what is proved is not argued away


def witnesses_seen(note: bytes):
    from provenance.domain.checkpoint import parse_checkpoint
    from provenance.domain.witness import Seen

    tree = parse_checkpoint(note)
    return Seen(tree.size, tree.root, note)


def test_a_size_that_is_only_claimed_stops_the_signing_until_an_administrator_sets_the_witness_aside(ledger, hospital):
    ledger.grow()
    hospital.round()

    def lie(body: dict) -> None:
        body |= {"status": 409, "content_type": "text/x.tlog.size", "body": "5000\n"}
        body.pop("latest", None)

    ledger.grow()
    state = hospital.round(lie)
    assert state.problem == Problem.AHEAD and "shows no checkpoint" in state.problem_text
    assert witnesses.highest_witnessed() == 5000
    assert witnesses.witnessed_trees()[0].root is None
    with pytest.raises(checkpoints.LogRolledBack):
        ledger.grow()
    assert hospital.ask()  # it is asked on, so a mistake clears itself up
    hospital.answer()
    run_jobs()
    assert hospital.round().problem == ""
    assert witnesses.highest_witnessed() == 5000  # what was said once is not unsaid
    witnesses.witness_set_active(witness=hospital.witness, is_active=False, actor=None, reason="it lied")
    assert witnesses.highest_witnessed() == Checkpoint.objects.first().size
    ledger.grow()
    assert not hospital.ask()


def test_a_hospital_that_was_shown_another_history_convicts_the_log(ledger, hospital, settings):
    signed = ledger.grow(7)
    other = others_history(signed.size, settings.LOG_ORIGIN)
    hospital.home.add_checkpoint(format_request(Request(0, (), other)))
    hospital.round()  # 409: it holds something of this size
    state = hospital.round()
    assert state.problem == Problem.SPLIT
    assert state.highest_note.encode() == other and bytes(state.highest_root) != bytes(signed.root)
    found = find_split_view([signed.note.encode(), state.highest_note.encode()], log_keys=keys.log_verifiers())
    assert found.conclusive
    assert not Cosignature.objects.exists()
    with pytest.raises(checkpoints.LogRolledBack, match=hospital.witness.name):  # and nothing more is signed
        ledger.grow()


def test_no_proof_leads_from_another_history_to_ours(ledger, hospital, settings):
    signed = ledger.grow(7)
    other = others_history(signed.size - 2, settings.LOG_ORIGIN)
    hospital.home.add_checkpoint(format_request(Request(0, (), other)))
    assert hospital.round().problem == Problem.AHEAD  # it holds what was never signed here
    state = hospital.round()
    assert state.problem == Problem.SPLIT and "answered 422" in state.problem_text
    (tree,) = witnesses.witnessed_trees()
    assert (tree.size, tree.root) == (signed.size - 2, bytes(state.highest_root))
    assert state.highest_note.encode() == other


def test_a_hospital_that_lost_its_memory_is_noticed_and_serves_on(ledger, hospital, settings):
    ledger.grow()
    hospital.round()
    high = witnesses.highest_witnessed()
    log = hospital.home.log(settings.LOG_ORIGIN)
    hospital.home._keep(type(log)(log.origin, log.vkeys))
    ledger.grow()
    state = hospital.round()
    assert state.problem == Problem.FORGOT
    assert (state.highest, witnesses.highest_witnessed()) == (high, high)
    assert hospital.round().problem == ""


def other_keys_line(body: dict) -> None:
    lines = body["body"].splitlines(keepends=True)
    body["body"] = lines[0][:-20] + "A" * 17 + lines[0][-3:] + lines[1]


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("false", other_keys_line),
        ("false", lambda body: body.update(body="")),
        ("false", lambda body: body.update(body="\u2014 someone AAAAAAAAAAAA\n")),
        ("false", lambda body: body.update(size=999)),
        ("refused", lambda body: body.update(status=403, body="not this\x07 key\n")),
        ("refused", lambda body: body.update(status=500)),
        ("refused", lambda body: body.update(status=409, body="many\n")),
        (
            "refused",
            lambda body: body.update(status=409, body="99999999999999999999\n", content_type="text/x.tlog.size"),
        ),
    ],
)
def test_a_false_answer_is_not_stored_and_is_shown_for_what_it_is(ledger, hospital, problem, change):
    ledger.grow()
    hospital.round()
    kept = Cosignature.objects.count()
    ledger.grow()
    assert hospital.round(change).problem == problem
    assert Cosignature.objects.count() == kept


def long_name(body: dict) -> None:
    name = "n" * 201
    body["vkeys"] = [encode_vkey(name, kind, key) for _, kind, key in map(decode_vkey, body["vkeys"])]
    body["name"] = name


@pytest.mark.parametrize(
    "change",
    [
        long_name, lambda body: body.pop("vkeys"),
        lambda body: body.update(vkeys=["junk"]), lambda body: body.update(status="x"),
        lambda body: body.update(name="another.example"), lambda body: body.update(vkeys=[]),
        lambda body: body.update(size=None), lambda body: body.update(vkeys=7),
    ],
)  # fmt: skip
def test_what_is_no_answer_of_a_witness_is_passed_over(ledger, hospital, change):
    ledger.grow()
    assert hospital.round(change) is None
    assert hospital.round().problem == ""  # the next one is taken


@pytest.mark.parametrize("limit", [200, 10_000])  # refused by us, or else by the database
def test_a_site_whose_answer_cannot_be_kept_stops_no_other_site(ledger, hospitals, monkeypatch, limit):
    monkeypatch.setattr(witnesses, "MAX_NAME", limit)
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    ledger.grow()
    assert witnessing.witnesses_ask() == 2
    hospitals[0].answer(long_name)
    hospitals[1].answer()
    assert witnessing.witnesses_ask() == 1  # takes both answers; the first site is asked anew
    assert hospitals[1].state.problem == "" and not Witness.objects.filter(site="wit-0").exists()
    hospitals[0].answer()
    run_jobs()
    assert hospitals[0].state.problem == ""


def test_a_site_that_cannot_be_asked_stops_no_other_site(ledger, hospitals, monkeypatch, caplog):
    ask = witnessing.site_ask

    def broken(*, participant: Participant) -> bool:
        if participant == hospitals[0].participant:
            raise OverflowError("something new")
        return ask(participant=participant)

    monkeypatch.setattr(witnessing, "site_ask", broken)
    ledger.grow()
    assert witnessing.witnesses_ask() == 1
    assert "wit-0 could not be asked" in caplog.text and hospitals[1].order.state == SiteOrder.State.PENDING


def test_a_clock_far_ahead_is_not_believed(ledger, hospital, monkeypatch):
    ledger.grow()
    hospital.home._clock = lambda: time.time() + 3600
    assert hospital.round().problem == Problem.CLOCK
    assert not Cosignature.objects.exists()


def test_one_hospitals_cosignature_is_not_taken_for_anothers(ledger, hospitals):
    ledger.grow()
    first, second = hospitals
    first.round()
    second.round()
    ledger.grow()
    first.round()
    lines = "".join(Cosignature.objects.filter(witness=first.witness)[:2].values_list("line", flat=True))
    assert second.round(lambda body: body.update(body=lines)).problem == Problem.FALSE


# --- keys ----------------------------------------------------------------------------------------------------------


def test_registration_and_change_of_a_witnesss_keys_stand_in_the_ledger(ledger, hospital):
    ledger.grow()
    hospital.round()
    before = hospital.witness.vkeys
    other = WitnessHome.create(hospital.site.home.folder / "elsewhere", name=hospital.witness.name)
    witnesses.witness_register(
        name=other.name, vkeys=other.vkeys, site=hospital.participant.site, institution=hospital.witness.institution,
        reason="signed by the site",
    )  # fmt: skip
    assert hospital.witness.vkeys != before
    ledger.grow()
    found = Entry.objects.filter(table="provenance_witness").order_by("seq")
    assert [entry.operation for entry in found] == ["INSERT", "UPDATE"]


def test_a_name_or_key_that_is_not_the_witnesss_own_is_refused(ledger, hospitals, settings):
    first, second = hospitals
    ledger.grow()
    first.round()
    with pytest.raises(Conflict, match="another witness"):
        witnesses.witness_register(name=first.witness.name, vkeys=first.home.vkeys, site="third")
    with pytest.raises(Conflict, match="another witness"):
        witnesses.witness_register(name=first.witness.name, vkeys=first.home.vkeys, url="https://x.example")
    for vkeys in ([], list(first.home.vkeys) * 3, [keys.log_verifiers()[0].vkey], ["junk"], list(second.home.vkeys)):
        with pytest.raises(ApplicationError):
            witnesses.witness_register(name=first.witness.name, vkeys=vkeys, site="wit-0")
    for where in ({}, {"site": "a", "url": "https://b"}, {"url": "ftp://b"}, {"url": "file:///etc/passwd"}):
        with pytest.raises(ApplicationError):
            witnesses.witness_register(name=second.home.name, vkeys=second.home.vkeys, **where)
    with pytest.raises(ApplicationError, match="at most 200 characters"):
        witnesses.witness_register(name=second.home.name, vkeys=second.home.vkeys, url="https://b.example/" + "x" * 200)


def test_two_keys_of_one_key_id_are_not_registered(db):
    """Four bytes are soon found again: among some hundred thousand keys, two have the same."""
    name, known = "twins.example/w", {}
    for number in range(1_000_000):
        key = number.to_bytes(32, "big")
        label = key_id(name, 0x04, key)
        if label in known:
            break
        known[label] = key
    twins = [encode_vkey(name, 0x04, twin) for twin in (known[label], key)]
    with pytest.raises(ApplicationError, match="one key id"):
        witnesses.witness_register(name=name, vkeys=twins, url="https://twins.example")


def test_a_site_follows_the_logs_new_keys_and_no_others(ledger, hospital, settings, tmp_path):
    settings.VAR = tmp_path / "platform"  # log keys of this test's own
    Hospital.__init__(
        hospital, tmp_path / "new", "wit-9", hospital.participant.institution,
        Federation.objects.create(name="Second", purpose="T", data_title="T", task="segmentation", synthetic=True),
    )  # fmt: skip
    ledger.grow()
    assert hospital.round().problem == ""
    keys.rotate(overlap=timedelta(days=1))
    ledger.grow()
    assert hospital.round().problem == ""
    assert set(hospital.home.log(settings.LOG_ORIGIN).vkeys) == {key.vkey for key in keys.log_verifiers()}
    keys._write_index([g.__class__(**{**g.__dict__, "last_size": 10**9}) for g in keys.generations()[:1]] + list(
        keys.generations()[1:]
    ))  # fmt: skip
    ledger.grow()  # signed by the new generation alone
    assert hospital.round().problem == ""
    # A coordinator that announces keys which nobody vouched for changes nothing.
    (tmp_path / "forged").mkdir()
    settings.VAR = tmp_path / "forged"
    ledger.grow()
    state = hospital.round()
    assert state.problem == Problem.REFUSED and "403" in state.problem_text


@pytest.mark.parametrize(("together", "alone"), [(1, 1), (3, 2), (2, 9)])
def test_a_witness_that_slept_through_two_changes_of_keys_follows_them(
    ledger, hospital, settings, tmp_path, together, alone
):
    settings.VAR = tmp_path / "platform"
    Hospital.__init__(
        hospital, tmp_path / "new", "wit-9", hospital.participant.institution,
        Federation.objects.create(name="Second", purpose="T", data_title="T", task="segmentation", synthetic=True),
    )  # fmt: skip
    ledger.grow()
    assert hospital.round().problem == ""
    last_of_both = []
    for _ in range(2):
        keys.rotate(overlap=timedelta(days=1))
        for _ in range(together):
            both = ledger.grow()
        last_of_both.append(both.note)
        past = (timezone.now() - timedelta(seconds=1)).isoformat()
        keys._write_index([replace(g, signs_until=past) if g.signs_until else g for g in keys.generations()])
        for _ in range(alone):
            newest = ledger.grow()  # of the new keys alone
        size = newest.size  # too large, as it was once recorded
        keys.retire(lambda generation, size=size: size)
    assert [change["note"] for change in witnesses.key_rotations()] == last_of_both
    assert (hospital.round().problem, hospital.state.size) == ("", newest.size)
    assert set(hospital.home.log(settings.LOG_ORIGIN).vkeys) == {key.vkey for key in keys.log_verifiers()}


def test_keys_that_were_changed_without_an_overlap_are_not_announced(ledger, settings, tmp_path):
    settings.VAR = tmp_path / "platform"
    ledger.grow()
    keys.rotate(overlap=timedelta(0))
    ledger.grow()
    assert witnesses.key_rotations() == []


def test_a_site_without_the_logs_keys_says_so(ledger, hospital):
    path = hospital.site.home.folder / "site.json"
    kept = json.loads(path.read_text())
    del kept["log_keys"], kept["witness_name"]  # provisioned by an older platform
    path.write_text(json.dumps(kept))
    ledger.grow()
    assert hospital.round() is None
    assert "provision it again" in hospital.order.error


def test_nothing_of_the_sites_folder_is_told_when_its_witness_is_broken(ledger, hospital):
    ledger.grow()
    hospital.round()
    for path in (hospital.site.home.folder / "witness" / "logs").glob("*.json"):
        path.write_text("damaged")
    ledger.grow()
    state = hospital.round()
    assert state.problem == Problem.REFUSED and "its operator finds the reason" in state.problem_text
    assert str(hospital.site.home.folder) not in hospital.order.error


# --- strangers over HTTP -------------------------------------------------------------------------------------------


@pytest.fixture
def stranger(db, tmp_path) -> Iterator[tuple[WitnessServer, Witness]]:
    home = WitnessHome.create(tmp_path / "stranger", name="stranger.example/w")
    home.trust([key.vkey for key in keys.log_verifiers()])
    server = WitnessServer(("127.0.0.1", 0), home)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    witness = witnesses.witness_register(
        name=home.name, vkeys=home.vkeys, url=f"http://127.0.0.1:{server.server_address[1]}/"
    )
    yield server, witness
    server.shutdown()
    server.server_close()


def test_a_stranger_is_asked_over_http_and_caught_up_with(ledger, stranger):
    server, witness = stranger
    for _ in range(3):
        signed = ledger.grow(2)
        assert witnessing.http_ask() == 1
        assert WitnessState.objects.get(witness=witness).size == signed.size
        assert witnessing.http_ask() == 0
    assert Cosignature.objects.count() == 6
    WitnessState.objects.filter(witness=witness).update(size=0)  # what we know of it was lost
    signed = ledger.grow()
    assert witnessing.http_ask() == witnessing.http_ask() == 1
    assert WitnessState.objects.get(witness=witness).size == signed.size


def test_a_stranger_that_holds_another_history_shows_it(ledger, stranger, settings):
    server, witness = stranger
    signed = ledger.grow(5)
    other = others_history(signed.size, settings.LOG_ORIGIN)
    server.witness.add_checkpoint(format_request(Request(0, (), other)))
    witnessing.http_ask()
    witnessing.http_ask()
    state = WitnessState.objects.get(witness=witness)
    assert state.problem == Problem.SPLIT
    assert find_split_view([signed.note.encode(), state.highest_note.encode()], log_keys=keys.log_verifiers())


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (b"", "away"), (b"not http\r\n\r\n", "away"), (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", "false"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "refused"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "refused"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90000, "away"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\n", "false"),
        (None, "away"),  # never answers
    ],
)  # fmt: skip
def test_whatever_an_address_answers_the_round_ends_and_says_why(ledger, stranger, monkeypatch, reply, problem):
    monkeypatch.setattr(witnessing, "HTTP_TOTAL_SECONDS", 0.5)
    _, witness = stranger
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        peer.recv(65536)
        if reply is None:
            time.sleep(2)
        else:
            peer.sendall(reply)
        peer.close()

    threading.Thread(target=serve, daemon=True).start()
    Witness.objects.filter(id=witness.id).update(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    ledger.grow()
    started = time.monotonic()
    assert witnessing.http_ask() == 1
    assert time.monotonic() - started < 5
    state = WitnessState.objects.get(witness=witness)
    assert state.problem == problem and state.problem_text
    assert not Cosignature.objects.exists()
    listener.close()


# --- as it runs ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_sites_worker_witnesses_over_the_real_broker(tmp_path):
    """The order leaves on commit, the site's own process cosigns, the inbox brings the answer."""
    people = make_people()
    federation = Federation.objects.create(
        name="Trial", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
    )
    hospital = Hospital(tmp_path, "wit-real", people.north, federation)
    signed = Ledger().grow()
    assert witnessing.witnesses_ask() == 1
    assert not witnessing._queue_is_empty(hospital.participant.channel)  # it waits there for a worker
    environment = {name: value for name, value in os.environ.items() if name not in platform.SECRETS}
    worker = subprocess.Popen(
        [sys.executable, "-m", "federation.site"],
        env={**environment, "SITE_HOME": str(hospital.site.home.folder), "SITE_HANDLERS": "federation.site.witness"},
    )
    try:
        inbox, deadline = mailbox.Inbox(), time.monotonic() + 40
        while not Cosignature.objects.exists() and time.monotonic() < deadline:
            inbox.poll([hospital.participant])
            run_jobs()
            time.sleep(0.05)
        assert {row.checkpoint_id for row in Cosignature.objects.all()} == {signed.size}
        assert witnessing._queue_is_empty(hospital.participant.channel)
    finally:
        worker.terminate()
        assert worker.wait(timeout=20) == 0
    known = [verifier_from_vkey(vkey) for vkey in hospital.home.vkeys]
    assert {key.key_id.hex() for key in known} == set(Cosignature.objects.values_list("key_id", flat=True))


def test_the_proof_to_a_witness_starts_where_it_stopped(ledger, hospital):
    first = ledger.grow(40)
    hospital.round()
    second = ledger.grow(300)
    ask = witnesses.next_ask(hospital.witness)
    assert (ask.old_size, ask.size) == (first.size, second.size)
    request = Request(first.size, tuple(prove_consistency(first.size, second.size)), second.note.encode())
    assert ask.data == format_request(request)
