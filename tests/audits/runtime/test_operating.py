import numpy as np
import pytest

from audits.domain.robustness.operating_range import OperatingRange, Place, image_figures, place_of
from audits.runtime import operating as gateway_operating
from audits.runtime.declared import Declared
from audits.runtime.operating import Operating
from tests.factories.registry import make_deployment, make_version

TABLE = Declared("classification", ((4,),), ("a", "b", "c", "d"), {})
IMAGES = Declared("segmentation", ((1, 4, 4),), ("flair",), {})


def judge(ranges, declared, x):
    return gateway_operating.judge(ranges, declared, gateway_operating.inputs_of_case(declared, x))


RANGES = {"a": (0.1, 0.9), "b": (0.2, 0.4), "c": (0.0, 1.0), "d": (0.5, 0.6)}


# Values of a, b, c, d; where the case lies; which inputs are named.
TABLE_CASES = [
    ([0.5, 0.3, 0.5, 0.55], Place.INSIDE, []),
    ([0.1, 0.4, 0.0, 0.6], Place.INSIDE, []),  # the ends belong to the range
    ([0.95, 0.3, 0.5, 0.55], Place.OUTSIDE, ["a"]),  # 1 of 4 inputs, 0.05 beyond a range of 0.8
    ([0.5, 0.3, 0.5, 0.65], Place.OUTSIDE, ["d"]),  # 0.05 beyond a range of 0.1
    ([0.5, 0.3, 0.5, 0.75], Place.FAR, ["d"]),  # 0.15 beyond a range of 0.1
    ([0.05, 0.45, 0.5, 0.55], Place.FAR, ["a", "b"]),  # 2 of 4 inputs
]


@pytest.mark.parametrize(("values", "place", "named"), TABLE_CASES)
def test_a_row_of_a_table_lies_inside_outside_or_far(values, place, named):
    found = judge(Operating(1, RANGES), TABLE, np.array([values], dtype=np.float32))
    assert found.place is place
    assert [line.split(":")[0] for line in found.warnings if line.startswith("features.")] == [
        f"features.{name}" for name in named
    ]
    assert any(line.startswith("out of distribution") for line in found.warnings) == (place is Place.FAR)


def test_of_patients_like_those_trained_on_few_are_called_out_of_distribution():
    """8 independent inputs, 5,000 new patients of the same kind: 15 % have one input outside, 1 % are called far."""
    rng = np.random.default_rng(3)
    trained = OperatingRange.of(rng.uniform(0.2, 0.8, (500, 8)))
    places = [place_of(row, trained.low, trained.high) for row in rng.uniform(0.2, 0.8, (5000, 8))]
    assert places.count(Place.FAR) / 5000 < 0.01
    other = [place_of(row, trained.low, trained.high) for row in rng.uniform(0.6, 1.2, (500, 8))]
    assert other.count(Place.FAR) / 500 > 0.95


@pytest.mark.parametrize("ranges", [{}, {"another": (0.0, 1.0)}])
def test_without_a_range_nothing_is_claimed(ranges):
    operating = Operating(1, ranges)
    assert judge(operating, TABLE, np.full((1, 4), 99, dtype=np.float32)).place is Place.UNKNOWN
    told = operating.told(TABLE)
    assert told["measured"] is False and "operating range not measured" in told["note"]


def test_a_range_of_some_inputs_is_used_for_those_and_the_rest_is_said():
    operating = Operating(3, {"a": (0.1, 0.9), "b": (0.2, 0.4)})
    assert judge(operating, TABLE, np.array([[0.5, 0.3, 99, 99]], dtype=np.float32)).place is Place.INSIDE
    told = operating.told(TABLE)
    assert (told["measured"], told["inputs"], told["card_edition"]) == (True, 2, 3)
    assert told["note"] == "operating range not measured for 2 of 4 inputs"


def test_an_image_is_held_against_the_intensities_of_its_channels():
    ranges = {"flair, mean": (0.2, 0.6), "flair, spread": (0.0, 0.3), "flair, brightest": (0.3, 1.0)}
    grey = np.full((2, 1, 4, 4), 0.4, dtype=np.float32)
    assert judge(Operating(1, ranges), IMAGES, grey).place is Place.INSIDE
    black = judge(Operating(1, ranges), IMAGES, np.zeros((2, 1, 4, 4), dtype=np.float32))
    assert black.place is Place.FAR  # mean and brightest of three
    assert black.warnings[0] == "image.flair, mean: 0 is outside the operating range 0.2 to 0.6"
    assert image_figures(grey) == pytest.approx([0.4, 0.0, 0.4])


def test_many_inputs_outside_are_counted_not_listed():
    names = tuple(f"f{i}" for i in range(12))
    wide = Declared("classification", ((12,),), names, {})
    found = judge(Operating(1, dict.fromkeys(names, (0.4, 0.6))), wide, np.zeros((1, 12), dtype=np.float32))
    assert found.warnings[5] == "features: 7 more are outside the operating range"


@pytest.fixture
def ranged(world):
    """A deployment whose approved card carries an operating range."""
    from federation.domain.messages import digest
    from models_registry import services

    version = make_version(world)
    rows = [{"input": name, "low": low, "high": high} for name, (low, high) in RANGES.items()]
    checks = [{"title": "LIME", "principle": "transparency", "verdict": "pass", "sentence": "It explains itself."}]
    summary = {"checks": checks, "boundaries": {"sentence": "Tested.", "cells": [], "ranges": rows, "digest": "d"}}
    services.evidence_record(
        version=version, kind="predeployment_audit", source_id=version.id, verdict="pass", digest=digest(summary),
        summary=summary,
    )  # fmt: skip
    return make_deployment(world, version=version)


@pytest.mark.django_db
def test_an_answer_says_where_each_case_lies_and_links_what_explains_it(ranged, north, cases, world, client_of):
    records = [cases("in", features=[0.5, 0.3, 0.5, 0.55]), cases("out", features=[0.5, 0.3, 0.5, 0.99])]
    body = north.post(ranged, "predictions", {"records": records}).json()
    assert body["operating_range"] == {"measured": True, "card_edition": body["model"]["card"]["edition"], "inputs": 4}
    inside, outside = body["predictions"]
    assert (inside["range"], inside["warnings"]) == ("inside", [])
    assert outside["range"] == "out_of_distribution"
    assert outside["warnings"][0] == "features.d: 0.99 is outside the operating range 0.5 to 0.6"
    page = client_of(world.people.clinician).get(outside["explanation"])
    assert page.status_code == 200
    text = page.content.decode()
    for expected in ("0.99 is outside the operating range", "It explains itself.", "Model card, edition"):
        assert expected in text


@pytest.mark.django_db
def test_an_answer_without_a_measured_range_says_so(deployment, north, cases):
    body = north.post(deployment, "predictions", {"records": [cases("a")]}).json()
    assert body["operating_range"]["measured"] is False
    assert body["operating_range"]["note"].startswith("operating range not measured")
    assert body["predictions"][0]["range"] == "not_measured"
