"""The description of the API: it is current, whole, and its examples are what it says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from drf_spectacular.drainage import GENERATOR_STATS
from jsonschema import Draft202012Validator

from qflethics.api.openapi import PROBLEMS, SECTIONS
from qflethics.api.views import document, document_bytes
from tests.qflethics.test_access_matrix import EXPECTED, patterns

ROOT = Path(__file__).resolve().parents[3]


def operations():
    for path, methods in document()["paths"].items():
        for method, told in methods.items():
            yield f"{method.upper()} {path}", told


def test_the_copy_in_the_repository_is_current():
    assert (ROOT / "clients" / "openapi.json").read_bytes() == document_bytes(), "run `make client`"


def test_nothing_is_guessed_and_nothing_is_named_twice():
    document()
    assert not dict(GENERATOR_STATS._warn_cache) and not dict(GENERATOR_STATS._error_cache)
    ids = Counter(told["operationId"] for _, told in operations())
    assert [name for name, count in ids.items() if count > 1] == []


def test_every_operation_of_the_api_is_described_and_no_other():
    """By the addresses and methods that views answer, less the description itself."""
    served = set()
    for pattern in patterns(get_resolver()):
        view = getattr(pattern.callback, "view_class", None)
        if pattern.name and pattern.name.startswith("api_") and pattern.name not in _DESCRIBING:
            served |= {(pattern.name, method) for method in EXPECTED[pattern.name] if hasattr(view, method.lower())}
    assert len(served) == len(list(operations()))


_DESCRIBING = {"api_schema", "api_docs", "api_docs_section"}


def test_every_operation_says_what_it_is_who_may_and_what_it_answers():
    wrong = []
    for name, told in operations():
        words = told["description"].split("Needs the right")[0].strip()
        public = told["security"] == []
        expected = {"400"} if public else {"400", "401", "403"}
        if not words or not told["summary"]:
            wrong.append(f"{name}: no words")
        if not expected <= set(told["responses"]) or not any(status[0] == "2" for status in told["responses"]):
            wrong.append(f"{name}: {sorted(told['responses'])}")
        if not public and "x-right" not in told and not name.endswith("/me"):
            wrong.append(f"{name}: no right")
        if told["tags"][0] not in SECTIONS:
            wrong.append(f"{name}: section {told['tags']}")
        if name.startswith("GET") and "304" not in told["responses"]:
            wrong.append(f"{name}: no 304")
    assert not wrong, "\n".join(wrong)


def test_it_is_openapi_3_1_with_both_ways_to_sign_in():
    found = document()
    assert found["openapi"].startswith("3.1.")
    assert set(found["components"]["securitySchemes"]) == {"ApiKey", "cookieAuth"}
    assert set(found["components"]["responses"]) == {name for name, _, _ in PROBLEMS.values()}


def test_every_example_is_what_its_schema_says():
    components, wrong, checked = document()["components"], [], 0
    for name, told in operations():
        bodies = [told.get("requestBody", {}), *(told["responses"].values())]
        media = [one for body in bodies for kind, one in body.get("content", {}).items() if "json" in kind]
        for one in media:
            schema = {**one["schema"], "components": components}
            checked += 1
            wrong += [f"{name}: {error.json_path}: {error.message[:120]}"
                      for error in Draft202012Validator(schema).iter_errors(one["example"])]  # fmt: skip
    assert checked > 250 and not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_it_is_served_with_a_tag_and_read_by_people():
    first = Client().get(reverse("api_schema"))
    assert json.loads(first.content)["info"]["title"] == "QFL-ETHICS"
    assert Client().get(reverse("api_schema"), headers={"If-None-Match": first["ETag"]}).status_code == 304
    page = Client().get(reverse("api_docs"))
    assert page.status_code == 200 and b"problem-precondition_failed" in page.content
    assert all(f"/docs/{section}".encode() in page.content for section in SECTIONS)
    for section in SECTIONS:
        shown = Client().get(reverse("api_docs_section", args=[section]))
        assert shown.status_code == 200 and len(shown.content) < 200_000, section
    assert Client().get(reverse("api_docs_section", args=["nothing"])).status_code == 404
