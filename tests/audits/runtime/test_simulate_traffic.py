"""The rehearsal of a halt, through the real gateway, ingest and monitor."""

from __future__ import annotations

from io import StringIO
from typing import ClassVar

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from audits.runtime import rehearsal
from audits.runtime.management.commands import simulate_traffic
from audits.runtime.models import DeploymentCounter, Halt, Outcome, Prediction
from federation.domain.data.dataset import LoadReport, SiteData, SiteInfo
from federation.domain.learning.evaluation import predict
from federation.domain.models.registry import build
from models_registry.models import Deployment
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
N = 600


class Ward:
    """Patients of whom the deployment's own model finds about four in five, in both sexes alike."""

    name, title, task, synthetic = "ward", "Ward", "classification", True

    found: ClassVar[dict[bool, np.ndarray]] = {}  # the features of whom the model says ill of, and healthy

    def __init__(self, version) -> None:
        rng = np.random.default_rng(5)
        if not self.found:  # the untrained model says ill of nearly everybody: look for the others once
            x = rng.uniform(-60, 60, (30_000, 4)).astype(np.float32)
            flagged = predict(build(version.config["models"]["primary"], seed=1).eval(), x, "classification").label
            self.found.update({says: x[flagged == says][:N] for says in (True, False)})
        size = min(map(len, self.found.values()))
        assert size > 80
        said = np.repeat([True, False], size)
        x = np.concatenate([self.found[True][:size], self.found[False][:size]])
        self.held = self._data(x, np.where(rng.random(2 * size) < 0.15, ~said, said).astype(np.int64), rng)

    def _data(self, x, y, rng) -> SiteData:
        n = len(y)
        return SiteData(
            "north", "classification", tuple(f"p{i}" for i in range(n)), x, y, np.arange(n),
            {"sex": rng.choice(["female", "male"], n)}, ("a", "b", "c", "d"), LoadReport(n, n),
        )  # fmt: skip

    def sites(self) -> tuple[SiteInfo, ...]:
        return (SiteInfo("north", "Hospital north"),)

    def load(self, site: str) -> SiteData:
        return self.held


@pytest.fixture
def shadow(world, north, monkeypatch) -> Deployment:
    """A shadow deployment with room for a long replay, and `--from ward`."""
    made = make_deployment(world, kind="shadow", policy={"max_predictions": 5000})
    ward = Ward(made.version)
    known = simulate_traffic.open_source
    monkeypatch.setattr(simulate_traffic, "open_source", lambda spec: ward if spec == "ward" else known(spec))
    return made


def run(deployment, *arguments: str) -> str:
    said = StringIO()
    given = ["--from", "ward", "--rate", "0", "--fold", "--batch", "100", *arguments]
    call_command("simulate_traffic", str(getattr(deployment, "id", deployment)), *given, stdout=said)
    return said.getvalue()


GAP = ("--group", "female", "--size", "0.6", "--onset", "300", "--count", "2500")


def test_a_planted_gap_halts_and_says_when_the_same_each_time(world, shadow):
    said = run(shadow, *GAP)
    shadow.refresh_from_db()
    halt = Halt.objects.get()
    assert shadow.state == Deployment.State.HALTED and halt.automatic
    assert halt.alarm["attribute"] == "sex" and halt.alarm["lower"] == "female"
    assert f"Halted by the monitor at outcome {halt.position:,} of this replay, {halt.position - 300:,} after" in said
    assert "s after the onset was sent" in said and halt.reason in said and halt.position > 300
    assert Prediction.objects.count() == Outcome.objects.count() == DeploymentCounter.objects.get().predictions
    other = make_deployment(world, version=shadow.version, kind="shadow", policy={"max_predictions": 5000})
    run(other, *GAP)
    assert Halt.objects.get(deployment=other).position == halt.position


def test_nothing_planted_halts_nothing(shadow):
    said = run(shadow, "--kind", "none", "--count", "800")
    assert not Halt.objects.exists()
    assert "800 predictions and 800 outcomes, 0 cases spoilt" in said and "No halt" in said
    assert "  800 of 800 cases" in said.replace("   ", "")


def test_two_replays_of_one_deployment_do_not_meet(shadow):
    for _ in range(2):
        run(shadow, "--kind", "none", "--count", "50")
    assert Outcome.objects.count() == 100


def test_a_clinical_deployment_is_refused_unless_it_is_said_to_be_a_rehearsal(world, shadow):
    clinical = make_deployment(world, name="ICU")
    with pytest.raises(CommandError, match="in clinical use.*--rehearsal"):
        run(clinical, "--kind", "none", "--count", "10")
    assert not Prediction.objects.exists()
    assert "No halt" in run(clinical, "--kind", "none", "--count", "10", "--rehearsal")


def test_what_is_halted_or_has_no_room_is_refused_before_anything_is_sent(shadow):
    with pytest.raises(CommandError, match="allows 5,000 predictions and 0 were served.*at most 5,000, got 6,000"):
        run(shadow, "--kind", "none", "--count", "6000")
    Deployment.objects.filter(id=shadow.id).update(state="halted")
    with pytest.raises(CommandError, match="halted: it serves nothing"):
        run(shadow, "--kind", "none", "--count", "10")
    assert not Prediction.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "gap"], "Expected --group"),
        (["--group", "44"], "Expected a group of sex among female, male, got '44'"),
        (["--group", "female", "--attribute", "shoe"], "Expected an attribute among sex"),
        (["--group", "female", "--metric", "dice"], "Expected a metric among tpr, fpr, accuracy"),
        (["--group", "female", "--size", "2"], "between 0 and 1"),
        (["--group", "female", "--size", "0.99"], "at most 0."),
        (["--group", "female", "--onset", "90", "--count", "80"], "onset from 0 to 79"),
        (["--kind", "none", "--count", "0"], "count of 1"),
        (["--kind", "none", "--batch", "0"], "--batch from 1 to 256"),
        (["--kind", "none", "--rate", "-1"], "--rate of 0"),
        (["--kind", "none", "--site", "east"], "--site among north, got 'east'"),
        (["--kind", "none", "--from", "moon"], "a data set named"),
        (["--kind", "none", "--from", "heart"], "a folder after heart:"),
        (["--kind", "none", "--from", "phantom"], "No site of .* has data in phantom"),
        (["--kind", "none", "--from", ""], "Say where such data are"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_expected(shadow, arguments, said):
    with pytest.raises(CommandError, match=said):
        run(shadow, *arguments)
    assert not Prediction.objects.exists()


def test_an_unknown_deployment_is_answered_with_those_there_are(shadow):
    with pytest.raises(CommandError, match=f"got 'Nowhere'. There are: Ward .{shadow.id}"):
        run("Nowhere", "--kind", "none")
    assert "No halt" in run("Ward", "--kind", "none", "--count", "5")


def test_without_a_key_and_a_clinician_it_says_who_is_missing(world, shadow):
    ApiKey.objects.all().update(actions=["deployment.view"])
    assert "No halt" in run(shadow, "--kind", "none", "--count", "5")  # the clinician sends
    world.people.clinician.is_active = False
    world.people.clinician.save(update_fields=["is_active"])
    with pytest.raises(CommandError, match="no API key with the actions .* and no clinician"):
        run(shadow, "--kind", "none", "--count", "5")


def test_the_help_says_what_it_does_and_what_it_does_not(capsys):
    with pytest.raises(SystemExit):
        call_command("simulate_traffic", "--help")
    said = " ".join(capsys.readouterr().out.split())
    for expected in ("Rehearse a halt", "--kind {gap,drift,none}", "--onset", "--rehearsal", "two officers"):
        assert expected in said


def test_the_rate_holds_the_replay_back(shadow, monkeypatch):
    slept = []
    monkeypatch.setattr(rehearsal.time, "sleep", slept.append)
    run(shadow, "--kind", "none", "--count", "200", "--rate", "10")
    assert len(slept) == 2 and 15 < slept[1] <= 20  # 200 cases at 10 a second take 20 s from the start
