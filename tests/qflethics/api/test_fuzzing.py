"""schemathesis asks every operation of the description, as every role and with every role's key.

Nothing may answer 5xx, a status or a type of content that the description does not name, or a body of another shape
than it says. Few examples each, from a fixed seed; each request is undone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import InvalidArgument, Unsatisfiable
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from core.api.problems import MEDIA_TYPE
from core.roles import MATRIX, Role
from qflethics.api.views import document
from tests.factories.everything import PERSON_OF, Everything, add_the_rest, key_of, make_everything

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
CHECKS = [checks.content_type_conformance, checks.response_schema_conformance]
EXAMPLES = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}
QUIET = settings(
    derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


class Asker:
    """Somebody who asks: a signed-in person, or a machine with that role's key."""

    def __init__(self, name: str, role: Role, client: Client, secret: str = "") -> None:
        self.name, self.role, self.client = name, role, client
        self.headers = {"Authorization": f"Api-Key {secret}"} if secret else {}

    def ask(self, case: Any) -> tuple[Any, Response]:
        sent = requests.Request(**_arguments(case)).prepare()
        headers = {name: value for name, value in sent.headers.items() if name.lower() not in _OWN}
        path = sent.path_url.encode("latin-1", "replace").decode("latin-1")
        body = sent.body if isinstance(sent.body, bytes) else (sent.body or "").encode()
        with transaction.atomic():
            answer = self.client.generic(
                sent.method, path, body, content_type=sent.headers.get("Content-Type", ""),
                headers={**headers, **self.headers},
            )  # fmt: skip
            transaction.set_rollback(True)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        told = {name.lower(): [value] for name, value in answer.headers.items()}
        return answer, Response(answer.status_code, told, content, sent, elapsed=0.0, verify=False)


_SENT = ("method", "url", "headers", "params", "json", "data", "files")
_OWN = {"authorization", "cookie", "content-length", "content-type", "host"}


def _arguments(case: Any) -> dict[str, Any]:
    found = case.as_transport_kwargs(base_url="http://testserver")
    return {
        name: found[name] for name in ("method", "url", "headers", "params", "json", "data", "files") if name in found
    }


@pytest.fixture
def everything() -> Everything:
    made = make_everything()
    add_the_rest(made)
    return made


@pytest.fixture
def askers(everything: Everything) -> list[Asker]:
    found = []
    for role, who in PERSON_OF.items():
        browser = Client(raise_request_exception=False)
        browser.force_login(getattr(everything.people, who), backend=BACKEND)
        found.append(Asker(who, role, browser))
        machine = Client(raise_request_exception=False)
        found.append(Asker(f"the key of {role}", role, machine, key_of(role, everything.people)))
    return found


def test_no_answer_is_a_failure_or_undocumented(everything, askers, settings):
    settings.PUBLIC_REQUESTS_PER_MINUTE = 10**6
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document(), default=str)))
    wrong: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    for result in schema.get_all_operations():
        for told in problems_of(result.ok(), everything, askers, statuses):
            wrong.setdefault(told.split(" as ")[0] + told.split(": ", 1)[1][:60], told)
    assert not wrong, f"{len(wrong)} problems\n" + "\n".join(wrong.values())
    assert {200, 201, 400, 403, 404, 409} <= set(statuses) and statuses[200] > 400, statuses


def problems_of(operation: Any, everything: Everything, askers: list[Asker], statuses: Counter[int]) -> Iterator[str]:
    """The first request is sent by everybody, the others by two who may: a person and a key."""
    allowed = MATRIX.get(operation.definition.raw.get("x-right", ""), frozenset(Role))
    may = [asker for asker in askers if asker.role in allowed][:2]
    names = [one.name for one in operation.path_parameters]
    there = everything.path_parameters(operation.path, names)
    for mode, count in EXAMPLES.items():
        for number, case in enumerate(cases_of(operation, mode, there, count)):
            first = number == 0 and mode is GenerationMode.POSITIVE
            for asker in askers if first else may:
                yield from wrong_with(case, asker, mode, statuses)


def cases_of(operation: Any, mode: GenerationMode, there: dict[str, Any], count: int) -> list[Any]:
    """Generated first, then sent: what is asked must not depend on what was answered."""
    found: list[Any] = []
    fixed = {"path_parameters": {name: str(value) for name, value in there.items()}} if there else {}
    full = len(there) == len(list(operation.path_parameters))

    @settings(QUIET, max_examples=count)
    @given(case=operation.as_strategy(generation_mode=mode, **(fixed if full else {})))
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except (Unsatisfiable, InvalidArgument):
        assert mode is GenerationMode.NEGATIVE, f"nothing valid can be made for {operation.label}"
    return found[:count]


def wrong_with(case: Any, asker: Asker, mode: GenerationMode, statuses: Counter[int]) -> Iterator[str]:
    """What an answer must not be. Answers that are no errors are held against the description by schemathesis."""
    answer, told = asker.ask(case)
    statuses[answer.status_code] += 1
    if answer.status_code == 405 and mode is GenerationMode.NEGATIVE:
        return  # another method than the operation's, which is no answer of it
    documented, said = case.operation.definition.raw["responses"], ""
    if answer.status_code >= 500 and str(answer.status_code) not in documented:
        said = "a failure"
    elif str(answer.status_code) not in documented:
        said = f"documented are {sorted(documented)}"
    elif answer.status_code >= 400:
        said = "" if answer["Content-Type"] == MEDIA_TYPE and answer.json()["detail"] else "no problem document"
    else:
        try:
            case.validate_response(told, checks=CHECKS)
        except (AssertionError, BaseExceptionGroup) as error:
            said = " ".join(str(one) for one in getattr(error, "exceptions", [error]))
    if said:
        sent = f"{case.path_parameters} {case.query} {str(case.body)[:300]}"
        words = f"{answer.status_code}, {said} | {told.content[:300]!r} | {sent}"
        yield f"{case.operation.label} as {asker.name}: {' '.join(words.split())[:900]}"
