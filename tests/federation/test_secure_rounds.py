"""Runs with secure aggregation between real sites, moved by hand: every letter is sealed, opened and counted."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import User
from core import artefacts, jobs
from core.errors import ApplicationError
from core.models import Job
from core.roles import Role
from federation import mailbox, sealing, services
from federation.domain import messages
from federation.domain.messages import Message
from federation.domain.round_metrics import gated_metrics, metrics_before, reported_metrics
from federation.domain.secure import letters
from federation.domain.twin_comparison import PairedScores
from federation.keys import coordinator_key
from federation.models import (
    Federation,
    OrderTraffic,
    Participant,
    RefusedEnvelope,
    RoundTraffic,
    SiteCertificate,
    SiteOrder,
    SiteUpdate,
    TrainingRun,
)
from federation.secure_stages import security_of
from federation.secure_sums import averaged
from federation.site import sealing as site_sealing
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.people import make_institution, make_people, make_user
from tests.factories.postbox import Recorder, carry_out

pytestmark = pytest.mark.django_db
State = TrainingRun.State
LOCAL = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "dp": None}
KINDS = ("secure_keys", "secure_pairs", "secure_shares", "train", "secure_unmask", "evaluate", "secure_unmask")
SITES = 4


class Trial:
    """Four phantom hospitals; the threshold is three, so one may be lost."""

    patients = 80

    def __init__(self, folder) -> None:
        self.people = make_people()
        self.federation = Federation.objects.create(
            name="Trial", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
        )
        self.sites: dict[str, Site] = {}
        self.signers: dict[str, tuple[User, User]] = {}
        for number in range(1, SITES + 1):
            code = f"phantom-{number}"
            institution = make_institution(code)
            self.signers[code] = (
                make_user(f"operator.{code}@test.example", Role.SITE_OPERATOR, institution),
                make_user(f"officer.{code}@test.example", Role.ETHICS_OFFICER, institution),
            )
            public = messages.dump_public(coordinator_key())
            data = f"phantom:?patients={self.patients}&sites={SITES}"
            home = SiteHome.create(folder / code, SiteConfig(code, data, public, "unix:///x"))
            self.sites[code] = Site(home)
            Participant.objects.create(
                federation=self.federation,
                institution=institution,
                site=code,
                public_key=messages.dump_public(home.key),
            )

    def manifests(self) -> None:
        for participant in self.federation.participants.all():
            services.manifest_request(participant=participant, key="first")
        self.answer("manifest")

    def propose(self, security: dict | None = None, *, rounds: int = 1, **more) -> TrainingRun:
        given = {"masking": True, "keep": 1.0, **(security or {})}
        return services.run_propose(
            federation=self.federation, name="Run", rounds=rounds, seed=1, actor=self.people.administrator, local=LOCAL,
            security=given, **more,
        )  # fmt: skip

    def running(self, security: dict | None = None, *, rounds: int = 1, **more) -> TrainingRun:
        self.manifests()
        run = self.propose(security, rounds=rounds, **more)
        for participant in self.federation.participants.all():
            for actor in self.signers[participant.site]:
                services.consent_decide(run=run, participant=participant, decision="given", reason="", actor=actor)
        self.answer("propose")
        run = services.run_start(run=run, actor=self.people.administrator)
        run_jobs()
        return run

    def text(self, order: SiteOrder) -> str:
        files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
        extra = {"sealing_key": sealing.coordinator_sealing_key()} if sealing.must_seal(order.body) else {}
        message = Message(order.kind, "coordinator", order.participant.site, order.key, {**order.body, **extra}, files)
        return sealing.write(order, message)

    def carry_out(self, order: SiteOrder) -> str:
        postbox = Recorder()
        carry_out(self.sites[order.participant.site], postbox, self.text(order))
        return postbox.sent[0]

    def answer(self, kind: str, *, without: str = "") -> list[str]:
        found = SiteOrder.objects.filter(kind=kind, state="pending").select_related("participant")
        said = [
            mailbox.message_receive(participant=order.participant, text=self.carry_out(order))
            for order in found.exclude(participant__site=without)
        ]
        run_jobs()
        return said

    def fail(self, site: str, kind: str) -> None:
        """The site's worker answers that it could not."""
        order = SiteOrder.objects.select_related("participant").get(kind=kind, participant__site=site, state="pending")
        body = {**order.body, "sealing_key": sealing.coordinator_sealing_key()}
        asked = Message(kind, "coordinator", site, order.key, body)
        said = Message(kind, site, "coordinator", order.key, {"error": "out of memory"}, ok=False)
        text = site_sealing.write_answer(self.sites[site].home, asked, said)
        assert mailbox.message_receive(participant=order.participant, text=text) == "failure"
        run_jobs()


def run_jobs() -> None:
    for _ in range(30):
        queued = Job.objects.filter(state="queued", next_run_at__lte=timezone.now())
        mine = [
            job for job in queued
            if job.kind in {"run.begin", "round.aggregate", "secure.deadline", "secure.close"}
            or (job.kind == "event" and job.payload["subscriber"] == "federation")
        ]  # fmt: skip
        if not mine:
            return
        for job in mine:
            assert jobs.run(job.id), Job.objects.get(id=job.id).last_error


def pass_deadline(kind: str, purpose: str) -> None:
    found = Job.objects.filter(kind="secure.deadline", state="queued", payload__kind=kind, payload__purpose=purpose)
    found.update(next_run_at=timezone.now() - timedelta(seconds=1))
    run_jobs()


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)  # the broker is not in this test
    return Trial(tmp_path)


def plain_mean(trial: Trial, run: TrainingRun, sites: list[str]) -> dict[str, np.ndarray]:
    """FedAvg of what the sites' models came to, computed again in the open."""
    from federation.domain.learning import weights
    from federation.site import handlers

    round_, terms = run.rounds.get(), []
    for site in sites:
        order = SiteOrder.objects.get(subject=round_.id, kind="train", participant__site=site)
        files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
        body = {name: value for name, value in order.body.items() if name != "masking"}
        asked = Message("train", "coordinator", site, order.key, body, files)
        report, made = handlers._handlers[asked.kind](trial.sites[site], asked, lambda progress: None)
        state = weights.from_bytes(made["primary"], like=run.config["models"]["primary"])
        terms.append((report["n_records"], state))
    total = sum(n for n, _ in terms)
    return {name: sum(n * s[name].astype(float) for n, s in terms) / total for name in terms[0][1]}


def finish(trial: Trial, *, lost_at: int | None = None) -> None:
    """Let all stages pass. A site that is lost at one fails there, and says nothing more until the deadlines."""
    for stage, kind in enumerate(KINDS):
        gone = lost_at is not None and stage >= lost_at
        trial.answer(kind, without="phantom-2" if gone else "")
        if stage == lost_at and kind == "train":  # its length nobody knows: the site says that it could not
            trial.fail("phantom-2", kind)
        elif gone:
            pass_deadline(kind, "train" if stage == 4 else "evaluate" if stage == 6 else "")


def assert_mean(trial: Trial, run: TrainingRun, sites: list[str]) -> None:
    from federation.domain.learning import weights

    round_ = run.rounds.get()
    got = weights.from_bytes(artefacts.get(round_.weights["primary"]), like=run.config["models"]["primary"])
    security = security_of(run)
    step = security.clip / (65520 // (2 * SITES))
    for name, expected in plain_mean(trial, run, sites).items():
        assert np.abs(got[name] - expected).max() < len(sites) * step * 2


def test_a_masked_run_gives_the_plain_mean_and_shows_nobody_a_single_update(trial):
    run = trial.running()
    finish(trial)
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (State.FINISHED, "")
    assert_mean(trial, run, sorted(trial.sites))
    for update in SiteUpdate.objects.all():
        assert set(update.weights) == {"masked"}
        assert update.metrics["primary"]["loss"] is None
    round_ = run.rounds.get()
    assert list(round_.metrics["primary"]["site"]) == ["all"]
    assert all(set(order.answer) <= {"seconds"} for order in SiteOrder.objects.filter(kind="evaluate"))
    traffic = RoundTraffic.objects.get()
    assert traffic.float32_bytes > 0
    assert traffic.bytes_from_sites == sum(t.n_bytes for t in OrderTraffic.objects.filter(order__subject=round_.id))
    assert averaged(round_)["primary"].keys() == plain_mean(trial, run, ["phantom-1"]).keys()


def test_the_secure_counts_are_the_sums_of_the_sites_own_counts(trial):
    from federation.domain.group_rates import Cell
    from federation.domain.round_metrics import summarise
    from federation.site import handlers

    run = trial.running({"min_cell": 2})
    finish(trial)
    round_ = run.rounds.get()
    cells: dict[str, list[Cell]] = {"primary": [], "baseline": []}
    pairs = []
    for order in SiteOrder.objects.filter(kind="evaluate").select_related("participant"):
        files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
        body = {name: value for name, value in order.body.items() if name != "masking"}
        asked = Message("evaluate", "coordinator", order.participant.site, order.key, body, files)
        report, _ = handlers._handlers[asked.kind](trial.sites[order.participant.site], asked, lambda progress: None)
        for name in cells:
            cells[name] += [Cell.from_dict(raw) for raw in report["cells"][name]]
        if report["paired"] is not None:  # at least three with a lesion
            pairs.append(PairedScores.from_list(report["paired"], most=100))
    assert round_.metrics["paired"].keys() == {"all"}
    together = sum(pairs[1:], pairs[0])
    assert round_.metrics["paired"]["all"] == pytest.approx(together.as_list(), abs=1e-5)
    assert PairedScores.from_list(round_.metrics["paired"]["all"], most=100).better == together.better
    plain = summarise(cells, task="segmentation", min_cell=2)
    for name in cells:
        for metric, figure in plain[name]["overall"].items():
            got = round_.metrics[name]["overall"][metric]
            assert got["n"] == figure["n"]
            assert got["mean"] == pytest.approx(figure["mean"], abs=1e-5)
        assert round_.metrics[name]["groups"].keys() == plain[name]["groups"].keys()


@pytest.mark.parametrize(
    ("stage", "counted"),
    [
        (2, 3),  # before its shares
        (3, 3),  # after its shares, before its vector
        (4, 4),  # after its vector: counted all the same
        (5, 4),  # after the average
        (6, 4),  # after its scores
    ],
)
def test_one_site_of_four_may_be_lost_at_any_stage_of_a_round(trial, stage, counted):
    run = trial.running()
    finish(trial, lost_at=stage)
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (State.FINISHED, "")
    assert SiteUpdate.objects.count() == counted
    sites = sorted(trial.sites) if counted == 4 else sorted(set(trial.sites) - {"phantom-2"})
    assert_mean(trial, run, sites)


def test_below_the_threshold_the_run_ends_and_no_update_is_opened(trial):
    run = trial.running()
    for kind in KINDS[:3]:
        trial.answer(kind)
    for site in ("phantom-1", "phantom-2"):
        trial.fail(site, "train")
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "0 of 4 sites answered train, the threshold is 3; no update was opened" in run.stop_reason
    assert not SiteOrder.objects.filter(kind="secure_unmask").exists()


def test_a_site_unmasks_one_set_of_sites_only(trial):
    trial.running()
    for kind in KINDS[:4]:
        trial.answer(kind)
    order = SiteOrder.objects.filter(kind="secure_unmask").select_related("participant").first()
    assert "own_masks" in opened(trial, order)["body"]
    order.key += ":again"
    order.body = {**order.body, "counted": order.body["counted"][:3]}
    refused = opened(trial, order)
    assert "asked before of other sites" in refused["body"]["error"]


def test_a_site_believes_no_key_that_was_not_consented_to(trial):
    trial.running()
    trial.answer("secure_keys")
    order = (
        SiteOrder.objects.filter(kind="secure_pairs", participant__site="phantom-1").select_related("participant").get()
    )
    order.body["keys"]["phantom-2"]["signing_key"] = order.body["keys"]["phantom-3"]["signing_key"]
    assert "not the one that was consented to" in opened(trial, order)["body"]["error"]


def opened(trial: Trial, order: SiteOrder) -> dict:
    """A site's answer, read with the coordinator's key."""
    from federation.domain.secure import envelope
    from federation.domain.secure.envelope import Opener

    opener = Opener(sealing.coordinator_seed(), lambda name: sealing.certificate_of(order.participant), set())
    text = trial.carry_out(order)
    message, _ = letters.open_letter(text, opener, sealing._purpose(order, envelope.TO_COORDINATOR), now=timezone.now())
    return {"ok": message.ok, "body": message.body}


def train_order(trial: Trial, *, security: dict | None = None) -> SiteOrder:
    trial.running({"masking": False, "threshold": 0, **(security or {})})
    return SiteOrder.objects.filter(kind="train", participant__site="phantom-1").select_related("participant").get()


def test_a_sealed_run_without_masks_keeps_single_updates_and_ends(trial):
    order = train_order(trial)
    assert letters.is_letter(trial.text(order))
    trial.answer("train")
    trial.answer("evaluate")
    assert TrainingRun.objects.get().state == State.FINISHED
    assert set(SiteUpdate.objects.first().weights) == {"primary", "baseline"}


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text.removeprefix("QFE1:")))
    raw[-1] ^= 1
    return "QFE1:" + base64.b64encode(raw).decode()


def in_the_open(trial: Trial, order: SiteOrder) -> str:
    home = trial.sites[order.participant.site].home
    return messages.seal(Message("train", home.config.site, "coordinator", order.key, {"n_records": 1}), home.key)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("wrong-signature", lambda trial, order: flipped(trial.carry_out(order))),
        ("malformed", lambda trial, order: trial.carry_out(order)[:200]),
        ("unsealed", in_the_open),
        ("wrong-signature", lambda trial, order: json.dumps({})),
    ],
)
def test_what_is_refused_is_on_record_and_the_true_answer_is_still_taken(trial, kind, make):
    order = train_order(trial)
    text = make(trial, order)
    for _ in range(2):
        assert mailbox.message_receive(participant=order.participant, text=text) == "refused"
    refusal = RefusedEnvelope.objects.get()
    assert refusal.kind == kind
    order.refresh_from_db()
    assert order.state == "pending"
    assert mailbox.message_receive(participant=order.participant, text=trial.carry_out(order)) == "answer"


def test_another_sites_letter_an_expired_certificate_and_a_stale_round_are_refused(trial):
    order = train_order(trial)
    text = trial.carry_out(order)
    other = Participant.objects.get(site="phantom-2")
    assert mailbox.message_receive(participant=other, text=text) == "refused"
    for wrong in ({"round": 7}, {"config_hash": "0" * 64}):
        SiteOrder.objects.filter(id=order.id).update(body={**order.body, **wrong})
        for kept in (trial.sites["phantom-1"].home.folder / "answers").iterdir():
            kept.unlink()
        text = trial.carry_out(order)  # another envelope of the same answer
        assert mailbox.message_receive(participant=order.participant, text=text) == "refused"
    SiteOrder.objects.filter(id=order.id).update(body=order.body)
    certificate = SiteCertificate.objects.get(participant=order.participant)
    certificate.content["not_after"] = certificate.content["not_before"] + 1
    certificate.save(update_fields=["content"])
    assert mailbox.message_receive(participant=order.participant, text=flipped(text)) == "refused"
    kinds = list(RefusedEnvelope.objects.order_by("created_at").values_list("kind", flat=True))
    assert kinds == ["unknown-site", "stale-round", "wrong-configuration", "certificate-expired"]


def test_an_order_in_the_open_is_not_done_in_a_sealed_run(trial):
    order = train_order(trial)
    files = {name: artefacts.get(digest) for name, digest in order.attachments.items()}
    message = Message(order.kind, "coordinator", "phantom-1", order.key, order.body, files)
    postbox = Recorder()
    carry_out(trial.sites["phantom-1"], postbox, messages.seal(message, coordinator_key()))
    assert postbox.sent == []


@pytest.mark.parametrize(
    ("security", "words"),
    [
        ({"threshold": 2}, "threshold from 3 to 4"),
        ({"keep": 2}, "keep"),
        ({"colour": "red"}, "colour"),
        ({"signing_keys": {}}, "signing_keys"),
    ],
)
def test_a_security_part_that_cannot_be_is_refused_in_words(trial, security, words):
    trial.manifests()
    with pytest.raises(ApplicationError, match=words):
        trial.propose(security)


@pytest.mark.parametrize(
    ("rule", "words"), [("krum", "compares the updates"), ("median", "compares"), ("trimmed_mean", "compares"),
                        ("qifa", "something else than the weights")],
)  # fmt: skip
def test_rules_that_no_masked_sum_can_serve_are_refused_with_the_reason(trial, rule, words):
    trial.manifests()
    with pytest.raises(ApplicationError, match=f"cannot be had with secure aggregation.*{words}"):
        trial.propose(strategy=rule)
    if rule != "krum":  # it wants five sites
        assert trial.propose({"masking": False}, strategy=rule).config["strategy"] == rule


def test_masking_needs_three_sites_and_says_why(trial):
    trial.manifests()
    Participant.objects.filter(site__in=["phantom-3", "phantom-4"]).update(is_active=False)
    with pytest.raises(ApplicationError, match="at least 3 sites.*subtract"):
        trial.propose()


def test_a_site_without_a_sealing_key_is_named(trial):
    trial.manifests()
    SiteCertificate.objects.filter(participant__site="phantom-3").delete()
    with pytest.raises(ApplicationError, match="phantom-3"):
        trial.propose()


def test_the_page_of_a_run_says_how_updates_travel_what_was_refused_and_how_many_bytes(trial, client):
    run = trial.running({"keep": 0.5})
    order = SiteOrder.objects.filter(kind="secure_keys").select_related("participant").first()
    mailbox.message_receive(participant=order.participant, text=flipped(trial.carry_out(order)))
    finish(trial)
    client.force_login(trial.people.administrator)
    page = client.get(f"/runs/{run.id}/").content.decode()
    assert "under masks" in page
    assert "sum over at least 3 of 4 sites" in page
    assert "Wrong signature" in page
    assert "Of float32" in page
    assert "Training loss by site" not in page


def test_an_administrator_chooses_how_updates_travel(trial, client):
    trial.manifests()
    client.force_login(trial.people.administrator)
    page = f"/federations/{trial.federation.id}/"
    assert 'value="masked"' in client.get(page).content.decode()
    given = {"name": "By form", "rounds": 1, "seed": 1, "messages": "masked", "keep": "0.25"}
    assert client.post(f"{page}runs/", given).status_code == 302
    security = TrainingRun.objects.get(name="By form").config["security"]
    assert (security["masking"], security["keep"], security["threshold"]) == (True, 0.25, 3)
    answer = client.post(f"{page}runs/", {**given, "keep": "7"})
    assert answer.status_code == 400


def test_the_lineage_of_a_masked_round_is_checked_from_signatures_and_the_opened_sum(trial):
    from audits.predeployment.checks.links import State as LinkState
    from audits.predeployment.lineage_facts import _round

    run = trial.running()
    finish(trial, lost_at=3)  # whose absence is on the record
    round_ = run.rounds.get()
    links = list(_round(round_, None, list(trial.federation.participants.all()), {}))
    assert [link for link in links if link.state != LinkState.HOLDS] == []
    order = SiteOrder.objects.filter(kind="secure_unmask", state="answered").first()
    order.answer["own_masks"]["phantom-1"] = base64.b64encode(bytes(33)).decode()
    order.save(update_fields=["answer"])
    assert LinkState.BROKEN in {
        link.state for link in _round(round_, None, list(trial.federation.participants.all()), {})
    }


def test_a_round_in_hand_from_before_the_platform_was_updated_is_closed_as_it_was_asked(trial, monkeypatch):
    """Pairs were not asked for then, nor were metrics named."""
    created = mailbox.order_create

    def as_before(**given):
        for part in ("paired", "metrics"):
            given["body"].get("masking", {}).pop(part, None)
        return created(**given)

    monkeypatch.setattr(mailbox, "order_create", as_before)
    run = trial.running()
    finish(trial)
    run.refresh_from_db()
    assert (run.state, run.rounds.get().metrics["paired"]) == (State.FINISHED, {})
    assert metrics_before("classification") == gated_metrics("classification")
    assert metrics_before("segmentation") == reported_metrics("segmentation")


def test_a_site_owes_what_it_did_not_send_until_it_was_counted_also_if_it_was_away_when_asked(trial):
    run = trial.running({"keep": 0.5}, rounds=2)
    for kind in KINDS[:4]:
        trial.answer(kind)
    folders = {site: next((home.home.folder / "secure").iterdir()) for site, home in trial.sites.items()}
    assert all((folder / "offer-1").exists() and not (folder / "owed").exists() for folder in folders.values())
    trial.answer("secure_unmask", without="phantom-2")
    assert (folders["phantom-1"] / "owed").exists()
    assert not (folders["phantom-2"] / "owed").exists()
    for kind in ("evaluate", "secure_unmask", "secure_shares", "train"):
        trial.answer(kind, without="phantom-2" if kind == "secure_unmask" else "")
    assert (folders["phantom-2"] / "owed").exists()
    run.refresh_from_db()
    assert (run.state, run.rounds.count()) == (State.RUNNING, 2)


def test_a_run_that_is_paused_before_its_first_round_goes_on_when_resumed(trial):
    run = trial.running()
    services.run_pause(run=run, actor=trial.people.administrator)
    trial.answer("secure_keys")
    trial.answer("secure_pairs")
    assert run.rounds.count() == 0
    services.run_resume(run=run, actor=trial.people.administrator)
    run_jobs()
    assert run.rounds.count() == 1


def test_an_abort_asks_nobody_for_anything_more(trial):
    run = trial.running()
    services.run_abort(run=run, reason="wrong seed", actor=trial.people.administrator)
    assert not SiteOrder.objects.filter(state="pending").exists()
