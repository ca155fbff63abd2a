"""What a report says otherwise than the earlier issue of the same report."""

from __future__ import annotations

import json
from typing import Any

from audits.posthoc.assembly.window import label, prose
from audits.posthoc.models import Report
from audits.posthoc.services import earlier_issue
from core import artefacts

MOST = 1000  # listed; the number of those left out is told
_LISTS = {
    "models": "models", "training": "training_runs", "audits": "audits", "approvals": "approvals",
    "deployments": "deployments", "incidents": "incidents", "external": "external",
}  # fmt: skip
_LATER = {"anchored_as"}  # grows with the ledger, and is nothing that the report says otherwise


def reissue(report: Report, facts: dict[str, Any]) -> dict[str, Any] | None:
    """The earlier issue, why this one was made, and each difference. None for a first issue."""
    earlier = earlier_issue(report)
    if earlier is None:
        return None
    told = {"issue": earlier.issue or 1, "sha256": earlier.json_digest, "reason": prose(report.reason)}
    try:
        before = json.loads(artefacts.get(earlier.json_digest))
    except artefacts.ArtefactError:
        return told | {"differences": None, "omitted": 0}  # the earlier file is lost: nothing can be said
    found = differences(before, facts)
    return told | {"differences": found[:MOST], "omitted": max(0, len(found) - MOST)}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[dict[str, Any]]:
    """Items that are new, gone or say otherwise, and changed counts of appeals."""
    found: list[dict[str, Any]] = []
    for section, field in _LISTS.items():
        old, new = ({item["id"]: item for item in told.get(field, [])} for told in (before, now))
        found += [_whole(section, id, "removed") for id in old if id not in new]
        found += [_whole(section, id, "added") for id in new if id not in old]
        for id in old:
            if id in new:
                found += _changed(section, id, old[id], new[id])
    old_changes, new_changes = (
        {(c["at"], c["subject"], c["before"], c["after"]) for c in told["changes"]} for told in (before, now)
    )
    for what, only in (("removed", old_changes - new_changes), ("added", new_changes - old_changes)):
        found += [
            _whole("changes", None, what) | {"after" if what == "added" else "before": label(" · ".join(change))}
            for change in sorted(only)
        ]
    if before.get("appeals") and now.get("appeals"):
        found += _changed("appeals", None, before["appeals"], now["appeals"])
    return found


def _whole(section: str, id: str | None, what: str) -> dict[str, Any]:
    return {"section": section, "id": id, "what": what, "field": None, "before": None, "after": None}


def _changed(section: str, id: str | None, old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "section": section, "id": id, "what": "changed", "field": key, "before": _said(old.get(key)),
            "after": _said(new.get(key)),
        }
        for key in new
        if key not in _LATER and key in old and _plain(old[key]) != _plain(new[key])
    ]  # fmt: skip


def _plain(value: Any) -> Any:
    """Numbers as JSON reads them: 1 and 1.0 are one number there."""
    return json.loads(json.dumps(value))


def _said(value: Any) -> str:
    return label("none" if value is None else value if isinstance(value, str) else json.dumps(value))
