"""How a state looks, in one place: its tone, its icon and its words.

A tone is a meaning, not a colour: style sheets give it a colour in the light and in the dark theme, and pages always
print the words and the icon beside it, so nothing depends on seeing colour. Pure Python: no Django.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

ToneName = Literal["pass", "fail", "warn", "halt", "info", "muted", "plain"]
TONES: tuple[ToneName, ...] = ("pass", "fail", "warn", "halt", "info", "muted", "plain")


@dataclass(frozen=True)
class StateLook:
    """What a badge needs to show one state."""

    tone: ToneName
    icon: str  # a name in core/templatetags/icons.py
    label: str


def _looks(*rows: tuple[str, ToneName, str, str]) -> dict[str, StateLook]:
    return {key: StateLook(tone, icon, label) for key, tone, icon, label in rows}


STATES: dict[str, StateLook] = {
    # Verdicts. "Not assessable" is a result of its own and never looks like a pass.
    **_looks(
        ("pass", "pass", "check-circle", "Pass"),
        ("fail", "fail", "x-circle", "Fail"),
        ("inconclusive", "warn", "question-circle", "Inconclusive"),
        ("not_assessable", "muted", "slash-circle", "Not assessable"),
        ("not_applicable", "muted", "slash-circle", "Not applicable"),
        ("not_flagged", "info", "check-circle", "Not flagged"),
        ("reported", "info", "info", "Reported"),
        ("warning", "warn", "alert", "Warning"),
        ("supported", "pass", "check-circle", "Supported"),
        ("not_supported", "fail", "x-circle", "Not supported"),
        ("not_measured", "muted", "slash-circle", "Not measured"),
    ),
    # Decisions: consents, approvals, cards, reports, appeals.
    **_looks(
        ("draft", "muted", "pencil", "Draft"),
        ("submitted", "info", "inbox", "Submitted"),
        ("under_review", "info", "eye", "Under review"),
        ("change_requested", "warn", "pencil", "Change requested"),
        ("approved", "pass", "check-circle", "Approved"),
        ("rejected", "fail", "x-circle", "Rejected"),
        ("withdrawn", "muted", "undo", "Withdrawn"),
        ("abstained", "muted", "slash-circle", "Abstained"),
        ("expired", "warn", "clock", "Expired"),
        ("void", "fail", "slash-circle", "Void"),
        ("proposed", "info", "inbox", "Proposed"),
        ("requested", "info", "inbox", "Requested"),
        ("consented", "pass", "check-circle", "Consented"),
        ("refused", "fail", "x-circle", "Refused"),
        ("fulfilled", "pass", "check-circle", "Fulfilled"),
        ("granted", "pass", "check-circle", "Granted"),
        ("denied", "fail", "x-circle", "Denied"),
        ("published", "pass", "check-circle", "Published"),
        ("superseded", "muted", "undo", "Superseded"),
        ("archived", "muted", "archive", "Archived"),
        ("open", "info", "inbox", "Open"),
        ("acknowledged", "info", "eye", "Acknowledged"),
        ("resolved", "pass", "check-circle", "Resolved"),
        ("upheld", "pass", "check-circle", "Upheld"),
        ("dismissed", "muted", "slash-circle", "Dismissed"),
        ("closed", "muted", "archive", "Closed"),
        ("overdue", "fail", "clock", "Overdue"),
        ("due", "warn", "clock", "Due"),
    ),
    # Work: runs, rounds, jobs.
    **_looks(
        ("queued", "muted", "clock", "Queued"),
        ("scheduled", "muted", "clock", "Scheduled"),
        ("frozen", "info", "lock", "Frozen"),
        ("ready", "info", "play", "Ready"),
        ("running", "info", "play", "Running"),
        ("in_progress", "info", "play", "In progress"),
        ("paused", "warn", "pause", "Paused"),
        ("retrying", "warn", "refresh", "Retrying"),
        ("finished", "pass", "check-circle", "Finished"),
        ("done", "pass", "check-circle", "Done"),
        ("completed", "pass", "check-circle", "Completed"),
        ("aborted", "fail", "stop", "Aborted"),
        ("cancelled", "muted", "slash-circle", "Cancelled"),
        ("failed", "fail", "x-circle", "Failed"),
        ("dead", "fail", "x-circle", "Gave up"),
        ("excluded", "warn", "slash-circle", "Excluded"),
        ("current", "info", "play", "Current"),
        ("blocked", "fail", "lock", "Blocked"),
        ("upcoming", "muted", "clock", "Not started"),
        ("skipped", "muted", "slash-circle", "Not needed"),
    ),
    # Deployments and monitors.
    **_looks(
        ("active", "pass", "pulse", "Active"),
        ("inactive", "muted", "slash-circle", "Inactive"),
        ("deployed", "pass", "pulse", "Deployed"),
        ("serving", "pass", "pulse", "Serving"),
        ("shadow", "info", "shadow", "Shadow only"),
        ("halted", "halt", "stop", "Halted"),
        ("reinstated", "pass", "pulse", "Reinstated"),
        ("revoked", "halt", "slash-circle", "Revoked"),
        ("replaced", "muted", "undo", "Replaced"),
        ("removed", "muted", "archive", "Removed"),
        ("amber", "warn", "alert", "Amber"),
        ("green", "pass", "check-circle", "Green"),
        ("red", "fail", "alert", "Red"),
        ("healthy", "pass", "check-circle", "Healthy"),
        ("degraded", "warn", "alert", "Degraded"),
        ("unreachable", "fail", "x-circle", "Unreachable"),
        ("stale", "warn", "clock", "Stale"),
        ("unknown", "muted", "question-circle", "Unknown"),
    ),
    # The ledger.
    **_looks(
        ("pending", "muted", "clock", "Pending"),
        ("sequenced", "info", "chain", "Sequenced"),
        ("cosigned", "info", "key", "Cosigned"),
        ("anchoring", "info", "anchor", "Anchoring"),
        ("anchored", "pass", "anchor", "Anchored"),
        ("verified", "pass", "shield-check", "Verified"),
        ("unverified", "muted", "question-circle", "Not verified"),
        ("intact", "pass", "shield-check", "Intact"),
        ("compromised", "halt", "alert", "Compromised"),
        ("partial", "warn", "alert", "Partial"),
        ("empty", "muted", "slash-circle", "Empty"),
        ("shredded", "muted", "archive", "Shredded"),
        ("mismatch", "halt", "alert", "Mismatch"),
    ),
    # Sources and yes/no.
    **_looks(
        ("synthetic", "warn", "flask", "Synthetic data"),
        ("real", "info", "hospital", "Real data"),
        ("yes", "pass", "check-circle", "Yes"),
        ("no", "muted", "x-circle", "No"),
        ("none", "muted", "slash-circle", "Not recorded"),
    ),
    # Evidence coverage and risks.
    **_looks(
        ("there", "pass", "check-circle", "Evidence there"),
        ("partly", "warn", "alert", "Partly there"),
        ("low", "pass", "check-circle", "Low"),
        ("medium", "warn", "alert", "Medium"),
        ("high", "fail", "alert", "High"),
        ("controlled", "info", "shield-check", "Controlled"),
        ("accepted", "pass", "check-circle", "Accepted"),
    ),
}

# The stages of a model's life, in order: DESIGN.md section 1. Keys are what `{% timeline %}` callers look up.
LIFE_OF_A_MODEL: tuple[tuple[str, str, str], ...] = (
    ("consent", "Consent", "handshake"),
    ("training", "Training run", "federation"),
    ("version", "Model version", "model"),
    ("audit", "Audit", "audit"),
    ("card", "Model card", "card"),
    ("approvals", "Approvals", "approval"),
    ("deployment", "Deployment", "pulse"),
    ("monitor", "Monitor", "eye"),
    ("report", "Report", "report"),
)


def state_key(value: object) -> str:
    """The key of `STATES` for a state however it is spelt: an enum member, "Under review", "under-review", None."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        value = value.value
    return "_".join(str(value).strip().lower().replace("-", " ").replace("_", " ").split())


def look_of(value: object, *, label: str = "") -> StateLook:
    """How to show a state.

    An unknown state is shown plainly in its own words, never guessed into a green or a red one.
    """
    key = state_key(value)
    look = STATES.get(key) or StateLook("plain", "dot", key.replace("_", " ").capitalize() or "Unknown")
    return replace(look, label=label) if label else look
