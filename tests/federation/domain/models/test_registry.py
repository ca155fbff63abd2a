import json

import pytest
import torch
from torch.func import functional_call, grad, vmap

from federation.domain.models.registry import build, default_specs

ALL = [
    *(*default_specs("classification", 13), *default_specs("segmentation", 2)),
    *default_specs("classification", 2, images=True),
]
KINDS = [spec["kind"] for spec in ALL]


def inputs_for(spec, rows=3):
    source = torch.Generator().manual_seed(1)
    shape = (rows, 13) if "classifier" in spec["kind"] else (rows, 2, 32, 48)
    return torch.rand(shape, generator=source)


@pytest.mark.parametrize("spec", ALL, ids=KINDS)
def test_logits_and_representation_have_the_promised_shapes(spec):
    model, x = build(spec), inputs_for(spec)
    logits, representation = model(x), model.represent(x)
    assert logits.shape == ((3,) if model.task == "classification" else (3, 32, 48))
    assert representation.shape == (3, 4)
    assert representation.abs().max() <= 1 + 1e-6


@pytest.mark.parametrize("spec", ALL, ids=KINDS)
def test_a_spec_survives_json_and_builds_the_same_network(spec):
    again = build(json.loads(json.dumps(spec)), seed=3)
    for name, value in build(spec, seed=3).state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_building_leaves_the_global_random_state_alone():
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    build(ALL[0], seed=99)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("task", ["classification", "segmentation"])
@pytest.mark.parametrize("n_inputs", [1, 4, 13, 26])
def test_a_twin_has_nearly_the_same_number_of_parameters(task, n_inputs):
    quantum, classical = (build(spec) for spec in default_specs(task, n_inputs))
    assert classical.n_parameters == pytest.approx(quantum.n_parameters, rel=0.15)
    assert quantum.facts()["quantum"]["n_parameters"] == 36
    assert classical.facts()["quantum"] is None


def test_hybrid_and_twin_start_from_the_same_convolutions():
    hybrid, twin = (build(spec, seed=4).state_dict() for spec in default_specs("segmentation", 1))
    shared = [name for name in hybrid if name.startswith(("down", "bottom", "up", "head"))]
    assert len(shared) > 20
    assert all(torch.equal(hybrid[name], twin[name]) for name in shared)


@pytest.mark.parametrize("spec", ALL, ids=KINDS)
def test_one_sample_never_depends_on_another(spec):
    model, x = build(spec), inputs_for(spec)
    assert torch.allclose(model(x)[1], model(x[1:2])[0], atol=1e-5)


@pytest.mark.parametrize("spec", ALL, ids=KINDS)
def test_every_weight_learns(spec):
    model, x = build(spec), inputs_for(spec)
    for parameter in model.parameters():  # away from the zeros of the U-Net's modulation
        parameter.data += 0.05
    weights = {name: value.detach() for name, value in model.named_parameters()}
    gradients = vmap(grad(lambda w, row: functional_call(model, w, (row[None],)).square().sum()), in_dims=(None, 0))(
        weights, x
    )
    assert all(value.abs().max() > 0 for value in gradients.values())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "expected a model kind among"),
        ({"kind": "resnet"}, "got 'resnet'"),
        ({"kind": ["unet"]}, "expected a model kind"),
        ({**ALL[0], "qubits": 3}, "qubits to be an integer from 4 to 10, got 3"),
        ({**ALL[0], "layers": True}, "layers to be an integer"),
        ({**ALL[0], "entangling": 1}, "entangling to be true or false"),
        ({**ALL[0], "depth": 3}, r"unexpected \['depth'\]"),
        ({"kind": "unet", "inputs": 1}, r"missing \['channels', 'hidden', 'outputs'\]"),
        ({**ALL[2], "channels": [8, 16]}, "three channel counts"),
        ({**ALL[2], "channels": [8, 16, 22]}, "divisible by 4"),
    ],
)
def test_a_spec_that_is_not_understood_is_refused_with_a_reason(spec, message):
    with pytest.raises(ValueError, match=message):
        build(spec)


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="got 'regression'"):
        default_specs("regression", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 2, 30, 32), (1, 2, 12, 12), (1, 2, 260, 32), (1, 1, 32, 32), (2, 32, 32)])
def test_images_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="expected images of shape"):
        build(ALL[2])(torch.zeros(shape))


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"rows of 13 features, got an array of shape \(2, 12\)"):
        build(ALL[0])(torch.zeros(2, 12))


@pytest.mark.parametrize("side", [16, 32, 64, 256])
def test_the_hybrid_takes_every_usual_image_size(side):
    with torch.inference_mode():
        assert build(ALL[2])(torch.zeros(1, 2, side, side)).shape == (1, side, side)


@pytest.mark.parametrize("n_inputs", [1, 3])
def test_the_chest_classifier_its_twin_and_its_ablation_differ_in_the_core_alone(n_inputs):
    primary, twin = default_specs("classification", n_inputs, images=True)
    models = [build(spec, seed=4) for spec in (primary, twin, {**primary, "entangling": False})]
    quantum, classical, ablation = models
    assert classical.n_parameters == pytest.approx(quantum.n_parameters, rel=0.02)
    assert ablation.n_parameters == quantum.n_parameters and not ablation.facts()["quantum"]["entangling"]
    stems = [{n: v for n, v in model.state_dict().items() if n.startswith("stages")} for model in models]
    assert all(torch.equal(stem[name], value) for stem in stems for name, value in stems[0].items())
    x = torch.rand((3, n_inputs, 32, 48), generator=torch.Generator().manual_seed(2))
    assert not torch.allclose(quantum.represent(x), ablation.represent(x), atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 2, 32, 32), (2, 1, 18, 32), (2, 1, 12, 12), (2, 64), (2, 1, 260, 32)])
def test_a_chest_classifier_refuses_what_is_no_image_of_its_shape(shape):
    with pytest.raises(ValueError, match="expected images of shape"):
        build(default_specs("classification", 1, images=True)[0])(torch.zeros(shape))


def test_a_chest_classifier_tells_quadrants_apart():
    """The same shadow at the base and at the apex is not the same finding."""
    model = build(default_specs("classification", 1, images=True)[1], seed=1)
    x = torch.zeros((2, 1, 32, 32))
    x[0, 0, 4:12, 4:12], x[1, 0, 20:28, 4:12] = 1, 1
    first, second = model(x)
    assert abs(first - second) > 1e-4
