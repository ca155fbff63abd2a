"""What a run took, as its pages and its file say it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from federation.models import SiteUpdate, TrainingRun
from federation.presentation.comparison import compare
from federation.presentation.comparison_export import as_dict
from federation.presentation.costs import LIMITS, OF_SOURCES, run_costs
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people
from tests.federation.test_pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_federation(make_people())


def finished(world, told: list[dict]):
    """A finished run of north alone that says this of each round's training."""
    run = make_run(world, state=TrainingRun.State.FINISHED, rounds=len(told))
    for round_, one in zip(made.make_done_rounds(run, len(told)), told, strict=True):
        SiteUpdate.objects.create(
            round=round_, participant=world.participants["north"], weights={}, n_records=10, message_digest="a" * 64,
            signature="x", metrics={name: {"joules": 30.0, **one} for name in ("primary", "baseline")},
        )  # fmt: skip
    return run


def declared(watts) -> dict:
    return {"energy_source": "declared", "watts": watts}


def test_watts_that_the_operator_changed_are_all_said_in_their_order(world):
    run = finished(world, [declared(25.0), declared(20.0), declared(25.0)])
    assert run_costs(run).watts == (("north", 25.0), ("north", 20.0))
    text = signed_in(world, "auditor").get(reverse("run_compare"), {"run": str(run.id)}).content.decode()
    assert "north 25.0 W, north 20.0 W" in text


def test_watts_that_are_no_number_are_not_said(world):
    assert run_costs(finished(world, [declared(["25"])])).watts == ()


@pytest.mark.parametrize("source", ["rapl", "declared"])
def test_the_file_says_what_the_energy_rests_on(world, source):
    run = finished(world, [{"energy_source": "rapl"} if source == "rapl" else declared(20.0)])
    (told,) = as_dict(compare([run]))["runs"]
    assert told["watts"] == ([] if source == "rapl" else [{"site": "north", "watts": 20.0}])
    assert told["limits"] == f"{OF_SOURCES[source]} {LIMITS}"
