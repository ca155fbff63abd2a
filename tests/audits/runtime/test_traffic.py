import numpy as np
import pytest

from audits.domain.traffic import Degrade, batches, degraded, outcome_records, prediction_records
from audits.runtime import services
from audits.runtime.models import Outcome, Prediction
from federation.domain.data.phantom import PhantomSource, generate
from federation.models import DataManifest
from qflethics.demo.traffic import TrafficError, simulate
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment

SOURCE = "phantom:?patients=40&sites=2&px=32"


@pytest.fixture
def phantom_world():
    """The factories' federation, whose sites are the phantoms' for once."""
    world = make_federation(make_people(), task="segmentation")
    groups = {"sex": {"female": 10, "male": 10}, "age_band": {"60 and over": 10, "under 60": 10}}
    for manifest in DataManifest.objects.all():
        DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, "groups": groups})
    for code, slug in (("phantom-1", "north"), ("phantom-2", "south")):
        world.participants[slug].site = code
        world.participants[slug].save()
    return world


@pytest.mark.django_db(transaction=True)
def test_it_predicts_and_tells_until_the_deployment_is_halted(phantom_world, live_server, caller_class):
    deployment = make_deployment(phantom_world)
    key = caller_class(phantom_world.people.north, phantom_world.people.administrator).secret
    seen = []

    def halt_after_two(done):
        seen.append(done.predictions)
        if done.batches == 2:
            services.deployment_halt(
                deployment=deployment, reason="A patient was misread.", actor=phantom_world.people.officer_north
            )

    done = simulate(
        live_server.url, key, str(deployment.id), SOURCE, "phantom-1", first=0, count=20, batch_size=4,
        degrade={"attribute": "sex", "group": "female", "strength": 1.0}, progress=halt_after_two,
    )  # fmt: skip
    assert seen == [4, 8]
    assert (done.predictions, done.outcomes, done.batches) == (8, 8, 2)
    assert done.halted["code"] == "halted"
    assert "misread" in done.halted["reason"]
    assert Prediction.objects.count() == Outcome.objects.count() == 8
    assert set(Prediction.objects.values_list("site", flat=True)) == {"phantom-1"}


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_an_error_with_the_services_words(phantom_world, live_server, caller_class):
    deployment = make_deployment(phantom_world)
    key = caller_class(phantom_world.people.north, phantom_world.people.administrator).secret
    with pytest.raises(TrafficError, match=r"expected \[1, 32, 32\]"):
        simulate(
            live_server.url, key, str(deployment.id), SOURCE.replace("32", "64"), "phantom-1", first=0, count=2,
        )  # fmt: skip


def test_only_the_chosen_group_is_spoilt_and_the_truth_stays():
    data = generate("phantom-1", count=16, px=32)
    spoilt = degraded(data, Degrade("sex", "female", 1.0), rng=np.random.default_rng(1))
    women = data.groups["sex"] == "female"
    assert (spoilt.x[~women] == data.x[~women]).all()
    assert (spoilt.y == data.y).all()
    contrast = [image.std() for image in spoilt.x[women]]
    assert max(contrast) < 0.05 < min(image.std() for image in data.x[women])


def test_no_strength_changes_nothing():
    data = generate("phantom-1", count=4, px=32)
    same = degraded(data, Degrade("sex", "female", 0.0), rng=np.random.default_rng(1))
    np.testing.assert_allclose(same.x, data.x, atol=1e-6)


def test_spoilt_tables_hold_the_groups_own_rows_in_another_order():
    from dataclasses import replace

    data = generate("phantom-1", count=16, px=32)
    table = replace(data, task="classification", x=np.arange(64, dtype=np.float32).reshape(16, 4), y=np.arange(16) % 2)
    spoilt = degraded(table, Degrade("sex", "female"), rng=np.random.default_rng(1))
    women = data.groups["sex"] == "female"
    assert (spoilt.x[~women] == table.x[~women]).all()
    assert sorted(spoilt.x[women][:, 0]) == sorted(table.x[women][:, 0])
    assert (spoilt.x[women] != table.x[women]).any()


def test_an_unknown_attribute_and_strength_are_refused():
    data = generate("phantom-1", count=4, px=32)
    with pytest.raises(ValueError, match="age_band, sex"):
        degraded(data, Degrade("shoe", "44"), rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="strength"):
        Degrade("sex", "female", 2.0)


def test_patients_with_several_slices_are_one_record_with_one_mask():
    from dataclasses import replace

    data = generate("phantom-1", count=4, px=32)
    volumes = replace(
        data, record_ids=data.record_ids[:2], patient_index=np.array([0, 0, 0, 1]),
        groups={name: values[:2] for name, values in data.groups.items()},
    )  # fmt: skip
    first, second = prediction_records(volumes, ["a", "b"])
    assert first["image"]["shape"] == [3, 1, 32, 32]
    assert second["image"]["shape"] == [1, 1, 32, 32]
    import base64

    masks = [base64.b64decode(record["mask"]) for record in outcome_records(volumes, ["a", "b"])]
    assert [len(mask) for mask in masks] == [3 * 128, 128]


def test_phantom_patients_are_never_those_of_the_training_set():
    source = PhantomSource(patients=40, n_sites=2)
    held = set(source.load("phantom-1").record_ids)
    sent = [name for _, data in batches(source, "phantom-1", first=0, count=30, size=7) for name in data.record_ids]
    assert len(set(sent)) == 30
    assert not held & set(sent)


@pytest.mark.django_db
def test_a_rehearsal_scores_images_as_the_ingest_does(phantom_world):
    from audits.runtime.inference import infer
    from audits.runtime.ingest import score_mask
    from audits.runtime.records import pack_mask
    from audits.runtime.rehearsal import judge

    version = make_deployment(phantom_world).version
    data = generate("phantom-1", count=6, px=32)
    metrics, flagged = judge(version, data)
    for i in range(6):
        (answer,) = infer(version, [data.x[i : i + 1]])
        row = Prediction(shape=list(answer.mask.shape), output=pack_mask(answer.mask))
        wanted = score_mask(data.y[i : i + 1].astype(bool), row).values
        found = {name: values[i] for name, values in metrics.items() if not np.isnan(values[i])}
        assert found == pytest.approx(dict(wanted)) and flagged[i] == answer.flagged
