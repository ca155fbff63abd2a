"""The verdict in words, and for machines."""

from __future__ import annotations

import json

from provenance.verifier.findings import Finding, Status, Verdict

JSON_VERSION = 1
_SHOWN = 100  # findings of a section that a person would still read

_HEADLINES = {
    "verified": "VERIFIED. Everything that was asked was checked, and it is true.",
    "false": "FALSE. Something in this file, or something the log signed, is not true. Do not rely on it.",
    "unchecked": "NOT CHECKED. What was asked could not be checked. This says neither true nor false.",
}
_OWN_KEYS = (
    "VERIFIED WITH KEYS TAKEN ON TRUST. Everything fits together, under keys that came with the file itself. That "
    "shows no damage; it shows who signed only once you have the keys from elsewhere (--key)."
)
_SECTIONS = (
    (Status.FALSE, "What is false"),
    (Status.UNCHECKED, "What could not be checked"),
    (Status.VERIFIED, "What was checked and is true"),
    (Status.OPEN, "What was not checked, and what was taken on trust"),
)
_MEANING = {
    "verified": (
        "The entries stood in the log when it was signed, and were not changed since. The log's owner cannot take that "
        "back. It does not mean that what was recorded is true, only that it was recorded, then and so."
    ),
    "false": (
        "Keep the file as it is, and every checkpoint you hold. A copy damaged on its way also looks like this: get "
        "the file a second time. If it is false again, somebody changed it, and signatures above show who signed what."
    ),
    "unchecked": "Get what is missing and check again. Until then, treat the file as if it said nothing.",
}


def as_text(verdict: Verdict) -> str:
    """The verdict for a person."""
    lines = [_headline(verdict), f"File: {verdict.path}"]
    subject = verdict.facts.get("subject")
    if subject and subject["title"]:
        lines.append(f"About, in the words of whoever made it: {subject['title']}")
    for status, title in _SECTIONS:
        if findings := verdict.of(status):
            lines += ["", title, *_items(findings)]
    for item in verdict.evidence:
        lines += ["", f"Evidence ({item['kind'].replace('_', ' ')}): the log signed both of these."]
        for note in item["notes"]:
            lines += ["-" * 40, note.rstrip("\n")]
        lines.append("-" * 40)
    lines += ["", "What this means", f"  {_MEANING[verdict.result]}", ""]
    return _printable("\n".join(lines))


def as_json(verdict: Verdict) -> str:
    """The verdict for a machine; docs/verifier.md names the keys."""
    return json.dumps(
        {
            "version": JSON_VERSION,
            "verdict": verdict.result,
            "exit": verdict.exit_code,
            "kind": verdict.kind,
            "path": verdict.path,
            "facts": verdict.facts,
            "findings": [{"check": f.check, "status": str(f.status), "text": f.text} for f in verdict.findings],
            "evidence": verdict.evidence,
        }
    )


def _headline(verdict: Verdict) -> str:
    own_keys = verdict.facts.get("keys", {}).get("source") == "file"
    return _OWN_KEYS if own_keys and verdict.result == "verified" else _HEADLINES[verdict.result]


def _items(findings: list[Finding]) -> list[str]:
    shown = [f"  - {finding.text}" for finding in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        shown.append(f"  - and {len(findings) - _SHOWN} more of this kind (all of them with --json)")
    return shown


def _printable(text: str) -> str:
    """The text without control characters: a name from the file must not steer the reader's terminal."""
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text)
