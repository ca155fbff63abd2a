import json

import pytest

from federation.domain.quantum import device_errors as errors
from federation.domain.quantum.devices import Price
from federation.domain.quantum.estimates import Job, Said, estimate, said


def test_circuits_of_a_training_step_are_counted():
    # 10 records forward in 2 bases; 8 of them with 24 shifted circuits each; 3 scale factors; 2 calibrations
    job = Job("aer", 4, 10, 100, gradients=8, shift_circuits=24, bases=2, folds=(1, 3, 5), calibrations=2)
    assert job.runs == (10 + 8 * 24) * 2
    assert job.circuits == 404 * 3 + 2
    found = estimate(job)
    assert (found.shots, found.submissions, found.cost) == (121_400, 0, 0)
    assert str(found.text) == "1,214 circuits on aer, 121,400 shots, no charge (runs on this machine)."
    assert "24 circuits of the 25" in str(found.warnings[0])


def test_exact_values_take_no_shots():
    assert str(estimate(Job("simulator", 4, 10, None)).text).startswith(
        "10 circuits on simulator, exact expectation values"
    )


def test_a_published_price_by_gate_is_multiplied_out():
    # IonQ: 12.4166 + 1000 * (6 * .00022 + 3 * .000975), and folded three times
    one = estimate(Job("azure", 3, 2, 1000, one_qubit_gates=6, two_qubit_gates=3))
    assert one.cost == pytest.approx(2 * (12.4166 + 1000 * (6 * 0.00022 + 3 * 0.000975)))
    assert (
        (one.submissions, one.currency) == (2, "USD")
        and "published" in str(one.basis)
        and "2024-12-05" in str(one.basis)
    )
    folded = estimate(Job("azure", 3, 2, 1000, folds=(1, 3), one_qubit_gates=6, two_qubit_gates=3))
    assert folded.cost == pytest.approx(4 * 12.4166 + 2 * 4 * 1000 * (6 * 0.00022 + 3 * 0.000975))


def test_without_a_price_the_cost_is_unknown_and_a_declared_one_is_used():
    job = Job("ibm", 4, 301, 4000)
    assert estimate(job).cost is None and "cost unknown" in str(estimate(job).text) and estimate(job).submissions == 2
    declared = Price("contract 7", per_second=1.5, seconds_per_shot=0.001, declared=True)
    found = estimate(job, price=declared)
    assert (
        found.cost == pytest.approx(301 * 4 * 1.5)
        and "lower bound" in str(found.basis)
        and "declared" in str(found.basis)
    )


def test_a_circuit_at_every_position_of_an_image_is_warned_of_on_the_cloud_only():
    positions = 8 * 8 * 20
    assert any("belongs on a simulator" in str(text) for text in estimate(Job("ibm", 4, positions, 1000)).warnings)
    assert estimate(Job("simulator", 4, positions, None)).warnings == ()


def test_a_declared_price_never_undercuts_a_published_one():
    job = Job("azure", 3, 2, 1000, one_qubit_gates=6, two_qubit_gates=3)
    published = estimate(job)
    cheap = estimate(job, price=Price("contract", per_shot=1e-6, declared=True))
    assert cheap.cost == published.cost and "published" in str(cheap.basis) and "does not count" in str(cheap.basis)
    dear = estimate(job, price=Price("contract", per_shot=1.0, currency="EUR", declared=True))
    assert (dear.cost, dear.currency) == (2000, "EUR") and "declared: contract" in str(dear.basis)


@pytest.mark.parametrize(
    ("per_shot", "below"), [(1e-6, True), (0.00039, True), (0.0004, False), (0.01, False)]
)  # fmt: skip
def test_a_price_below_the_list_of_who_bills_time_is_seen(per_shot, below):
    found = estimate(Job("ibm", 4, 300, 3333), price=Price("contract", per_shot=per_shot, declared=True))
    assert found.floor == pytest.approx(999_900 * 250e-6 * 1.6) and found.below_floor is below
    assert any("399.96 USD" in str(text) for text in found.warnings) is below


def test_there_is_no_floor_where_none_is_known_or_needed():
    contract = Price("contract", per_shot=1e-6, declared=True)
    for job in (Job("azure", 3, 2, 1000), Job("aer", 3, 2, 1000)):
        assert estimate(job, price=contract).floor is None
    assert estimate(Job("ibm", 4, 1, 10)).floor is None and not estimate(Job("ibm", 4, 1, 10)).below_floor


def test_words_are_messages_with_values_and_some_values_are_words():
    inner = said("published: %(source)s", source=Said("100 %% sure"))
    assert str(said("%(basis)s; and more", basis=inner)) == "published: 100 % sure; and more"
    assert json.loads(json.dumps(estimate(Job("ibm", 4, 1, 10)).as_dict()))["basis"].startswith("no price is known")


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (Job("nowhere", 4, 1, 10), errors.UnknownDevice),
        (Job("aer", 4, 1, None), errors.ShotsRefused),
        (Job("azure", 4, 1, 10_001), errors.ShotsRefused),
        (Job("ibm", 128, 1, 10), errors.TooManyQubits),
    ],
)
def test_an_estimate_refuses_with_a_typed_error(job, error):
    with pytest.raises(error):
        estimate(job)


@pytest.mark.parametrize(
    "bad",
    [
        {"evaluations": 0}, {"n_qubits": True}, {"gradients": 2}, {"folds": ()}, {"folds": (0.5,)}, {"shots": 1.5},
        {"bases": 0}, {"calibrations": -1}, {"device": ["aer"]},
    ],
)  # fmt: skip
def test_a_job_that_makes_no_sense_is_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        Job(**{"device": "aer", "n_qubits": 2, "evaluations": 1, "shots": 10, **bad})


def test_a_job_travels_as_json():
    job = Job("aer", 4, 10, 100, folds=(1, 3))
    assert Job.from_dict(job.as_dict()) == job
    for raw in ({**job.as_dict(), "more": 1}, {"device": "aer"}):
        with pytest.raises(ValueError, match="expected the fields of a job"):
            Job.from_dict(raw)
