import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.domain.data.dataset import DataError, LoadReport, Refusal, SiteData
from federation.domain.data.heart import HeartSource
from federation.domain.data.lgg import LggSource
from federation.domain.data.mimic_cxr import MimicCxrSource
from federation.domain.data.phantom import PhantomSource
from federation.domain.data.registry import digest, manifest, open_source

REAL = Path(__file__).resolve().parents[5] / "shared" / "data"


@pytest.fixture
def data():
    return SiteData(
        site="phantom-1",
        task="classification",
        record_ids=("p1", "p2"),
        x=np.array([[0.0], [1.0]], dtype=np.float32),
        y=np.array([0, 1]),
        patient_index=np.arange(2),
        groups={"sex": np.array(["male", "female"])},
        feature_names=("age",),
        report=LoadReport(3, 2, {"age": 1}, (Refusal("TCGA_CS_4941_19960909", None, "no slice"),), ("a note",)),
    )


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ("heart:/data/heart", HeartSource(Path("/data/heart"))),
        ("heart:/data?columns=cp_4,age", HeartSource(Path("/data"), ("age", "cp_4"))),
        ("lgg:/data/lgg", LggSource(Path("/data/lgg"))),
        ("lgg:/data/lgg?px=128&slices=6", LggSource(Path("/data/lgg"), px=128, slices=6)),
        ("lgg:/data/what?/lgg?px=32", LggSource(Path("/data/what?/lgg"), px=32)),
        ("mimic_cxr:/data/mimic", MimicCxrSource(Path("/data/mimic"))),
        (
            "mimic_cxr:/data/mimic?label=pleural_effusion&uncertain=negative&sites=2&px=16&patients=500",
            MimicCxrSource(Path("/data/mimic"), "pleural_effusion", "negative", 2, 16, 500),
        ),
        ("phantom", PhantomSource()),
        ("phantom:", PhantomSource()),
        ("phantom:?patients=500&sites=4&px=32&bias=0.0&seed=7", PhantomSource(500, 4, 32, 0.0, 7)),
        ("phantom:?bias=1", PhantomSource(bias=1.0)),
    ],
)
def test_a_spec_opens_its_source(spec, source):
    assert open_source(spec) == source


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "a data set named brats, heart, lgg, mimic_cxr, phantom, got ''"),
        ("ixi:/data", "a data set named brats, heart, lgg, mimic_cxr, phantom, got 'ixi'"),
        ("heart", "a folder after heart:, got none"),
        ("lgg:?px=64", "a folder after lgg:, got none"),
        ("mimic_cxr", "a folder after mimic_cxr:, got none"),
        ("mimic_cxr:/data?label=No Finding", "label as one of any_finding, atelectasis, "),
        ("mimic_cxr:/data?uncertain=", "uncertain as one of drop, positive, negative, got ''"),
        ("mimic_cxr:/data?sites=65", "sites as a whole number from 1 to 64, got '65'"),
        ("phantom:/data", "no folder for phantom"),
        ("heart:/data?px=64", "an option among columns, got 'px'"),
        ("phantom:?columns=age", "an option among patients, sites, px, bias, seed, got 'columns'"),
        ("heart:/data?columns=", "columns as some of age, sex_male, "),
        ("heart:/data?columns=age,age", "each once, with commas between them, got 'age,age'"),
        ("heart:/data?columns=age,height", "got 'age,height'"),
        ("lgg:/data?pixels=64", "an option among px, slices, context, slab, got 'pixels'"),
        ("lgg:/data?context=1&slab=16", "expected context or slab, got both"),
        ("lgg:/data?slices=6&slab=16", "expected slices or slab, got both"),
        ("lgg:/data?px=64&px=32", "got 'px' twice"),
        ("lgg:/data?px", "option=value&option=value, got 'px'"),
        ("lgg:/data?px=", "px as a whole number from 16 to 256, got ''"),
        ("lgg:/data?px=6e1", "px as a whole number"),
        ("lgg:/data?px=6_4", "px as a whole number"),
        ("lgg:/data?px=512", "px as a whole number from 16 to 256, got '512'"),
        ("lgg:/data?slices=0", "slices as a whole number from 1 to 10000, got '0'"),
        ("phantom:?bias=1.1", "bias as a number from 0 to 1, got '1.1'"),
        ("phantom:?bias=nan", "bias as a number from 0 to 1, got 'nan'"),
        ("phantom:?patients=3&sites=4", "1 to 3 sites"),
    ],
)
def test_a_faulty_spec_is_named_with_what_is_accepted(spec, says):
    with pytest.raises(DataError) as caught:
        open_source(spec)
    assert says in str(caught.value) and caught.value.file == spec and caught.value.remedy.startswith("Write ")


def test_the_digest_is_sha256_over_the_documented_bytes(data):
    f4, i8 = (lambda *v: np.array(v, "<f4").tobytes()), (lambda *v: np.array(v, "<i8").tobytes())
    expected = hashlib.sha256(
        b"qflethics/site-data/v1\n"
        + (b"x <f4 (2, 1)\n" + f4(0, 1) + b"y <i8 (2,)\n" + i8(0, 1) + b"patient_index <i8 (2,)\n" + i8(0, 1))
        + (b"ids text (2,)\n" + i8(2) + b"p1" + i8(2) + b"p2")
        + (b"group sex text (2,)\n" + i8(4) + b"male" + i8(6) + b"female")
    )
    assert digest(data) == expected.hexdigest()


def test_the_digest_ignores_memory_layout_and_the_width_of_labels(data):
    same = replace(data, x=np.asfortranarray(data.x), y=data.y.astype(np.uint8))
    assert digest(same) == digest(data)


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.array([[0.0], [0.5]], dtype=np.float32)},
        {"y": np.array([1, 0])},
        {"patient_index": np.array([1, 0])},
        {"record_ids": ("p1", "p3")},
        {"record_ids": ("p1p", "2")},
        {"groups": {"sex": np.array(["male", "male"])}},
        {"groups": {"gender": np.array(["male", "female"])}},
    ],
)
def test_the_digest_changes_with_every_part(data, change):
    assert digest(replace(data, **change)) != digest(data)


def test_a_manifest_says_what_a_site_holds_and_names_nobody(data):
    facts = manifest(PhantomSource(), data)
    assert facts["groups"] == {"sex": {"female": 1, "male": 1}} and facts["sha256"] == digest(data)
    assert (facts["n_patients"], facts["n_rows"], facts["shape"]) == (2, 2, [1])
    assert facts["source"] == "phantom" and facts["synthetic"] is True and facts["feature_names"] == ["age"]
    assert facts["report"] == {
        **{"found": 3, "used": 2, "imputed": {"age": 1}},
        **{"refused": {"no slice": 1}, "notes": ["a note"]},
    }
    text = json.dumps(facts)
    assert "p1" not in text.replace(facts["sha256"], "") and "TCGA" not in text


@pytest.mark.parametrize(
    ("spec", "site"),
    [("heart:{}/heart", "va"), ("lgg:{}/lgg?px=32&slices=2", "fg"), ("phantom:?patients=20", "phantom-3")],
)
def test_two_loads_of_the_same_site_give_the_same_manifest_without_ids(spec, site):
    source = open_source(spec.format(REAL))
    data = source.load(site)
    facts = manifest(source, data)
    assert facts == manifest(source, source.load(site)) == json.loads(json.dumps(facts))
    assert not [record for record in data.record_ids if record in json.dumps(facts)]
    assert sum(facts["groups"]["sex"].values()) == facts["n_patients"] == data.n_patients
    assert site in {known.code for known in source.sites()}


@pytest.mark.parametrize(
    ("spec", "site", "sha256"),
    [
        ("heart:{}/heart", "cleveland", "d79d7f30b8bbcf2ae9e2e3ce5149ecf6a0d6bae51a9860dca932a2fbcbfbf1b6"),
        (
            "phantom:?patients=40&bias=0.5",
            "phantom-2",
            "1fffe4a68bb287a2a52252f248eed8513e5190c3d4a1059fb51757631f990d79",
        ),
    ],
)
def test_arrays_stay_the_same_from_release_to_release(spec, site, sha256):
    """Runs are frozen by these digests. A change of encoding is a change of data and must be meant."""
    source = open_source(spec.format(REAL))
    assert digest(source.load(site)) == sha256
