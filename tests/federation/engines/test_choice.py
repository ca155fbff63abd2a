"""A run names what carries its orders, and its orders take that way."""

from __future__ import annotations

import pytest

from federation.engines import flare, local
from federation.engines.choice import engine_of
from federation.forms import RunForm
from federation.models import RunEngine, SiteOrder
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("chosen", "engine"), [(None, local), ("local", local), ("flare", flare)])
def test_an_order_goes_the_way_of_its_run(chosen, engine):
    run = make_run(make_federation(make_people()))
    if chosen:
        RunEngine.objects.create(run=run, engine=chosen)
    assert engine_of(SiteOrder(body={"run": str(run.id)})) is engine


def test_an_order_of_no_run_goes_to_the_local_worker():
    assert engine_of(SiteOrder(body={})) is local


@pytest.mark.parametrize("there", [True, False])
def test_flare_can_be_chosen_where_it_runs(settings, there):
    settings.FLARE = there
    assert ("engine" in RunForm(task="segmentation").fields) is there
