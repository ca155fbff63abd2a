import base64
import json

import numpy as np
import pytest

from accounts.models import ApiKey
from audits.runtime.batches import batch_intact
from audits.runtime.models import Batch, DeploymentCounter, EventKey, Prediction, Rollup
from core.models import IdempotencyKey, Outbox
from federation.domain.learning import weights
from federation.domain.learning.evaluation import predict
from federation.domain.models.registry import build
from models_registry.models import Deployment
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db


def own_model(deployment):
    from core import artefacts

    model = build(deployment.version.config["models"]["primary"])
    weights.load_state(model, weights.from_bytes(artefacts.get(deployment.version.weights_digest), like=model))
    return model.eval()


def test_it_answers_with_the_models_own_prediction_and_says_which_model_it_was(deployment, north, cases):
    answer = north.post(deployment, "predictions", {"records": [cases("a", features=[0.2, 0.4, 0.6, 0.8])]})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    expected = predict(own_model(deployment), np.array([[0.2, 0.4, 0.6, 0.8]], dtype=np.float32), "classification")
    (got,) = body["predictions"]
    assert got["score"] == pytest.approx(float(expected.probability[0]))
    assert got["label"] == int(expected.label[0])
    assert got["confidence"] == pytest.approx(float(expected.confidence[0]))
    assert body["model"]["weights"] == deployment.version.weights_digest
    assert body["model"]["card"]["digest"] == deployment.approval.content["card"]
    assert "GDPR" in body["notice"]


def test_it_stores_a_pseudonym_and_never_the_patients_number(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a", patient="900-11"), cases("b", patient="900-11")]})
    first, second = Prediction.objects.order_by("batch_index")
    assert first.subject == second.subject
    assert len(first.subject) == 64
    assert "900-11" not in json.dumps([first.subject, first.event_key, first.attributes])


def test_each_batch_is_one_entry_of_the_ledger_over_rows_that_still_match(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b"), cases("c")]})
    batch = Batch.objects.get()
    captured = Outbox.objects.get(table="audits_runtime_batch").body
    assert captured["root"] == batch.root
    assert captured["rows"] == "3"
    assert "salt" not in captured
    assert not Outbox.objects.filter(table="runtime_prediction").exists()
    assert batch_intact(batch)


def test_counter_rollups_and_event_keys_follow_the_batch(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b", "male"), cases("c")]})
    north.post(deployment, "predictions", {"records": [cases("d")]})
    assert DeploymentCounter.objects.get(deployment=deployment).predictions == 4
    assert EventKey.objects.filter(kind="prediction").count() == 4
    assert {row.attributes["sex"]: row.n for row in Rollup.objects.all()} == {"female": 3, "male": 1}


def test_the_same_key_and_body_are_answered_again_and_stored_once(deployment, north, cases):
    body = {"records": [cases("a")]}
    first = north.post(deployment, "predictions", body, **{"Idempotency-Key": "k1"})
    second = north.post(deployment, "predictions", body, **{"Idempotency-Key": "k1"})
    assert first.json() == second.json()
    assert Prediction.objects.count() == 1
    assert IdempotencyKey.objects.count() == 1


def test_the_same_key_with_another_body_is_a_conflict(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a")]}, **{"Idempotency-Key": "k1"})
    answer = north.post(deployment, "predictions", {"records": [cases("b")]}, **{"Idempotency-Key": "k1"})
    assert answer.status_code == 409
    assert Prediction.objects.count() == 1


def test_a_key_is_the_callers_own(world, deployment, north, cases, caller_class):
    south = caller_class(world.people.south, world.people.administrator)
    first = north.post(deployment, "predictions", {"records": [cases("a")]}, **{"Idempotency-Key": "k1"})
    other = south.post(deployment, "predictions", {"records": [cases("s")]}, **{"Idempotency-Key": "k1"})
    assert (first.status_code, other.status_code) == (200, 200)
    assert other.json()["predictions"][0]["event_key"] == "s"
    same = south.post(deployment, "predictions", {"records": [cases("a")]}, **{"Idempotency-Key": "k1"})
    assert same.status_code == 409  # and not north's answer


def test_a_refusal_for_scope_leaves_the_key_free(world, north, cases):
    limited = make_deployment(world, policy={"age": [18, 65]})
    key = {"Idempotency-Key": "k1"}
    assert north.post(limited, "predictions", {"records": [cases("a", age=70)]}, **key).status_code == 422
    assert north.post(limited, "predictions", {"records": [cases("a", age=60)]}, **key).status_code == 200


def test_a_refused_request_leaves_its_key_free(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a", features=[1])]}, **{"Idempotency-Key": "k1"})
    answer = north.post(deployment, "predictions", {"records": [cases("a")]}, **{"Idempotency-Key": "k1"})
    assert answer.status_code == 200


def test_a_case_is_predicted_once(deployment, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a")]})
    answer = north.post(deployment, "predictions", {"records": [cases("new"), cases("a")]})
    assert answer.status_code == 422
    assert "'a'" in answer.json()["message"]
    assert Prediction.objects.count() == 1


def test_values_outside_the_usual_range_are_served_with_a_warning(deployment, north, cases):
    answer = north.post(deployment, "predictions", {"records": [cases("a", features=[0.1, 1.5, 0.3, -0.2])]})
    (row,) = answer.json()["predictions"]
    assert row["warnings"] == [
        "features.b: 1.5 is outside the usual range 0 to 1",
        "features.d: -0.2 is outside the usual range 0 to 1",
    ]


def test_a_group_that_no_site_declared_becomes_unknown_and_says_so(deployment, north, cases):
    answer = north.post(deployment, "predictions", {"records": [cases("a", "Ms. Smith, room 4")]})
    assert "taken as unknown" in answer.json()["predictions"][0]["warnings"][0]
    assert Prediction.objects.get().attributes == {"sex": "unknown"}


def test_an_approval_may_limit_the_number_of_predictions(world, north, cases):
    limited = make_deployment(world, policy={"max_predictions": 2})
    assert north.post(limited, "predictions", {"records": [cases("a"), cases("b")]}).status_code == 200
    answer = north.post(limited, "predictions", {"records": [cases("c")]})
    assert answer.status_code == 409
    assert "allows 2 predictions; 2 were served" in answer.json()["message"]
    assert Prediction.objects.count() == 2


def test_a_shadow_deployment_stores_its_answer_and_withholds_it(world, north, cases):
    shadow = make_deployment(world, kind="shadow")
    body = north.post(shadow, "predictions", {"records": [cases("a")]}).json()
    assert body["kind"] == "shadow: not for care"
    assert body["acted_on"] is False
    assert body["predictions"] == [{"event_key": "a", "withheld": True, "warnings": []}]
    assert 0 <= Prediction.objects.get().score <= 1


def test_a_retry_of_a_shadow_request_is_withheld_too_and_its_outcome_is_judged(world, north, cases):
    shadow = make_deployment(world, kind="shadow")
    body, key = {"records": [cases("a")]}, {"Idempotency-Key": "k1"}
    answers = [north.post(shadow, "predictions", body, **key).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert "score" not in json.dumps(answers) and "explanation" not in json.dumps(answers)
    told = north.post(shadow, "outcomes", {"records": [{"event_key": "a", "label": 1}]})
    assert (told.status_code, told.json()["accepted"]) == (200, 1)


def test_a_clinician_of_a_participating_hospital_may_ask(world, deployment, client_of, cases):
    answer = client_of(world.people.clinician).post(
        f"/api/v1/deployments/{deployment.id}/predictions", {"records": [cases("a")]}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    assert Prediction.objects.get().site == "north"


@pytest.mark.parametrize(
    ("person", "status"),
    [("administrator", 403), ("auditor", 403), ("officer_north", 403), ("operator_north", 403), ("outsider", 403)],
)
@pytest.mark.parametrize("what", ["predictions", "outcomes"])
def test_no_other_role_may_ask_or_tell(world, deployment, client_of, cases, person, status, what):
    client = client_of(getattr(world.people, person))
    answer = client.post(
        f"/api/v1/deployments/{deployment.id}/{what}", {"records": []}, content_type="application/json"
    )
    assert answer.status_code == status


def test_a_key_without_the_action_and_a_stranger_are_refused(world, deployment, caller_class, cases, client):
    weak = caller_class(world.people.north, world.people.administrator, actions=["outcome.record"])
    assert weak.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 403
    address = f"/api/v1/deployments/{deployment.id}/predictions"
    assert client.post(address, {}, content_type="application/json").status_code == 401


def test_a_hospital_outside_the_federation_finds_nothing(world, deployment, caller_class, cases):
    from accounts.models import Institution

    other = caller_class(Institution.objects.get(slug="other"), world.people.administrator)
    assert other.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 404


def test_a_platform_member_without_a_site_cannot_predict(world, deployment, client_of, cases):
    from accounts.models import Membership
    from core.roles import Role

    clinician = world.people.clinician
    Membership.objects.filter(user=clinician).update(is_active=False)
    Membership.objects.create(user=clinician, institution=None, role=Role.AUDITOR)
    other = type(world.people.north).objects.get(slug="other")
    Membership.objects.create(user=clinician, institution=other, role=Role.CLINICIAN)
    answer = client_of(clinician).post(
        f"/api/v1/deployments/{deployment.id}/predictions", {"records": [cases("a")]}, content_type="application/json"
    )
    assert answer.status_code == 403
    assert "belong to a site" in answer.json()["message"]


def test_a_revoked_deployment_predicts_nothing(deployment, north, cases):
    Deployment.objects.filter(id=deployment.id).update(state=Deployment.State.REVOKED)
    answer = north.post(deployment, "predictions", {"records": [cases("a")]})
    assert answer.status_code == 423
    assert answer.json()["state"] == "revoked"


def image(px=32, channels=1, dtype="uint8", slices=None):
    shape = [*([slices] if slices else []), channels, px, px]
    values = np.zeros(shape, dtype=dtype)
    values[..., 8:16, 8:16] = 200 if dtype == "uint8" else 0.8
    return {"shape": shape, "dtype": dtype, "data": base64.b64encode(values.tobytes()).decode()}


def test_images_are_segmented_slice_by_slice_and_the_mask_comes_back_packed(north_of_images, image_deployment, alias):
    records = [
        {"event_key": "one", "patient": 7, "image": image()},
        {"event_key": "volume", "patient": 8, "image": image(slices=3, dtype="float32")},
    ]
    answer = north_of_images.post(image_deployment, "predictions", {"records": records})
    assert answer.status_code == 200, answer.content
    one, volume = answer.json()["predictions"]
    assert one["mask"]["shape"] == [1, 32, 32]
    assert volume["mask"]["shape"] == [3, 32, 32]
    assert len(base64.b64decode(volume["mask"]["data"])) == 3 * 32 * 32 // 8
    pixels = np.zeros((1, 1, 32, 32), dtype=np.float32)
    pixels[..., 8:16, 8:16] = np.float32(200) / np.float32(255)
    expected = predict(own_model(image_deployment), pixels, "segmentation")
    mask = np.unpackbits(np.frombuffer(base64.b64decode(one["mask"]["data"]), dtype=np.uint8)).reshape(1, 32, 32)
    assert (mask.astype(bool) == expected.label).all()
    assert one["confidence"] == pytest.approx(float(expected.confidence[0]), abs=1e-6)
    assert bytes(Prediction.objects.get(event_key=alias(image_deployment, "one")).output) == base64.b64decode(
        one["mask"]["data"]
    )


@pytest.fixture
def north_of_images(image_deployment, caller_class):
    from accounts.models import Institution, User

    return caller_class(Institution.objects.get(slug="north"), User.objects.get(email="admin@test.example"))


@pytest.mark.parametrize("others", [0, 2])
def test_a_pixel_beyond_all_sense_is_no_failure_of_the_platform(image_deployment, north_of_images, others):
    values = np.zeros((1, 32, 32), dtype=np.float32)
    values[0, 0, 0] = -3.4e38
    wild = {"shape": [1, 32, 32], "dtype": "float32", "data": base64.b64encode(values.tobytes()).decode()}
    records = [{"event_key": f"e{i}", "patient": "p", "image": image()} for i in range(others)]
    records.append({"event_key": "wild", "patient": "p", "image": wild})
    answer = north_of_images.post(image_deployment, "predictions", {"records": records})
    assert answer.status_code == 422, answer.content
    (row,) = answer.json()["records"]
    assert (row["record"], row["field"]) == (others, "image") and "no finite number" in row["message"]


BAD_IMAGES = {
    "another side": image(px=64),
    "another number of channels": image(channels=3),
    "too few bytes": {**image(), "data": "AAAA"},
    "no base64": {**image(), "data": "*" * len(image()["data"])},
    "negative shape": {**image(), "shape": [-1, 32, 32]},
    "empty shape": {**image(), "shape": []},
    "huge shape": {**image(), "shape": [1, 2**62, 2**62]},
    "too many slices": {**image(), "shape": [65, 1, 32, 32]},
    "no slices": {**image(), "shape": [0, 1, 32, 32]},
    "an unknown type": {**image(), "dtype": "float64"},
    "not finite": {
        "shape": [1, 32, 32],
        "dtype": "float32",
        "data": base64.b64encode(np.full((1, 32, 32), np.nan, dtype=np.float32).tobytes()).decode(),
    },
}


def test_a_wrong_image_is_refused_by_name(image_deployment, north_of_images):
    good = {"event_key": "good", "patient": "p", "image": image()}
    for name, wrong in BAD_IMAGES.items():
        bad = {"event_key": "bad", "patient": "p", "image": wrong}
        answer = north_of_images.post(image_deployment, "predictions", {"records": [good, bad]})
        assert answer.status_code == 422, (name, answer.content)
        assert answer.json()["message"].startswith("Record 1, image"), name
    assert Prediction.objects.count() == 0


NAN = b'{"records": [{"event_key": "a", "patient": "p", "features": [NaN, 1, 1, 1]}]}'
FAULTS = {
    "no JSON": (b"{", 400),
    "no UTF-8": (b'\xff{"records": []}', 400),
    "a name in no UTF-8": (b'{"records": [{"event_key": "\xff", "patient": "p"}]}', 422),
    "half a surrogate pair": (b'{"records": [{"event_key": "\\ud800", "patient": "p"}]}', 400),
    "a list": (b"[]", 400),
    "nothing": (b"", 400),
    "no records": (b'{"records": []}', 422),
    "records that are no list": (b'{"records": 5}', 400),
    "an extra member": (b'{"records": [], "x": 1}', 400),
    "deep nesting": (b'{"records": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    # Where another library has raised the recursion limit, the text is read and the record refused instead.
    "a deep record": (b'{"records": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}", (400, 422)),
    "a record that is no object": (b'{"records": [5]}', 422),
    "a NaN literal": (NAN, 400),
    "too many": (json.dumps({"records": [{"event_key": str(i)} for i in range(257)]}).encode(), 422),
}


def test_a_damaged_request_is_refused_with_a_message(deployment, north):
    for name, (body, status) in FAULTS.items():
        answer = north.post(deployment, "predictions", body)
        expected = status if isinstance(status, tuple) else (status,)
        assert answer.status_code in expected, (name, answer.content[:200])
        assert len(answer.json()["message"]) > 10, name


BAD_RECORDS = {
    "event_key": [
        {"event_key": ""}, {"event_key": 5}, {"event_key": "x" * 201}, {"event_key": "a\u0000b"},
        {"event_key": "a\nb"}, {"event_key": None},
    ],
    "patient": [{"patient": ""}, {"patient": None}, {"patient": 1.5}, {"patient": "a\u0000"}],
    "attributes": [
        {"attributes": {"shoe_size": "44"}}, {"attributes": []}, {"attributes": {"sex": 1}}, {"attributes": None},
    ],
    "features": [
        {"features": [1, 2, 3]}, {"features": [1] * 5}, {"features": []}, {"features": "1234"},
        {"features": [1, 2, 3, None]}, {"features": [1, 2, 3, 1e300]}, {"features": [True, 1, 1, 1]},
        {"features": None},
    ],
    "image": [{"image": 5}, {"image": {}}],
    "record": [{"surprise": 1}],
}  # fmt: skip


def test_a_bad_record_is_refused_by_number_and_field(deployment, north, cases):
    for name, rows in BAD_RECORDS.items():
        for wrong in rows:
            answer = north.post(deployment, "predictions", {"records": [cases("good"), cases("bad", **wrong)]})
            assert answer.status_code == 422, (wrong, answer.content[:300])
            first = answer.json()["records"][0]
            assert first["record"] == 1, wrong
            assert first["field"].startswith(name), (wrong, first)
    assert Prediction.objects.count() == 0


def test_a_key_comes_twice_in_one_request(deployment, north, cases):
    answer = north.post(deployment, "predictions", {"records": [cases("a"), cases("a")]})
    assert answer.status_code == 422
    assert "twice" in answer.json()["message"]


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_an_unusable_idempotency_key_is_refused(deployment, north, cases, key):
    answer = north.post(deployment, "predictions", {"records": [cases("a")]}, **{"Idempotency-Key": key})
    assert answer.status_code == 400


def test_lost_weights_are_said_and_nothing_is_stored(deployment, north, cases, settings, tmp_path):
    from audits.runtime import inference

    inference._model.cache_clear()
    settings.VAR = tmp_path
    answer = north.post(deployment, "predictions", {"records": [cases("a")]})
    inference._model.cache_clear()
    assert answer.status_code == 503
    assert "cannot be loaded" in answer.json()["message"]
    assert Prediction.objects.count() == 0


def test_a_body_over_the_limit_is_refused(deployment, north, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert north.post(deployment, "predictions", b" " * 2000).status_code == 413


def test_other_methods_are_refused(deployment, world, client_of):
    client = client_of(world.people.clinician)
    assert client.get(f"/api/v1/deployments/{deployment.id}/predictions").status_code in (403, 405)
    assert ApiKey.objects.count() == 0
