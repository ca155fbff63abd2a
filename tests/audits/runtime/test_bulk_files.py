"""What a file of cases says: no cell means two things, no row shifts, and no row takes the others with it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.urls import reverse

from audits.runtime import bulk
from audits.runtime.bulk_files import MAX_BRACKETS
from audits.runtime.declared import declared_by
from audits.runtime.models import Prediction
from audits.runtime.models_bulk import BulkPrediction
from tests.audits.runtime.conftest import case
from tests.audits.runtime.test_bulk import HEAD, rows_of, table, work
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
AGED = "event_key,patient,age,b,c,d"  # the feature `age` is scaled: (years - 20) / 60


@pytest.fixture
def adults(world, monkeypatch):
    """A deployment for people of 18 and more, of a version with a feature `age`."""
    monkeypatch.setattr(bulk, "declared_by", lambda v: replace(declared_by(v), feature_names=("age", "b", "c", "d")))
    return make_deployment(world, policy={"age": [18, 90]})


def test_a_feature_named_age_is_never_taken_for_the_age_in_years(start, adults):
    made = work(start(f"{AGED}\ne1,p1,0.5,0,0,0\n".encode(), to=adults))
    assert (made.predicted, made.refused) == (0, 1)
    assert "age: this deployment is approved for ages 18 to 90 years, got none" in rows_of(made)[0]["problem"]


def test_nobody_comes_into_the_scope_by_a_scaled_age(start, world, adults):
    children = make_deployment(world, policy={"age": [0, 17]}, version=adults.version, name="Children")
    made = work(start(f"{AGED},scope_age\ne1,p1,1.0,0,0,0,80\ne2,p2,1.0,0,0,0,\n".encode(), to=children))
    assert (made.predicted, made.refused) == (0, 2)


def test_the_age_in_years_has_a_column_of_its_own(start, adults):
    made = work(start(f"{AGED},scope_age\ne1,p1,0.5,0,0,0,50\ne2,p2,0.5,0,0,0,12\n".encode(), to=adults))
    assert [row["state"] for row in rows_of(made)] == ["predicted", "refused"]
    assert "got 12.0" in rows_of(made)[1]["problem"]


@pytest.mark.parametrize("columns", ["age,device,use", "scope_age,scope_device,scope_use"])
def test_without_such_a_feature_the_plain_names_will_do(start, world, columns):
    policy = {"age": [18, 90], "devices": ["Scan One"], "regulatory": "marked"}
    limited = make_deployment(world, policy=policy)
    made = work(start(f"{HEAD.strip()},{columns}\ne1,p1,female,0,0,0,0,50,Scan One,care\n".encode(), to=limited))
    assert (made.state, made.predicted) == ("finished", 1)


def test_a_record_a_line_says_its_age_in_years_beside_its_features(start, adults):
    lines = [case("a", age=50), case("b", age=0.5)]
    made = work(start("\n".join(map(json.dumps, lines)).encode(), "cases.jsonl", to=adults))
    assert [row["state"] for row in rows_of(made)] == ["predicted", "refused"]


@pytest.mark.parametrize(
    ("head", "twice"),
    [(f"{HEAD.strip()},a", "a"), (f"{HEAD.strip()},age,scope_age", "age, scope_age"), (f"{HEAD.strip()},sex", "sex")],
)
def test_a_column_that_comes_twice_is_refused(start, head, twice):
    with pytest.raises(bulk.ApplicationError, match=f"each column once, got more than one of {twice}"):
        start(f"{head}\n".encode())
    assert not BulkPrediction.objects.exists()


def test_a_row_with_a_cell_too_many_or_too_few_is_refused_and_shifts_nothing(start):
    rows = ["e7,Smith, John,female,0.1,0.5,0.3,0.9", "e8,p8,0.1,0.5,0.3,0.9", "", "e9,p9,female,0.1,0.5,0.3,0.9"]
    made = work(start(table(1, *rows)))
    assert [row["state"] for row in rows_of(made)] == ["predicted", "refused", "refused", "predicted"]
    assert "expected 7 cells as the first line has, got 8" in rows_of(made)[1]["problem"]
    assert "got 6" in rows_of(made)[2]["problem"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ('"features": [NaN, 0, 0, 0]', "finite numbers"),
        ('"features": [1e999, 0, 0, 0]', "finite numbers"),
        ('"features": [-Infinity, 0, 0, 0]', "finite numbers"),
        ('"features": [0, 0, 0, 0], "use": "\\ud800"', "half of a surrogate pair"),
        ('"features": [0, 0, 0, 0], "\\udfff": 1', "half of a surrogate pair"),
        (f'"features": [1{"0" * 400}, 0, 0, 0]', "out of range"),
        (f'"features": {"[" * (MAX_BRACKETS - 1)}{"]" * (MAX_BRACKETS - 1)}', "features"),
    ],
    ids=["nan", "overflow", "infinity", "surrogate", "surrogate-key", "large", "deep"],
)
def test_a_line_that_json_cannot_say_is_refused_alone(start, bad, words):
    lines = [json.dumps(case("a")), f'{{"event_key": "bad", "patient": "p", {bad}}}', json.dumps(case("b"))]
    made = work(start("\n".join(lines).encode(), "cases.jsonl"))
    assert (made.state, made.predicted, made.refused, made.why) == ("finished", 2, 1, "")
    assert [row["state"] for row in rows_of(made)] == ["predicted", "refused", "predicted"]
    assert words in rows_of(made)[1]["problem"].lower()


def test_a_file_of_such_lines_alone_is_answered_too(start):
    made = work(start(b'{"event_key": NaN}\n{"event_key": NaN}\n', "cases.jsonl"))
    assert (made.state, made.done, made.refused) == ("finished", 2, 2)
    assert len(rows_of(made)) == 2 and not Prediction.objects.exists()


def test_a_line_ends_where_json_says_so(start):
    """U+2028 may stand in a text."""
    line = json.dumps(case("a", attributes={"sex": "fe\u2028male"}), ensure_ascii=False)
    made = work(start(f"{line}\r\n".encode(), "cases.jsonl"))
    assert (made.state, made.predicted) == ("finished", 1)


def test_the_page_tells_the_columns_and_their_units(deployment, clinician, client_of):
    page = client_of(clinician).get(reverse("bulk_predictions", args=[deployment.id])).content.decode()
    assert "if wished sex, scope_age, scope_device, scope_use" in page
    assert "in years, never scaled" in page
