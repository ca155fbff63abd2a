"""The comparison of runs and the page of a run in a browser: both themes, desk and phone, for everybody."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.federation.test_comparison import EVEN, WIN, address, finished


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("scheme", "size"), [("light", "phone"), ("dark", "desk"), ("light", "desk"), ("dark", "phone")]
)
def test_runs_beside_one_another_are_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    world = make_federation(make_people())
    one, two = finished(world, name="Four qubits", paired=WIN), finished(world, name="Six qubits", paired=EVEN)
    other = finished(world, name="Another split", paired=WIN, seed=9)
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    pages = {
        "compare": address("run_compare", one, two),
        "compare-repeated": address("run_compare", one, other),
        "compare-none": reverse("run_compare"),
        "compare-refused": address("run_compare", one, finished(world, task="segmentation", seed=4)),
        "run-finished": reverse("run", args=[one.id]),
        "federation-runs": reverse("federation", args=[world.federation.id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    assert faults == [], "\n".join(faults)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_runs_are_chosen_with_the_keyboard_in_the_list(sign_in, live_server):  # noqa: F811 - a fixture
    world = make_federation(make_people())
    one, two = finished(world, name="First run", paired=WIN), finished(world, name="Second run", paired=EVEN)
    page = sign_in("light", WIDTHS["desk"])
    page.goto(live_server.url + reverse("federation", args=[world.federation.id]))
    for run in (one, two):
        page.get_by_role("checkbox", name=f"Compare {run.name}").press("Space")
    page.get_by_role("button", name="Compare the chosen runs").press("Enter")
    page.get_by_role("heading", level=1, name="Compare runs").wait_for()
    assert f"run={one.id}" in page.url and f"run={two.id}" in page.url
