"""The comparison of runs and the page of a run in a browser: both themes, desk and phone, for everybody."""

from __future__ import annotations

import numpy as np
import pytest
from django.urls import reverse

from audits.runtime.bulk import bulk_start
from audits.runtime.models_bulk import BulkPrediction
from core import artefacts
from federation.domain.overlays import Overlay, pack
from federation.models import SiteOrder, TrainingRun
from federation.overlays import overlays_ask
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people
from tests.factories.registry import make_deployment
from tests.federation.test_comparison import EVEN, WIN, address, finished, models_of


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_runs_beside_one_another_are_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    world = make_federation(make_people())
    one, two = finished(world, name="Four qubits", paired=WIN), finished(world, name="Six qubits", paired=EVEN)
    other = finished(world, name="Another split", paired=WIN, seed=9)
    plain = finished(world, name="Beside a logistic regression", paired=EVEN, models=models_of(world, "logistic"))
    last = plain.rounds.last()
    for name, auc, brier in (("primary", 0.91, 0.11), ("baseline", 0.88, 0.13)):
        last.metrics[name]["overall"] |= {"auc": {"n": 31, "mean": auc}, "brier": {"n": 80, "mean": brier}}
    last.save(update_fields=["metrics"])
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    pages = {
        "compare": address("run_compare", one, two, plain),
        "run-logistic": reverse("run", args=[plain.id]),
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


def an_overlay(number: int) -> Overlay:
    y, x = np.mgrid[:32, :32]
    truth = (x - 14) ** 2 + (y - 15) ** 2 < 40
    return Overlay(
        f"{number:010x}", 3, 8, {"primary": 0.7, "baseline": None}, (np.hypot(x - 16, y - 16) * 8).astype(np.uint8),
        truth, np.roll(truth, number % 4, axis=1), np.roll(truth, 3, axis=0),
    )  # fmt: skip


def enter(page, base: str, email: str) -> None:
    page.context.clear_cookies()
    page.goto(base + reverse("login"))
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_overlays_and_files_are_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    people, faults = make_people(), list[str]()
    other = make_federation(people)
    other.federation.name = "Tables"
    other.federation.save(update_fields=["name"])
    world = make_federation(people, task="segmentation")
    runs = {name: finished(world, name=name) for name in ("asked", "drawn", "none")}
    for name in ("asked", "drawn"):
        TrainingRun.objects.filter(id=runs[name].id).update(state="finished")
        runs[name].rounds.update(weights={})
        overlays_ask(run=runs[name], actor=world.people.operator_north)
    digest = artefacts.put(pack([an_overlay(number) for number in range(14)]))
    SiteOrder.objects.filter(subject=runs["drawn"].id).update(
        state="answered", answer={"patients": 14}, answer_attachments={"overlays": digest}
    )
    page = sign_in(scheme, WIDTHS[size])
    enter(page, live_server.url, "operator.north@test.example")
    pages = {f"overlays-{name}": reverse("run_overlays", args=[run.id]) for name, run in runs.items()}
    look(page, live_server.url, pages, faults, scheme, size)
    deployment = make_deployment(other)
    made = bulk_start(
        deployment=deployment, actor=world.people.clinician, name="c.csv",
        data=b"event_key,patient,a,b,c,d\ne1,p1,0.1,0.2,0.3,0.4\n",
    )  # fmt: skip
    enter(page, live_server.url, "clinician@test.example")
    files = {
        "files": reverse("bulk_predictions", args=[deployment.id]),
        "file-open": reverse("bulk_prediction", args=[made.id]),
    }
    look(page, live_server.url, files, faults, scheme, size)
    BulkPrediction.objects.update(
        state="stopped", why="The deployment is halted.", results="a" * 64, done=1, predicted=1
    )
    look(page, live_server.url, {"file-stopped": files["file-open"]}, faults, scheme, size)
    assert faults == [], "\n".join(faults)
