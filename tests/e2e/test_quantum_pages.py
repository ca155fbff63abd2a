"""The pages of quantum devices in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import pytest
from django.urls import reverse

from federation import quantum_orders, services
from federation.domain.quantum.noise_choice import PRESETS
from federation.models import QuantumJob
from federation.quantum_estimate import Order
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.people import PASSWORD, make_people
from tests.factories.quantum import make_bench, make_check


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_quantum_pages_are_for_everybody(sign_in, live_server, tmp_path, scheme, size):  # noqa: F811 - a fixture
    bench = make_bench(make_people(), tmp_path)
    admin = bench.world.people.administrator
    make_check(bench.world.people)
    made = {
        "evaluation": quantum_orders.quantum_order(order=bench.evaluation(), actor=admin),
        "mitigated": quantum_orders.quantum_order(
            order=bench.evaluation("aer", noise=PRESETS["strong"], mitigate=True), actor=admin
        ),
        "readout": quantum_orders.quantum_order(
            order=Order(device="aer", purpose="readout", shots=300, qubits=3), actor=admin
        ),
    }
    bench.consent()
    bench.work()
    failed = quantum_orders.quantum_order(order=bench.evaluation("ibm"), actor=admin)
    QuantumJob.objects.filter(id=failed.id).update(
        state="failed", error="ibm: expected that the credentials are accepted, got status 401. Renew the key."
    )
    made["failed"] = failed
    made["open"] = quantum_orders.quantum_order(order=bench.evaluation("ibm"), actor=admin)
    made["volume"] = QuantumJob.objects.get(purpose="quantum_volume")
    requiring = {
        device: services.run_propose(
            federation=bench.world.federation, name=f"For {device}", rounds=1, seed=1, actor=admin,
            device={"name": device, "quantum_volume": 64},
        )
        for device in ("ibm", "azure")
    }  # fmt: skip
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    pages = {
        "quantum": reverse("quantum"),
        "quantum-jobs": reverse("quantum_jobs"),
        "quantum-none": reverse("quantum_jobs") + "?state=running",
        "quantum-consents": reverse("quantum_consents"),
        **{f"quantum-{name}": reverse("quantum_job", args=[job.id]) for name, job in made.items()},
        **{f"requires-{device}": reverse("run", args=[run.id]) for device, run in requiring.items()},
    }
    look(page, live_server.url, pages, faults, scheme, size)
    page.context.clear_cookies()
    for email, wanted in (
        ("admin@test.example", {"devices-admin": reverse("quantum"), "order": reverse("quantum_order"),
                                "check": reverse("quantum_order") + "?kind=check",
                                "failed-admin": reverse("quantum_job", args=[failed.id])}),
        ("operator.north@test.example", {"consents-operator": reverse("quantum_consents")}),
    ):  # fmt: skip
        page.goto(live_server.url + reverse("login"))
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1, name="What needs you now").wait_for()
        look(page, live_server.url, wanted, faults, scheme, size)
        page.context.clear_cookies()
    assert faults == [], "\n".join(faults)


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_an_estimate_stands_before_the_order(sign_in, live_server, tmp_path):  # noqa: F811 - a fixture
    bench = make_bench(make_people(), tmp_path)
    page = sign_in("light", WIDTHS["phone"])
    page.context.clear_cookies()
    page.goto(live_server.url + reverse("login"))
    page.get_by_label("Email").fill("admin@test.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()
    page.goto(live_server.url + reverse("quantum_order"))
    page.get_by_role("button", name="Show the estimate").click()
    page.get_by_text("50 circuits on simulator").wait_for()
    assert not QuantumJob.objects.exists()
    page.get_by_role("button", name="Order this run").click()
    page.get_by_role("heading", level=1, name="Evaluate a model on simulator").wait_for()
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    page.get_by_role("button", name="Retry").wait_for()
    assert QuantumJob.objects.get().state == "cancelled"
    assert bench.run.quantum_jobs.count() == 1


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_the_page_of_a_run_follows_it(sign_in, live_server, tmp_path):  # noqa: F811 - a fixture
    bench = make_bench(make_people(), tmp_path)
    job = quantum_orders.quantum_order(order=bench.evaluation(), actor=bench.world.people.administrator)
    page = sign_in("light", WIDTHS["desk"])
    page.goto(live_server.url + reverse("quantum_job", args=[job.id]))
    page.get_by_text("No result yet").wait_for()
    page.evaluate("window.sameDocument = true")
    bench.work()
    page.get_by_text("Accuracy on the same patients").first.wait_for(timeout=20_000)
    assert page.locator("#job-state").inner_text() == "Finished"
    assert page.evaluate("window.sameDocument") and page.locator("#job[hx-get]").count() == 0
