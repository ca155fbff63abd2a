import json

import pytest

from audits.runtime.models import Prediction
from audits.runtime.scope import SiteOutOfScope, refuse_site, refused_of
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db


@pytest.fixture
def south(world, caller_class):
    return caller_class(world.people.south, world.people.administrator)


def counts(deployment) -> dict[tuple[str, str], int]:
    return {(row.site, row.limit): row.count for row in refused_of(deployment)}


def test_without_limits_nothing_is_asked_for(deployment, north, cases):
    assert north.post(deployment, "predictions", {"records": [cases("a")]}).status_code == 200
    assert counts(deployment) == {}


def test_a_site_outside_of_the_approval_is_refused_and_counted(world, north, south, cases):
    limited = make_deployment(world, policy={"sites": ["south"]})
    assert south.post(limited, "predictions", {"records": [cases("s")]}).status_code == 200
    for _ in range(2):
        answer = north.post(limited, "predictions", {"records": [cases("a")]})
        assert answer.status_code == 403
        told = answer.json()
        assert (told["code"], told["limit"], told["expected"], told["got"]) == (
            "out_of_scope", "site", ["south"], "north",
        )  # fmt: skip
    assert Prediction.objects.count() == 1
    assert counts(limited) == {("north", "Site"): 2}


def test_an_in_house_device_serves_only_the_sites_that_trained_it(world, north, cases):
    limited = make_deployment(world, policy={"regulatory": "in_house"})
    assert north.post(limited, "predictions", {"records": [cases("a", use="care")]}).status_code == 200
    limited.version.manifests = {"north": "f" * 64}  # as if south had not taken part in the training
    refuse_site(limited, "north")
    with pytest.raises(SiteOutOfScope, match="only the sites that trained it"):
        refuse_site(limited, "south")


# policy, fields of the record, what the refusal names (None: it is served)
LIMITS = [
    ({"age": [18, 65]}, {"age": 18}, None),
    ({"age": [18, 65]}, {"age": 65.9}, None),
    ({"age": [18, 65]}, {"age": 66}, ("age", "18 to 65 years, got 66")),
    ({"age": [18, 65]}, {"age": 17.5}, ("age", "got 17.5")),
    ({"age": [18, 65]}, {}, ("age", "got none")),
    ({"devices": ["Scan One", "Scan Two"]}, {"device": "Scan Two"}, None),
    ({"devices": ["Scan One", "Scan Two"]}, {"device": "scan two"}, ("device", "Scan One, Scan Two, got 'scan two'")),
    ({"devices": ["Scan One"]}, {}, ("device", "got none")),
    ({"regulatory": "investigational"}, {"use": "study"}, None),
    ({"regulatory": "investigational"}, {"use": "care"}, ("use", "for research or study, got 'care'")),
    ({"regulatory": "marked"}, {"use": "care"}, None),
    ({"regulatory": "marked"}, {}, ("use", "got none")),
]


@pytest.mark.parametrize(("policy", "fields", "refusal"), LIMITS)
def test_a_record_outside_is_refused_by_what_was_expected_and_what_came(world, north, cases, policy, fields, refusal):
    limited = make_deployment(world, policy=policy)
    answer = north.post(limited, "predictions", {"records": [cases("a", **fields)]})
    if refusal is None:
        assert answer.status_code == 200, answer.content
        return
    name, words = refusal
    assert answer.status_code == 422
    assert answer.json()["code"] == "out_of_scope"
    assert answer.json()["records"][0]["field"] == name
    assert words in answer.json()["records"][0]["message"]
    assert Prediction.objects.count() == 0
    assert counts(limited) == {("north", name.capitalize()): 1}


def test_research_only_is_served_in_shadow_for_research(world, north, cases):
    shadow = make_deployment(world, kind="shadow", policy={"regulatory": "research"})
    assert north.post(shadow, "predictions", {"records": [cases("a", use="study")]}).status_code == 422
    served = north.post(shadow, "predictions", {"records": [cases("a", use="research")]})
    assert (served.status_code, served.json()["regulatory"]) == (200, "research")


def test_all_records_outside_are_named_and_counted_and_the_good_one_is_not_served(world, north, cases):
    limited = make_deployment(world, policy={"age": [18, 65], "devices": ["Scan One"]})
    records = [
        cases("a", age=30, device="Scan One"), cases("b", age=3, device="Scan One"), cases("c", age=4, device="X"),
    ]  # fmt: skip
    answer = north.post(limited, "predictions", {"records": records})
    assert [(row["record"], row["field"]) for row in answer.json()["records"]] == [
        (1, "age"),
        (2, "age"),
        (2, "device"),
    ]
    assert counts(limited) == {("north", "Age"): 2, ("north", "Device"): 1}
    assert Prediction.objects.count() == 0


def test_an_answer_names_the_first_records_with_all_that_is_wrong_and_counts_each_record_once(world, north, cases):
    limited = make_deployment(world, policy={"age": [18, 65], "devices": ["Scan One"]})
    told = north.post(limited, "predictions", {"records": [cases(f"e{i}", age=3) for i in range(30)]}).json()
    assert [row["record"] for row in told["records"]] == [i for i in range(20) for _ in range(2)]
    assert "(29 more records are refused.)" in told["message"]
    assert counts(limited) == {("north", "Age"): 30, ("north", "Device"): 30}


def test_age_device_and_use_are_not_stored(world, north, cases):
    limited = make_deployment(world, policy={"age": [18, 65], "devices": ["Scan One"]})
    north.post(limited, "predictions", {"records": [cases("a", age=47, device="Scan One")]})
    row = Prediction.objects.get()
    assert "Scan One" not in json.dumps([row.attributes, row.warnings])
