"""Examples of the description: written by hand where a request says something, else made from the shape.

What is made is the same each time, and is checked against its own schema by a test.
"""

from __future__ import annotations

from typing import Any

_ID = "0191f0a4-5b1c-7c3e-9d2f-3a4b5c6d7e8f"
_BY_FORMAT: dict[str, Any] = {
    "uuid": _ID,
    "date": "2026-07-01",
    "date-time": "2026-07-01T09:30:00Z",
    "uri": "https://qfl.example/api/v1/runs?limit=50&offset=50",
    "email": "board@ethics.example",
    "decimal": "12.50",
    "double": 0.5,
    "binary": "…",
}
_BY_NAME: dict[str, Any] = {
    "reason": "The bias score of site north rose above the threshold.",
    "text": "Read again by two people; nothing was missed.",
    "name": "Lesions, second attempt",
    "detail": "Due by 14 July.",
    "site": "north",
    "state": "open",
    "sentence": "The largest gap between groups is 0.04 (0.02 to 0.07).",
    "event_key": "case-2026-0417",
    "weights_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "kind": "pdf",
    "key": "eu-ai-act",
    "control": "art-14",
    "object_id": _ID,
    "check_id": "bias_score",
}
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_OWN: dict[str, dict[str, Any]] = {
    "federations_runs_create": {
        "request": {
            "name": "Lesions, second attempt", "rounds": 5, "seed": 1, "strategy": "fedavg",
            "privacy": {"regime": "per_site", "epsilon": 1.0, "delta": 1e-5, "clip": 1.0},
        }
    },
    "runs_consents_create": {"request": {"decision": "given", "reason": "Covered by ethics approval 2026-114."}},
    "approval_requests_create": {
        "request": {"version": _ID, "kind": "shadow", "justification": "The audit is inconclusive: shadow use only."}
    },
    "approval_requests_decisions_create": {
        "request": {"decision": "approve", "reason": "Audit and card agree.", "password": "correct horse battery"}
    },
    "halt_create": {"request": {"reason": "Two missed lesions reported by site north this morning.", "site": ""}},
    "outcomes_create": {"request": {"records": [{"event_key": "case-2026-0417", "label": 1}]}},
    "events_create": {
        "request": {
            "records": [
                {"event_key": "case-2026-0417", "patient": "4711", "at": "2026-07-01T09:30:00+02:00", "score": 0.83}
            ]
        }
    },
    "processing_note_save": {
        "request": {"revision": 0, "texts": {"controller": "Hospital North", "legal_basis": "Art. 9(2)(h)"}}
    },
    "assessment_save": {
        "request": {"revision": 1, "sections": {"description": "The model marks scans that a radiologist reads first."}}
    },
    "breach_open": {
        "request": {
            "institution": "north", "aware_at": "2026-07-01T09:30:00Z", "persons": 40, "personal_data": True,
            "nature": "A laptop with case numbers was lost on a train; its disk is encrypted.",
        }
    },
    "breach_answer": {
        "request": {
            "answer": "notified", "duty": "gdpr_33", "done_at": "2026-07-02T16:00:00Z",
            "text": "Told to the authority under its number 2026-88.",
        }
    },
    "subject_request_record": {
        "request": {
            "institution": "north", "kind": "access", "reference": "DP-2026-31", "patient": "4711",
            "received_on": "2026-07-01", "text": "By letter.",
        }
    },
    "subject_step": {"request": {"step": "confirm", "text": "Identity card seen at the front desk."}},
    "retention_rule_set": {
        "request": {"days": 3653, "legal_basis": "Sec. 630f(3) BGB", "reason": "Our records office asks for ten years."}
    },
    "hold_place": {
        "request": {"record_class": "", "ends_on": "2026-12-31", "reason": "Regional court, matter 4 O 12/26."}
    },
    "sample_draw": {"request": {"kind": "controls", "wanted": 40, "words": "Dice: 3 6 1 4 4 2"}},
    "sample_find": {"request": {"finding": "minor", "text": "The risk file was last read fourteen months ago."}},
    "emergency_request": {
        "request": {
            "institution": "north", "password": "correct horse battery",
            "reason": "The model marks every scan as clear, and no officer answers since 02:10.",
        }
    },
    "emergency_review": {
        "request": {"verdict": "justified", "review": "Two officers were off duty; the halt was used and nothing else."}
    },
    "person_invite": {
        "request": {
            "email": "a.weber@north.example", "name": "A. Weber", "institution": "north", "role": "ethics_officer",
        }
    },
    "identity_provider_add": {
        "request": {
            "institution": "north", "slug": "north", "name": "North's own sign-in",
            "issuer": "https://login.north.example", "client_id": "qfl-ethics", "secret": "…",
            "factor_amr": ["mfa", "hwk"], "factor_acr": [], "is_active": True,
        }
    },
    "preferences_save": {
        "request": {
            "language": "de", "time_zone": "Europe/Berlin", "shortcuts": True, "digest": "daily",
            "ways": {"approval": "at_once"},
        }
    },
    "view_save": {
        "request": {"name": "Open at north", "path": "/incidents/", "query": "state=open&site=north", "share": True}
    },
    "feature_study": {"request": {"features": ["age", "lesion_area"], "epsilon": 1.0}},
    "key_issue": {
        "request": {"name": "PACS of north", "institution": _ID, "actions": ["event.record"], "days": 90}
    },
}  # fmt: skip
_DEEPEST = 6


def named_examples(operation_id: str) -> dict[str, Any]:
    return _OWN.get(operation_id, {})


def example_of(schema: dict[str, Any], components: dict[str, Any], *, name: str = "", level: int = 0) -> Any:
    """One value that the schema allows."""
    if "$ref" in schema:
        target = components["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return example_of(target, components, name=name, level=level)
    for given in ("example", "default", "const"):
        if given in schema:
            return schema[given]
    if "enum" in schema:
        return next((one for one in schema["enum"] if one not in ("", None)), schema["enum"][0])
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return example_of(schema["allOf"][0], components, name=name, level=level)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return example_of(schema[choice][0], components, name=name, level=level)
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    return _of_kind(kind, schema, components, name, level)


def _of_kind(kind: str | None, schema: dict[str, Any], components: dict[str, Any], name: str, level: int) -> Any:
    if kind == "object":
        return _object(schema, components, level)
    if kind == "array":
        few = 0 if level > _DEEPEST else max(1, schema.get("minItems", 1))
        return [example_of(schema["items"], components, name=name, level=level + 1)] * few
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        value = max(least, min(1, schema.get("maximum", 1)))
        return int(value) if kind == "integer" else float(value)
    if kind == "string":
        return _string(schema, name)
    return None if kind == "null" else {}


def _object(schema: dict[str, Any], components: dict[str, Any], level: int) -> dict[str, Any]:
    found = {
        inner: example_of(of, components, name=inner, level=level + 1)
        for inner, of in schema.get("properties", {}).items()
        if level <= _DEEPEST or inner in schema.get("required", ())
    }
    more = schema.get("additionalProperties")
    if not found and isinstance(more, dict) and more:
        found["north"] = example_of(more, components, level=level + 1)
    return found


def _string(schema: dict[str, Any], name: str) -> str:
    if schema.get("format") in _BY_FORMAT:
        return str(_BY_FORMAT[schema["format"]])
    if schema.get("pattern") == r"^[0-9a-f]{64}$" or schema.get("pattern") == "^[0-9a-f]{64}\\Z":
        return _DIGEST
    found = str(
        _BY_NAME.get(name, "north" if "pattern" in schema else f"a {name.replace('_', ' ')}" if name else "text")
    )
    return found[: schema.get("maxLength", 200)]
