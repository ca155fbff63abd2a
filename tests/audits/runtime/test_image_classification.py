"""The gateway of a version that classifies images: an image comes in, a label goes out, and the label is told later."""

import base64

import numpy as np
import pytest

from audits.runtime.models import Outcome, Prediction
from federation.domain.learning import weights
from federation.domain.learning.evaluation import predict
from federation.domain.models.registry import build
from tests.factories.federation import make_federation
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
SHAPE = [1, 32, 32]


@pytest.fixture
def world():
    return make_federation(make_people(), shape=SHAPE)


def image(pixels, shape=None):
    data = base64.b64encode(pixels.astype(np.uint8).tobytes()).decode()
    return {"shape": shape or SHAPE, "dtype": "uint8", "data": data}


def record(name="a", **changes):
    pixels = np.arange(32 * 32).reshape(SHAPE) % 256
    return {"event_key": name, "patient": "p", "attributes": {"sex": "female"}, "image": image(pixels), **changes}


def test_an_image_is_answered_with_the_models_own_label(deployment, north):
    from core import artefacts

    answer = north.post(deployment, "predictions", {"records": [record()]})
    assert answer.status_code == 200, answer.content
    model = build(deployment.version.config["models"]["primary"])
    weights.load_state(model, weights.from_bytes(artefacts.get(deployment.version.weights_digest), like=model))
    x = (np.arange(32 * 32).reshape(1, *SHAPE) % 256).astype(np.uint8).astype(np.float32) / 255
    expected = predict(model.eval(), x, "classification")
    (got,) = answer.json()["predictions"]
    assert model.spec["kind"] == "chest_vqc"
    assert got["score"] == pytest.approx(float(expected.probability[0]), abs=1e-5)
    assert got["label"] == int(expected.label[0]) and not got.get("mask")
    assert Prediction.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image": None, "features": [0.1, 0.2, 0.3, 0.4]}, "expected an image"),
        ({"image": image(np.zeros((2, 1, 32, 32)), [2, 1, 32, 32])}, "expected one image"),
        ({"image": image(np.zeros((1, 16, 16)), [1, 16, 16])}, "[1, 32, 32]"),
    ],
)
def test_what_is_no_image_of_a_patient_is_refused_by_name(deployment, north, changes, says):
    answer = north.post(deployment, "predictions", {"records": [record(**changes)]})
    assert answer.status_code == 422 and says in answer.json()["records"][0]["message"]
    assert not Prediction.objects.exists()


def test_the_outcome_is_a_label_not_a_mask(deployment, north):
    north.post(deployment, "predictions", {"records": [record("a"), record("b")]})
    mask = base64.b64encode(bytes(32 * 4)).decode()
    assert north.post(deployment, "outcomes", {"records": [{"event_key": "a", "mask": mask}]}).status_code == 422
    assert north.post(deployment, "outcomes", {"records": [{"event_key": "a", "label": 1}]}).status_code == 200
    assert Outcome.objects.count() == 1
