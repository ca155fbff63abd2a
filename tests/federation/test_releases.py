"""What a signed-only run tells of few patients: nothing, as a secured one."""

from __future__ import annotations

import numpy as np
import pytest

from core.context import governed
from federation import scoring, training
from federation.domain.group_rates import Cell, Sums
from federation.domain.round_metrics import SMALL_SITES, pool_small
from federation.domain.twin_comparison import PairedScores
from federation.models import SiteUpdate, TrainingRun
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


def cell(site: str, group: str, n: int) -> Cell:
    sums = {name: Sums(n, 0.5 * n, 0.5 * n) for name in ("accuracy", "tpr", "fpr")}
    return Cell(site, {"sex": group}, n, sums, dict.fromkeys(("tp", "fp", "tn", "fn"), 0))


def test_figures_losses_and_pairs_of_fewer_than_five_patients_are_not_made():
    world = make_federation(make_people())
    run = make_run(world, state=TrainingRun.State.RUNNING)
    round_ = run.rounds.create(number=1, start_weights={}, state="evaluating")
    report = {"loss": 0.7, "steps": 1, "sample_rate": 1.0, "seconds": 1.0}
    for site, records in (("north", 50), ("south", 4)):
        SiteUpdate.objects.create(
            round=round_, participant=world.participants[site], weights={}, n_records=records,
            metrics={"primary": report, "baseline": report}, message_digest="0" * 64, signature="x",
        )  # fmt: skip
    cells = [cell("north", "female", 4), cell("north", "male", 30), cell("south", "male", 4)]
    paired = {site: PairedScores.of(np.ones(n), np.zeros(n)).as_list() for site, n in (("north", 34), ("south", 4))}
    figures = {**scoring.of_cells(run, {"primary": cells, "baseline": cells}), "paired": pool_small(paired)}
    with governed(action="test"):
        training.close_round(run, round_, figures)
    found = run.rounds.get(number=1).metrics
    few = {"n": None, "mean": None, "few": 5}
    assert found["primary"]["site"]["south"]["accuracy"] == few
    assert found["primary"]["groups"]["sex"]["female"]["accuracy"] == few
    # All less the other site, or the other group, would be the small one.
    assert found["primary"]["site"]["north"]["accuracy"] == found["primary"]["groups"]["sex"]["male"]["accuracy"] == few
    assert found["primary"]["overall"]["accuracy"] == {"n": 38, "mean": 0.5}
    assert found["loss"]["primary"] == {"north": 0.7, "south": None}
    assert found["paired"]["north"] is found["paired"]["south"] is None and found["paired"][SMALL_SITES][0] == 38
