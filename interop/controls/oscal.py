"""The control mapping as OSCAL assessment results (NIST, 1.1.3): one observation a control.

There are no OSCAL findings: a finding must say "satisfied" or not, and that is not ours to say. The state of the
evidence is a property in our own namespace.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from audits.posthoc.mapping import ControlView, FrameworkView

VERSION = "1.1.3"
NAMESPACE = "https://qfl-ethics.example/ns/oscal"
_WORDS = {
    "there": "evidence there",
    "partly": "partly there",
    "none": "no evidence",
    "not_assessable": "not assessable",
}


def oscal_json(views: Sequence[FrameworkView], *, at: datetime, version: str) -> bytes:
    """The document, as UTF-8. The same records at the same moment give the same bytes.

    Parameters
    ----------
    at : datetime
        When the evidence was counted.
    version : str
        Of the platform.
    """
    moment = at.isoformat(timespec="seconds")
    plan = _id("plan", "")
    document = {
        "assessment-results": {
            "uuid": _id("document", moment, *(view.framework.key for view in views)),
            "metadata": {
                "title": "Evidence coverage by control",
                "last-modified": moment,
                "version": version,
                "oscal-version": VERSION,
                "remarks": "Says for which control evidence is on record. It says of no control that it is satisfied.",
            },
            "import-ap": {"href": f"#{plan}"},
            "results": [_result(view, moment) for view in views],
            "back-matter": {"resources": [_plan(plan), *(_file(f) for f in _files(views))]},
        }
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _result(view: FrameworkView, moment: str) -> dict[str, Any]:
    of, counted = view.framework, view.coverage
    return {
        "uuid": _id("result", moment, of.key),
        "title": of.title,
        "description": f"Evidence is there for {counted.there} of {counted.total} controls. {of.note}".strip(),
        "start": moment,
        "end": moment,
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": control_id(of.key, row.control.id)} for row in view.controls]}
            ]
        },
        "observations": [_observation(of.key, row, moment) for row in view.controls],
    }


def _observation(key: str, row: ControlView, moment: str) -> dict[str, Any]:
    evidence: list[dict[str, Any]] = [
        {
            "description": f"{finding.title}: {finding.sentence}",
            "props": [
                _prop("evidence", finding.name), _prop("state", _WORDS[finding.status]),
                _prop("count", f"{finding.count} of {finding.of}"),
                *([_prop("newest", finding.newest.isoformat())] if finding.newest else []),
            ],
        }
        for finding in row.findings
    ]  # fmt: skip
    evidence += [
        {"href": f"#{file.id}", "description": f"{file.name}, valid until {file.valid_until}"} for file in row.files
    ]
    told: dict[str, Any] = {
        "uuid": _id("observation", moment, key, row.control.id),
        "title": f"{row.control.reference}: {row.control.title}",
        "description": row.control.text,
        "props": [_prop("control-id", control_id(key, row.control.id)), _prop("evidence-state", _WORDS[row.status])],
        "methods": ["EXAMINE"],
        "collected": moment,
    }
    return {**told, "relevant-evidence": evidence} if evidence else told


def _plan(plan: str) -> dict[str, Any]:
    text = "There is no assessment plan in OSCAL: the platform counts its own records by fixed queries."
    return {"uuid": plan, "title": "How the evidence was counted", "description": text}


def _files(views: Sequence[FrameworkView]) -> list[Any]:
    return [file for view in views for row in view.controls for file in row.files]


def _file(file: Any) -> dict[str, Any]:
    link = {
        "href": f"sha256:{file.digest}", "media-type": file.media_type,
        "hashes": [{"algorithm": "SHA-256", "value": file.digest}],
    }  # fmt: skip
    return {"uuid": str(file.id), "title": file.name, "rlinks": [link]}


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NAMESPACE, "value": value}


def control_id(key: str, id: str) -> str:
    """A token as OSCAL wants it: it begins with a letter or an underscore."""
    name = f"{key}_{id}"
    return name if re.match(r"[a-z_]", name) else f"_{name}"


def _id(*parts: str) -> str:
    """A version 5 UUID, the same for the same parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE + "/" + "/".join(parts)))
