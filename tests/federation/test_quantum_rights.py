"""Runs on devices: in whose name somebody acts, what a withdrawal ends, and of whom the device's answers are."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from django.urls import reverse

from accounts.models import Membership
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.roles import Role
from federation import budgets, quantum_orders
from federation.models import Consent, DeviceConsent, QuantumJob, QuantumLimit, SiteOrder
from federation.models_budget import PrivacyBudget
from tests.factories.people import make_people, make_user
from tests.factories.providers import Fault
from tests.factories.quantum import make_bench, make_check
from tests.federation.test_quantum_orders import check, order
from tests.federation.test_quantum_pages import call, page, signed_in

pytestmark = pytest.mark.django_db
State = QuantumJob.State


@pytest.fixture
def bench(tmp_path):
    return make_bench(make_people(), tmp_path)


@pytest.fixture
def owner_south(bench):
    """An administrator of one hospital."""
    return make_user("owner.south@test.example", Role.ADMINISTRATOR, bench.world.people.south)


def limit(bench, actor, institution=None) -> QuantumLimit:
    return quantum_orders.quantum_limit_set(
        institution=institution, shots_per_month=10, cost_per_month=Decimal(1), actor=actor
    )


# --- in whose name ---------------------------------------------------------------------------------------------------


def test_a_role_at_one_hospital_answers_for_no_other(bench):
    """An operator at south who is a clinician at north does not give north's consent, nor set its budget."""
    people = bench.world.people
    Membership.objects.create(user=people.operator_south, institution=people.north, role=Role.CLINICIAN)
    given = {"run": str(bench.run.id), "device": "azure", "decision": "given"}  # no site: it can be south's alone
    assert call(bench, "operator_south", "POST", "consents", given).json()["site"] == "south"
    with pytest.raises(Forbidden, match="answers for its own data"):
        quantum_orders.device_consent_decide(
            run=bench.run, participant=bench.north, device="ibm", decision="given", reason="",
            actor=people.operator_south,
        )  # fmt: skip
    assert not DeviceConsent.objects.filter(participant=bench.north).exists()
    shown = page(bench, "operator_south", "quantum_consents")
    assert shown.count("Give consent<") == 1 and 'name="site" value="north"' not in shown  # south's other cloud
    Membership.objects.create(user=people.officer_south, institution=people.north, role=Role.CLINICIAN)
    with pytest.raises(Forbidden, match="of its own patients"):
        budgets.budget_set(
            participant=bench.north, epsilon=3, delta=1e-5, reason="For north", actor=people.officer_south
        )
    assert not PrivacyBudget.objects.exists()


def test_who_operates_two_sites_says_for_which_he_answers(bench):
    people = bench.world.people
    Membership.objects.create(user=people.operator_south, institution=people.north, role=Role.SITE_OPERATOR)
    given = {"run": str(bench.run.id), "device": "ibm", "decision": "given"}
    unsaid = call(bench, "operator_south", "POST", "consents", given)
    assert unsaid.status_code == 400 and "north, south" in unsaid.json()["message"]
    assert call(bench, "operator_south", "POST", "consents", {**given, "site": "other"}).status_code == 404
    assert call(bench, "operator_south", "POST", "consents", {**given, "site": "south"}).json()["site"] == "south"
    assert 'name="site" value="north"' in page(bench, "operator_south", "quantum_consents")
    signed_in(bench, "operator_south").post(reverse("quantum_consent"), {**given, "site": "north"})
    assert {consent.participant.site for consent in DeviceConsent.objects.all()} == {"north", "south"}


def test_limits_are_set_by_who_pays(bench, owner_south):
    people = bench.world.people
    for institution in (people.north, None):
        with pytest.raises(Forbidden):
            limit(bench, owner_south, institution)
    assert limit(bench, owner_south, people.south).institution == people.south
    assert limit(bench, people.administrator).institution is None
    people.owner_south = owner_south
    Membership.objects.create(user=owner_south, institution=people.north, role=Role.CLINICIAN)
    assert f"{bench.run.id}:{bench.north.id}" not in page(bench, "owner_south", "quantum_order")
    assert f"{bench.run.id}:{bench.north.id}" in page(bench, "administrator", "quantum_order")
    offered = page(bench, "owner_south", "quantum")
    assert f'value="{people.south.id}"' in offered and f'value="{people.north.id}"' not in offered
    url, given = reverse("quantum_limit"), {"shots_per_month": "7", "cost_per_month": "1"}
    for institution in (people.north.id, ""):
        assert signed_in(bench, "owner_south").post(url, {**given, "institution": institution}).status_code == 400
    assert QuantumLimit.objects.count() == 2


def test_what_the_platform_pays_for_is_moved_by_its_own_administrators(bench, owner_south, server):
    people = bench.world.people
    with pytest.raises(Forbidden, match="platform's expense"):
        quantum_orders.quantum_order(order=check("ibm"), actor=owner_south)
    with pytest.raises(NotFound):
        quantum_orders.quantum_order(order=bench.evaluation(), actor=owner_south)  # north's patients
    job = order(bench, check("ibm"))
    for service in (quantum_orders.quantum_cancel, quantum_orders.quantum_look, quantum_orders.quantum_retry):
        with pytest.raises(Forbidden):
            service(job=job, actor=owner_south)
    people.owner_south = owner_south
    assert "Cancel the run" not in page(bench, "owner_south", "quantum_job", job.id)
    assert "Cancel the run" in page(bench, "administrator", "quantum_job", job.id)


@pytest.fixture
def both(bench):
    """An auditor of the platform, who sees all, and an administrator of south: neither orders at north's expense."""
    person = make_user("both@test.example", Role.AUDITOR)
    Membership.objects.create(user=person, institution=bench.world.people.south, role=Role.ADMINISTRATOR)
    bench.world.people.both = person
    return person


@pytest.mark.parametrize("what", ["evaluation", "check"])
def test_who_sees_all_orders_at_nobody_elses_expense(bench, server, both, what):
    bench.consent()
    price = {"device": "ibm", "shots": "200", "cost_limit": "50", "price_per_shot": "0.001"}
    if what == "evaluation":
        asked = {"purpose": "evaluation", "run": str(bench.run.id), "site": "north", "patients": 10}
        form = {"kind": "evaluation", "subject": f"{bench.run.id}:{bench.north.id}", "patients": "10"}
        by_api, by_page = 404, 400
    else:
        asked = {"purpose": "readout", "qubits": 3}
        form = {"kind": "check", "purpose": "readout", "qubits": "3"}
        by_api, by_page = 403, 403
    assert call(bench, "both", "POST", "jobs", {**price, **asked}).status_code == by_api
    assert call(bench, "both", "POST", "estimates", {**price, **asked}).json()["refusal"]
    client, url = signed_in(bench, "both"), reverse("quantum_order")
    assert client.post(url, {**price, **form, "confirm": "yes"}).status_code == by_page
    assert not QuantumJob.objects.exists()
    assert call(bench, "administrator", "POST", "jobs", {**price, **asked}).status_code == 201


def test_who_sees_all_orders_at_the_expense_of_the_own_hospital(bench, both):
    asked = {"purpose": "evaluation", "run": str(bench.run.id), "site": "south", "patients": 10}
    assert call(bench, "both", "POST", "jobs", {**asked, "device": "simulator", "shots": 200}).status_code == 201
    offered = page(bench, "both", "quantum_order")
    assert f"{bench.run.id}:{bench.world.participants['south'].id}" in offered
    assert f"{bench.run.id}:{bench.north.id}" not in offered


def test_who_sees_all_sets_the_limits_of_the_own_hospital_alone(bench, both):
    people, given = bench.world.people, {"shots_per_month": 7, "cost_per_month": "1"}
    client, url = signed_in(bench, "both"), reverse("quantum_limit")
    for institution in (str(people.north.id), None):
        asked = {**given, "institution": institution}
        assert call(bench, "both", "POST", "limits", asked).status_code == 403
        assert client.post(url, {**given, "institution": institution or ""}).status_code == 400
    assert not QuantumLimit.objects.exists()
    offered = page(bench, "both", "quantum")
    assert f'value="{people.south.id}"' in offered and f'value="{people.north.id}"' not in offered
    assert "The platform (checks of devices)" not in offered
    assert call(bench, "both", "POST", "limits", {**given, "institution": str(people.south.id)}).status_code == 201


@pytest.mark.parametrize("whose", ["north", "platform"])
def test_who_sees_all_moves_no_run_that_others_pay_for(bench, server, both, whose):
    bench.consent()
    job = order(bench, bench.evaluation("ibm") if whose == "north" else check("ibm"))
    client = signed_in(bench, "both")
    for action in ("cancel", "look", "retry"):
        assert call(bench, "both", "POST", f"jobs/{job.id}/{action}").status_code == 403
        assert client.post(reverse(f"quantum_{action}", args=[job.id])).status_code == 403
    job.refresh_from_db()
    assert job.state == State.QUEUED and not job.retries.exists()
    assert "Cancel the run" not in page(bench, "both", "quantum_job", job.id)
    assert call(bench, "administrator", "POST", f"jobs/{job.id}/cancel").status_code == 200


def test_a_price_below_the_list_is_for_who_answers_for_the_contract(bench, server):
    """A tiny price would make every limit of cost void: 10 circuits of 3,333 shots for 3 cents."""
    people = bench.world.people
    people.owner_north = make_user("owner.north@test.example", Role.ADMINISTRATOR, people.north)
    bench.consent()
    tiny = {"shots": 3333, "price_per_shot": Decimal("0.000001"), "cost_limit": Decimal(1)}
    for undercut in (tiny, {**tiny, "price_per_shot": Decimal("0.0003")}, {
        **tiny, "price_per_shot": None, "price_per_second": Decimal("1.6"), "seconds_per_shot": Decimal("0.000001"),
    }):  # fmt: skip
        asked = bench.evaluation("ibm", **undercut)
        said = quantum_orders.quantum_preview(order=asked, actor=people.owner_north)
        assert "at least, the provider's list price" in said.refusal and "13.33 USD" in said.refusal
        with pytest.raises(ApplicationError, match="administrator of the platform"):
            quantum_orders.quantum_order(order=asked, actor=people.owner_north)
    assert not QuantumJob.objects.exists()
    at_list = bench.evaluation("ibm", **tiny | {"price_per_shot": Decimal("0.0004"), "cost_limit": Decimal(14)})
    assert quantum_orders.quantum_preview(order=at_list, actor=people.owner_north).refusal == ""
    contract = bench.evaluation("ibm", **tiny)
    seen = quantum_orders.quantum_preview(order=contract, actor=people.administrator)
    assert seen.refusal == "" and any("below the provider's list price" in told for told in seen.warnings)
    assert order(bench, contract).cost == Decimal("0.0333")


def test_a_run_is_ordered_again_once(bench, server):
    job, admin = order(bench, check("ibm")), bench.world.people.administrator
    quantum_orders.quantum_cancel(job=job, actor=admin)
    again = quantum_orders.quantum_retry(job=job, actor=admin)
    with pytest.raises(Conflict, match="ordered again already"):
        quantum_orders.quantum_retry(job=job, actor=admin)
    assert job.retries.get() == again
    assert "Order it again" not in page(bench, "administrator", "quantum_job", job.id)


# --- what a withdrawal ends ------------------------------------------------------------------------------------------


def withdraw_from_run(bench) -> None:
    Consent.objects.create(
        run=bench.run, participant=bench.north, config_hash=bench.run.config_hash, decision="withdrawn",
        decided_by=bench.world.people.operator_north,
    )  # fmt: skip


@pytest.mark.parametrize("handed_in", [False, True])
def test_a_site_that_leaves_the_run_ends_what_is_open_on_devices(bench, server, handed_in):
    server.polls_until_done = 1000
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    if handed_in:
        bench.work_now()
    withdraw_from_run(bench)
    bench.work(times=3)
    job.refresh_from_db()
    assert job.state == State.CANCELLED and "has withdrawn from this run" in job.error
    assert [task["status"] for task in server.jobs.values()] == (["Cancelled"] if handed_in else [])


def test_a_consent_that_went_while_the_order_was_written_is_not_used(bench, server):
    """A withdrawal that saw no open job: the order is looked at again before anything leaves."""
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    DeviceConsent.objects.create(
        run=bench.run, participant=bench.north, device="ibm", config_hash=bench.run.config_hash,
        decision="withdrawn", reason="x", decided_by=bench.world.people.operator_north,
    )  # fmt: skip
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.CANCELLED and "does not consent to ibm" in job.error and not server.jobs


# --- of whom the answers are -----------------------------------------------------------------------------------------


def test_counts_are_never_read_for_other_patients(bench, server):
    """A patient objects between handing in and reading: the run ends instead of shifting everybody by one."""
    server.polls_until_done = 1
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    bench.work_now()
    site = bench.sites["north"]
    stays = np.arange(site.data.n_patients) != _first_asked(site, bench)
    site.__dict__["data"] = site.data.take(np.flatnonzero(stays))
    bench.work(times=6)
    job.refresh_from_db()
    assert job.state == State.FAILED and "not the same any more" in job.error and job.result is None


def _first_asked(site, bench) -> int:
    from federation.domain.run_config import RunConfig

    held_out = site.patients(RunConfig.from_dict(bench.run.config)).validation
    return site.data.record_ids.index(min(held_out.record_ids))


def test_figures_are_of_whole_tens(bench):
    """31 patients less 30 would be one."""
    jobs = [order(bench, bench.evaluation("simulator", patients=n)) for n in (10, 11, 19)]
    bench.work()
    for job in jobs:
        job.refresh_from_db()
    assert [job.result["n"] for job in jobs] == [10, 10, 10]


def test_an_order_stays_on_the_machine_that_has_its_first_task(bench, server, monkeypatch):
    server.polls_until_done = 0
    bench.consent("azure")
    job = order(bench, bench.evaluation("azure", patients=10))
    bench.run_jobs(delayed=False)
    bench.deliver(SiteOrder.objects.get())
    monkeypatch.setenv("AZURE_QUANTUM_TARGET", "ionq.other")
    bench.work()
    job.refresh_from_db()
    assert job.state == State.FAILED and "ionq.qpu.test" in job.error and len(server.jobs) == 1


def test_an_answer_that_cannot_be_read_once_loses_no_result(bench, server):
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    bench.work_now()
    server.faults.append(Fault("/results", status=200, body=b""))
    bench.work(times=6)
    job.refresh_from_db()
    assert (job.state, job.error) == (State.FINISHED, "") and job.result["n"] == 10


def test_no_readout_is_inverted_where_each_circuit_has_qubits_of_its_own(bench, server):
    bench.consent()
    with pytest.raises(ApplicationError, match="laid out on qubits of its own"):
        order(bench, bench.evaluation("ibm", mitigate=True))


def test_a_narrower_check_does_not_take_a_confirmed_volume_away(bench, server):
    wide = make_check(bench.world.people, days_ago=2)
    narrow = make_check(bench.world.people, volume=4, days_ago=1)
    QuantumJob.objects.filter(id=narrow.id).update(qubits=2)
    bench.consent()
    assert order(bench, bench.evaluation("ibm", min_quantum_volume=64)).health_check == wide


def test_a_device_whose_compiler_is_missing_says_so(bench, server, monkeypatch):
    from federation.domain.quantum import devices

    real = devices._installed
    monkeypatch.setattr(devices, "_installed", lambda module: module != "qiskit" and real(module))
    bench.consent()
    job = order(bench, bench.evaluation("ibm"))
    bench.work(times=2)
    job.refresh_from_db()
    assert job.state == State.FAILED and "no qiskit" in job.error and "pip install" in job.error
    assert not server.jobs and not job.tasks.unsettled().exists()
    assert "qiskit" in page(bench, "auditor", "quantum")
