import json

import pytest
import torch
from torch.func import functional_call, grad, vmap

from federation.domain.models.registry import build, default_specs, unet_specs

ALL = [
    *(*default_specs("classification", 13), *default_specs("segmentation", 2)),
    *default_specs("classification", 2, side=32),
    {"kind": "logistic_regression", "inputs": 13},
]
KINDS = [spec["kind"] for spec in ALL]
ROWS = {"vqc_classifier", "mlp_classifier", "logistic_regression"}
CIRCUIT = {"qubits": 4, "layers": 3, "entangling": True}
STORED = [  # as versions of earlier runs hold them
    {"kind": "hybrid_unet", "inputs": 2, "channels": [8, 16, 24], **CIRCUIT},
    {"kind": "unet", "inputs": 2, "channels": [8, 16, 24], "hidden": 4, "outputs": 4},
]
VOLUME = {"kind": "unet3d", "inputs": 2, "channels": [4, 8, 12], "standardise": True}


def inputs_for(spec, rows=3):
    source = torch.Generator().manual_seed(1)
    shape = (rows, 13) if spec["kind"] in ROWS else (rows, 2, 32, 48)
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
    assert classical.n_parameters == pytest.approx(quantum.n_parameters, rel=0.15 if task == "classification" else 0.01)
    assert quantum.facts()["quantum"]["n_parameters"] == (36 if task == "classification" else 54)
    assert classical.facts()["quantum"] is None


def test_hybrid_and_twin_start_from_the_same_convolutions():
    hybrid, twin = (build(spec, seed=4).state_dict() for spec in default_specs("segmentation", 1))
    shared = [name for name in hybrid if name.startswith(("down", "up", "head"))]
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
        ({**ALL[2], "channels": [8, 16]}, "3 to 6 channel counts"),
        ({**STORED[0], "channels": [8, 16, 24, 24]}, "three channel counts"),
        ({**ALL[2], "views": 3}, "views to be 1, 2 or 4, got 3"),
        ({**ALL[2], "standardise": 1}, "standardise to be true or false"),
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


@pytest.mark.parametrize("spec", STORED, ids=lambda spec: spec["kind"])
def test_a_stored_network_of_before_still_answers(spec):
    model = build(spec).eval()
    assert model(torch.rand(2, 2, 32, 32)).shape == (2, 32, 32)
    assert model.represent(torch.rand(2, 2, 32, 32)).shape == (2, 4)
    assert "to_scale.weight" in model.state_dict()


def test_the_answer_goes_through_the_circuit_at_each_position():
    """With every other way closed, a change of one position's circuit changes the pixels around that position alone."""
    model = build(unet_specs(1, (4, 8, 8))[0], seed=2).eval()
    with torch.no_grad():
        model.head.weight.zero_()
    x = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert model.core_runs((1, 32, 32)) == 64
    seen = []
    model.core.circuit.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    before = model(x)
    assert seen == [64]

    def one_silenced(module, inputs):
        angles = inputs[0].clone()
        angles[0] += 1.0  # the upper left position
        return (angles,)

    model.core.circuit.register_forward_pre_hook(one_silenced)
    moved = (model(x) - before).abs() > 1e-7
    assert moved[0, :4, :4].all() and not moved[0, 8:, :].any() and not moved[0, :, 8:].any()


def test_the_circuit_of_a_new_hybrid_starts_as_a_tanh_unit_that_learns():
    """At the identity <Z> = cos(pi/2 (1 + tanh z)) = -sin(pi/2 tanh z): odd in z, steepest where z is 0."""
    core = build(unet_specs(1, (4, 8, 8))[0]).core
    with torch.no_grad():
        core.circuit.weights.zero_()
        core.to_angles.weight.copy_(torch.eye(6, 8))
        core.to_angles.bias.zero_()
    features = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    cnots = build(unet_specs(1, (4, 8, 8), entangling=False)[0]).core
    cnots.load_state_dict(core.state_dict())
    expected = -torch.sin(torch.pi / 2 * torch.tanh(features[:, :6]))
    assert torch.allclose(cnots(features), expected, atol=1e-5)


def test_views_are_averaged_when_the_model_answers_and_not_when_it_learns():
    spec = unet_specs(1, (4, 8, 8), views=2)[0]
    one, two = build({**spec, "views": 1}, seed=3).eval(), build(spec, seed=3)
    x = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    mean = (one(x) + one(x.flip(-1)).flip(-1)) / 2
    assert torch.allclose(two(x), one(x), atol=1e-6)
    assert torch.allclose(two.eval()(x), mean, atol=1e-5)
    assert two.core_runs((1, 16, 16)) == 2 * 16


@pytest.mark.parametrize(("side", "levels"), [(None, 3), (32, 3), (64, 4), (128, 5), (256, 6), (72, 4)])
def test_deeper_networks_for_larger_images_and_never_more_positions(side, levels):
    primary, baseline = default_specs("segmentation", 3, side)
    assert len(primary["channels"]) == levels and baseline["channels"] == primary["channels"]


def test_an_image_on_its_own_scale_does_not_depend_on_the_scanners_gain():
    model = build(unet_specs(1, (4, 8, 8), standardise=True)[0], seed=1).eval()
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    x[:, :, :4] = 0
    assert torch.allclose(model(x), model(0.5 * x), atol=2e-2)


def test_the_network_in_three_dimensions_takes_slabs():
    model = build(VOLUME, seed=1).eval()
    x = torch.rand(2, 2, 8, 16, 16)
    assert model(x).shape == (2, 8, 16, 16) and model.represent(x).shape == (2, 4)
    assert torch.allclose(model(x)[1], model(x[1:])[0], atol=1e-5)
    weights = {name: value.detach() for name, value in model.named_parameters()}
    gradients = vmap(grad(lambda w, row: functional_call(model, w, (row[None],)).square().sum()), in_dims=(None, 0))
    assert all(len(value) == 2 for value in gradients(weights, x).values())
    with pytest.raises(ValueError, match="expected slabs of shape"):
        model(torch.zeros(2, 2, 16, 16))


@pytest.mark.parametrize("side", [16, 32, 64, 256])
def test_the_hybrid_takes_every_usual_image_size(side):
    with torch.inference_mode():
        assert build(ALL[2])(torch.zeros(1, 2, side, side)).shape == (1, side, side)


@pytest.mark.parametrize("n_inputs", [1, 3])
def test_the_chest_classifier_its_twin_and_its_ablation_differ_in_the_core_alone(n_inputs):
    primary, twin = default_specs("classification", n_inputs, side=32)
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
        build(default_specs("classification", 1, side=32)[0])(torch.zeros(shape))


def test_a_chest_classifier_tells_quadrants_apart():
    """The same shadow at the base and at the apex is not the same finding."""
    model = build(default_specs("classification", 1, side=32)[1], seed=1)
    x = torch.zeros((2, 1, 32, 32))
    x[0, 0, 4:12, 4:12], x[1, 0, 20:28, 4:12] = 1, 1
    first, second = model(x)
    assert abs(first - second) > 1e-4
