"""What makes the description of the API whole: every status, the problems, validators, examples, sections.

A hook of drf-spectacular: views say what is theirs alone, and here stands what holds for all.
"""

from __future__ import annotations

import json
from typing import Any

from core.api.problems import MEDIA_TYPE, TITLES
from qflethics.api.examples import example_of, named_examples

_PREFIX = "/api/v1/"
_WRITES = {"post", "put", "patch", "delete"}
SECTIONS = {
    "me": "Who asks, what they may, and what they chose: inbox, preferences, saved views, invitations.",
    "home": "What waits for you.",
    "search": "Everything that you may open, by words, number, digest or identifier.",
    "people": "Who is on the platform, and who is invited.",
    "identity-providers": "Sign-in services of institutions.",
    "emergencies": "Emergency access of two people.",
    "api-keys": "Keys of machines.",
    "federations": "Federations, their sites, agreements, budgets, quantum keys and invitations.",
    "site-passes": "Certificates of hospitals' machines.",
    "invitations": "Invitations to hospitals.",
    "runs": "Training runs: terms, consents, control, events, comparison.",
    "reconsiderations": "What a run learned from data that are lent no more.",
    "quantum": "Quantum devices, orders, limits and consents.",
    "models": "Models.",
    "versions": "Versions of models, their cards and exports.",
    "approval-requests": "Approvals: requests, statements, decisions, comments.",
    "approval-keys": "Keys with which people sign decisions.",
    "approval-delegations": "Who decides in an absent officer's place.",
    "audits": "Audits before deployment.",
    "external-audits": "Audits by outside boards.",
    "audit-policies": "What audits follow.",
    "deployments": "Deployments: predictions, outcomes, monitor, halts, reinstatement.",
    "prediction-files": "Files of cases that are predicted in the background.",
    "reinstatements": "Evidence of votes.",
    "appeals": "Appeals against predictions.",
    "incidents": "Incidents, clocks of the law, look-backs.",
    "notices": "Notices to people.",
    "webhooks": "Systems that are told.",
    "reports": "Periodic reports.",
    "samples": "External auditors' samples, and what was found in them.",
    "board-reviews": "Reviews by the board.",
    "board-findings": "Following up what a board found.",
    "controls": "Frameworks of controls and their evidence coverage.",
    "risks": "The register of risks.",
    "ledger": "The transparency log, its proofs, anchors and decisions on the chain.",
    "public-cards": "Published model cards, for everybody.",
    "protection": "Data protection: record of processing, impact assessments, patients' requests, breaches, retention.",
    "patient-erasures": "Erasure of patients.",
    "factor-resets": "Lost second factors.",
}
# Status -> name of the component, the code in its example, and what was expected, what came and what to do.
PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("Invalid", "invalid", "The request has invalid fields: rounds: Ensure this value is less than or equal to "
          "200. Mend them and send it again."),
    401: ("NotAuthenticated", "not_authenticated", "Expected a signed-in session or `Authorization: Api-Key qfl_…`, "
          "got neither. Sign in, or ask an administrator for a key."),
    403: ("Forbidden", "permission_denied", "Expected the right run.start (Administrator). Your roles: Auditor. An "
          "administrator can change that."),
    404: ("NotFound", "not_found", "There is no such thing, or none within your reach. Check the address; the list "
          "above it shows what you may see."),
    409: ("Conflict", "conflict", "This run is finished; only a proposed or approved one can be started."),
    412: ("PreconditionFailed", "precondition_failed", "/api/v1/incidents/0191… has changed since you read it, so "
          "nothing was done. `current` is how it stands now: put your change on top of that, and send it again with "
          "the tag in `etag` as If-Match."),
    413: ("TooLarge", "too_large", "The request is larger than the 32 MiB that are read at once; send fewer records."),
    415: ("UnsupportedMediaType", "unsupported_media_type", "Expected Content-Type application/json, got text/plain."),
    422: ("BadRecords", "bad_records", "2 of 100 records cannot be taken; `records` says which and why. Nothing was "
          "stored."),
    423: ("Halted", "halted", "This deployment is halted: nothing is served until two officers reinstate it."),
    429: ("TooManyRequests", "throttled", "Request was throttled. Expected available in 60 seconds."),
    503: ("Unavailable", "unavailable", "Nothing can be served just now; try again in a few seconds."),
}  # fmt: skip
_PROBLEM = {
    "type": "object",
    "description": "An error, as RFC 9457 has it. Some have more fields, which help to mend it.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained."},
        "title": {"type": "string", "description": "What the code means."},
        "status": {"type": "integer", "description": "The status of the answer."},
        "detail": {"type": "string", "description": "What was expected, what came and what to do."},
        "code": {"type": "string", "description": "For programs."},
        "message": {"type": "string", "description": "The same as `detail`, for older clients.", "deprecated": True},
        "instance": {"type": "string", "description": "The address that was asked."},
        "request_id": {"type": "string", "description": "Tell it to the operator."},
        "fields": {"description": "Of invalid fields: what is wrong with each."},
        "etag": {"type": "string", "description": "With 412: the present tag."},
        "current": {"description": "With 412: how the thing stands now."},
    },
}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Finish the document, in place. Called by drf-spectacular."""
    result = _anything(_plain_names(result))
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["responses"] = {name: _component(status) for status, (name, _, _) in PROBLEMS.items()}
    _authentication(components)
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            _finish(path, method, operation, components)
    known = {path.removeprefix(_PREFIX).split("/")[0] for path in result["paths"]}
    result["tags"] = [{"name": name, "description": words} for name, words in SECTIONS.items() if name in known]
    result["servers"] = [{"url": "/", "description": "This platform."}]
    return result


def _plain_names(result: dict[str, Any]) -> dict[str, Any]:
    """`RunInputRequest` is `RunInput`: requests have names of their own already."""
    schemas = result.get("components", {}).get("schemas", {})
    text = json.dumps(result, default=str)
    for name in sorted(schemas, key=len, reverse=True):
        plain = name.removesuffix("Request")
        if plain != name and plain not in schemas:
            text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{plain}"')
            text = text.replace(f'"{name}": {{"type"', f'"{plain}": {{"type"', 1)
    return json.loads(text)


def _anything(value: Any) -> Any:
    """JSON that may be null is simply anything: `oneOf` of anything and null is true of nothing that is null."""
    if isinstance(value, list):
        return [_anything(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("oneOf") == [{}, {"type": "null"}]:
        return {name: inner for name, inner in value.items() if name != "oneOf"}
    return {name: _anything(inner) for name, inner in value.items()}


def _component(status: int) -> dict[str, Any]:
    _, code, detail = PROBLEMS[status]
    shown = {
        "type": f"/api/v1/docs#problem-{code}", "title": TITLES.get(code, "Not now"), "status": status,
        "detail": detail, "code": code,
    }  # fmt: skip
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": shown}}
    return {"description": TITLES.get(code, "Not now") + ".", "content": content}


def _authentication(components: dict[str, Any]) -> None:
    schemes = components.setdefault("securitySchemes", {})
    schemes["cookieAuth"] = {
        "type": "apiKey", "in": "cookie", "name": "sessionid",
        "description": "The session of a signed-in person. Writes need the header `X-CSRFToken` besides. Decisions are "
        "people's: a key reads, and records what a clinical system knows.",
    }  # fmt: skip


def _finish(path: str, method: str, operation: dict[str, Any], components: dict[str, Any]) -> None:
    section = path.removeprefix(_PREFIX).split("/")[0]
    operation["tags"] = [section]
    words = operation.get("description", "").strip()
    operation["summary"] = words.split("\n")[0].split(". ")[0].removesuffix(".")
    more = set(operation.pop("x-may-answer", ()))
    if not operation.get("security"):
        operation["security"] = []
    for status in sorted(_statuses(path, method, operation) | more):
        operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{PROBLEMS[status][0]}"})
    _validators(method, operation)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    _examples(operation, components)


def _statuses(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    found = {400}
    if operation["security"]:
        found |= {401, 403}
    if "{" in path or operation.get("requestBody"):
        found.add(404)
    if method in _WRITES:
        found |= {409, 412}
    if operation.get("requestBody"):
        found |= {413, 415}
    return found


def _validators(method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    string = {"type": "string", "maxLength": 200}
    if method in _WRITES:
        words = "The tag of what you read, of the nearest address upward that can be read. 412 if it has changed."
        parameters.append(
            {"name": "If-Match", "in": "header", "required": False, "schema": string, "description": words}
        )
        return
    words = "The tag that you have. 304 if nothing has changed."
    parameters.append(
        {"name": "If-None-Match", "in": "header", "required": False, "schema": string, "description": words}
    )
    operation["responses"]["200"].setdefault("headers", {})["ETag"] = {
        "schema": {"type": "string"}, "description": "Of the answer as you get it."
    }  # fmt: skip
    operation["responses"]["304"] = {"description": "Nothing has changed since the tag in If-None-Match."}


def _examples(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """One for each body of a request and each answer; those that people wrote first."""
    own = named_examples(operation["operationId"])
    body = operation.get("requestBody")
    for kind, media in (body or {}).get("content", {}).items():
        written = own.get("request")
        if written and "ndjson" in kind:
            written = written["records"][0]  # a record a line
        media.setdefault("example", written or example_of(media["schema"], components))
    for status, response in operation["responses"].items():
        for kind, media in response.get("content", {}).items():
            if status.startswith("2") and "json" in kind and "example" not in media:
                media["example"] = own.get("response") or example_of(media["schema"], components)
    for parameter in operation["parameters"]:
        if parameter["in"] in {"path", "query"} and "example" not in parameter:
            parameter["example"] = example_of(parameter["schema"], components, name=parameter["name"])
