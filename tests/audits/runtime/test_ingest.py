import base64
from dataclasses import replace

import numpy as np
import pytest

from accounts.models import Institution
from audits.runtime import ingest
from audits.runtime.batches import batch_intact
from audits.runtime.models import Batch, DeploymentCounter, Outcome, Prediction, Rollup
from federation.domain.data.phantom import generate
from federation.domain.learning.evaluation import evaluate
from federation.domain.models.registry import build, default_specs
from models_registry.models import Deployment

pytestmark = pytest.mark.django_db


@pytest.fixture
def predicted(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b", "male"), cases("c")]})
    return deployment


def test_outcomes_get_positions_from_one_without_gaps(predicted, north, alias):
    first = north.post(
        predicted, "outcomes", {"records": [{"event_key": "b", "label": 0}, {"event_key": "a", "label": 1}]}
    )
    second = north.post(predicted, "outcomes", {"records": [{"event_key": "c", "label": 1}]})
    assert first.json()["positions"] == {"first": 1, "last": 2}
    assert second.json()["positions"] == {"first": 3, "last": 3}
    assert list(Outcome.objects.order_by("position").values_list("position", "event_key")) == [
        (place, alias(predicted, name)) for place, name in enumerate("bac", start=1)
    ]  # fmt: skip
    assert [b.first_position for b in Batch.objects.filter(kind="outcome").order_by("created_at")] == [1, 3]
    assert all(batch_intact(batch) for batch in Batch.objects.all())


@pytest.mark.parametrize(
    ("flagged", "ill", "values", "stratum"),
    [
        (True, True, {"tpr": 1.0, "accuracy": 1.0, "selection_rate": 1.0}, 1),
        (False, True, {"tpr": 0.0, "accuracy": 0.0, "selection_rate": 0.0}, 1),
        (True, False, {"fpr": 1.0, "accuracy": 0.0, "selection_rate": 1.0}, 0),
        (False, False, {"fpr": 0.0, "accuracy": 1.0, "selection_rate": 0.0}, 0),
    ],
)
def test_a_label_is_scored_by_hand_checkable_values(flagged, ill, values, stratum):
    scored = ingest.score_label(flagged, ill)
    assert (dict(scored.values), scored.stratum) == (values, stratum)


def test_masks_are_scored_exactly_as_the_evaluation_does():
    model = build(default_specs("segmentation", 1)[0], seed=3).eval()
    data = generate("phantom-1", count=12, px=32)
    # Three slices for the first patient: the score is the patient's, not the slice's.
    data = replace(
        data, record_ids=data.record_ids[:10], patient_index=np.array([0, 0, 0, *range(1, 10)]),
        groups={name: values[:10] for name, values in data.groups.items()},
    )  # fmt: skip
    expected = evaluate(model, data)
    from federation.domain.learning.evaluation import predict

    masks = predict(model, data.x, "segmentation").label
    for patient in range(10):
        rows = data.patient_index == patient
        prediction = Prediction(output=np.packbits(masks[rows]).tobytes(), shape=list(masks[rows].shape))
        scored = ingest.score_mask(data.y[rows].astype(bool), prediction)
        assert scored.stratum == expected.stratum[patient]
        wanted = {k: v[patient] for k, v in expected.metrics.items() if not np.isnan(v[patient])}
        assert dict(scored.values) == wanted


def test_outcomes_carry_the_groups_of_their_prediction_and_feed_the_rollups(predicted, north, alias):
    north.post(predicted, "outcomes", {"records": [{"event_key": "a", "label": 1}, {"event_key": "b", "label": 1}]})
    assert Outcome.objects.get(event_key=alias(predicted, "b")).attributes == {"sex": "male"}
    rows = {(r.attributes["sex"], r.metric): r.n for r in Rollup.objects.all()}
    assert rows[("female", "tpr")] == 1
    assert rows[("male", "accuracy")] == 1
    assert rows[("female", "selection_rate")] == 2  # from the predictions alone, not counted twice


BAD = {
    "an unknown event": ({"event_key": "nobody", "label": 1}, "event_key", "no prediction"),
    "no label": ({"event_key": "b"}, "label", "label 0 or 1"),
    "a mask for a classifier": ({"event_key": "b", "mask": "AA=="}, "label", "label 0 or 1"),
    "both": ({"event_key": "b", "label": 1, "mask": "AA=="}, "label", "nothing else"),
    "a label of 2": ({"event_key": "b", "label": 2}, "label", "Invalid"),
    "a true label": ({"event_key": "b", "label": True}, "label", "Expected"),
    "a text label": ({"event_key": "b", "label": "1"}, "label", "Expected"),
    "a surprise": ({"event_key": "b", "label": 1, "note": "x"}, "record", "unknown field"),
    "no name": ({"label": 1}, "record", "event_key"),
    "a zero byte": ({"event_key": "a\u0000", "label": 1}, "event_key", "printable"),
    "the same again": ({"event_key": "a", "label": 0}, "event_key", "twice"),
}


def test_one_bad_row_refuses_all_and_is_named(predicted, north):
    for name, (wrong, field, words) in BAD.items():
        answer = north.post(predicted, "outcomes", {"records": [{"event_key": "a", "label": 1}, wrong]})
        assert answer.status_code == 422, (name, answer.content)
        (row,) = answer.json()["records"]
        assert (row["record"], row["field"]) == (1, field), name
        assert words in row["message"], name
    assert Outcome.objects.count() == 0
    assert not DeploymentCounter.objects.filter(deployment=predicted, outcomes__gt=0).exists()


def test_several_bad_rows_are_all_listed(predicted, north):
    records = [{"event_key": name, "label": 1} for name in ("x", "a", "y")]
    answer = north.post(predicted, "outcomes", {"records": records})
    assert [row["record"] for row in answer.json()["records"]] == [0, 2]


def test_an_outcome_is_told_once(predicted, north):
    north.post(predicted, "outcomes", {"records": [{"event_key": "a", "label": 1}]})
    answer = north.post(
        predicted, "outcomes", {"records": [{"event_key": "c", "label": 1}, {"event_key": "a", "label": 0}]}
    )
    assert answer.status_code == 422
    assert "'a' has a outcome" not in answer.json()["message"]
    assert "'a' has an outcome already" in answer.json()["message"]
    assert Outcome.objects.count() == 1
    assert DeploymentCounter.objects.get(deployment=predicted).outcomes == 1


def test_another_hospital_cannot_tell_my_outcome(predicted, world, caller_class):
    south = caller_class(Institution.objects.get(slug="south"), world.people.administrator)
    answer = south.post(predicted, "outcomes", {"records": [{"event_key": "a", "label": 1}]})
    assert answer.status_code == 422
    assert "your site" in answer.json()["message"]


def test_a_retry_with_the_same_key_tells_nothing_twice(predicted, north):
    body = {"records": [{"event_key": "a", "label": 1}]}
    first = north.post(predicted, "outcomes", body, **{"Idempotency-Key": "o1"})
    second = north.post(predicted, "outcomes", body, **{"Idempotency-Key": "o1"})
    assert first.json() == second.json()
    assert Outcome.objects.count() == 1
    other = north.post(
        predicted, "outcomes", {"records": [{"event_key": "b", "label": 1}]}, **{"Idempotency-Key": "o1"}
    )
    assert other.status_code == 409


def test_outcomes_are_accepted_while_the_deployment_is_halted(predicted, north):
    Deployment.objects.filter(id=predicted.id).update(state=Deployment.State.HALTED)
    assert north.post(predicted, "outcomes", {"records": [{"event_key": "a", "label": 1}]}).status_code == 200


def test_a_mask_of_the_wrong_length_is_refused_by_name(caller_class):
    from tests.factories.federation import make_federation
    from tests.factories.people import make_people
    from tests.factories.registry import make_deployment

    world = make_federation(make_people(), task="segmentation")
    deployment, north = make_deployment(world), caller_class(world.people.north, world.people.administrator)
    pixels = base64.b64encode(bytes(32 * 32)).decode()
    image = {"shape": [1, 32, 32], "dtype": "uint8", "data": pixels}
    north.post(deployment, "predictions", {"records": [{"event_key": "a", "patient": "p", "image": image}]})
    for mask in ("", "AAAA", "*" * 172, base64.b64encode(bytes(127)).decode()):
        answer = north.post(deployment, "outcomes", {"records": [{"event_key": "a", "mask": mask}]})
        assert answer.status_code == 422
        assert answer.json()["records"][0]["field"] == "mask"
    right = base64.b64encode(bytes(128)).decode()
    assert north.post(deployment, "outcomes", {"records": [{"event_key": "a", "mask": right}]}).status_code == 200
    assert Outcome.objects.get().stratum == 0
