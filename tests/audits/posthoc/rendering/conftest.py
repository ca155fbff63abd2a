"""A small period with one of everything, and a period in which nothing happened. All of it is synthetic."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

Facts = dict[str, Any]


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


CHECKPOINT = "qfl-ethics.example/ledger\n48211\n8h3dYb0Q7m1o0cFzWq1c2uR3v1l0k5n9s2t4x6z8A0w=\n\n"
CHECKPOINT += "— qfl-ethics.example/ledger Az3grw=="

EMPTY: Facts = {
    "schema": "qfl-ethics/biannual-report/1",
    "report_id": "QR-2026-H1",
    "synthetic": False,
    "period": {"start": "2026-01-01", "end": "2026-06-30"},
    "generated_at": "2026-07-02T08:30:00Z",
    "institutions": [{"id": "north", "name": "Northern University Hospital"}],
    "scope": "All models under governance at the institutions named.",
    "models": [],
    "training_runs": [],
    "audits": [],
    "approvals": [],
    "deployments": [],
    "incidents": [],
    "appeals": {"received": 0, "upheld": 0, "rejected": 0, "open": 0},
    "changes": [],
    "audit_trail": {
        "entries": 0,
        "root_sha256": sha(""),
        "checkpoint": CHECKPOINT,
        "verified_at": "2026-07-02T08:00:00Z",
        "verdict": "VERIFIED",
    },
    "evidence": [],
    "sign_off": [],
}

FULL: Facts = {
    **EMPTY,
    "synthetic": True,
    "institutions": [
        {"id": "north", "name": "Northern University Hospital"},
        {"id": "south", "name": "Southern Children’s Clinic"},
        {"id": "harbour", "name": "Harbour Radiology Institute"},
    ],
    "scope": "All models trained, audited or deployed by the three institutions under the federation agreement, "
    "with their training runs, approvals, deployments, halts and appeals.",
    "models": [
        {
            "id": "glioma-2.1",
            "name": "Glioma segmentation",
            "version": "2.1.0",
            "state": "deployed",
            "intended_use": "Outlines low-grade glioma on FLAIR slices for review by a radiologist.",
            "weights_sha256": sha("weights-a"),
            "card_sha256": sha("card-a"),
            "card_completeness": 0.94,
        },
        {
            "id": "heart-0.9",
            "name": "Heart disease classifier",
            "version": "0.9.3",
            "state": "halted",
            "intended_use": "Ranks referrals by likelihood of coronary disease; never decides alone.",
            "weights_sha256": sha("weights-b"),
        },
    ],
    "training_runs": [
        {
            "id": "RUN-31",
            "model": "Glioma segmentation 2.1.0",
            "strategy": "quantum-inspired aggregation",
            "state": "finished",
            "rounds_planned": 120,
            "rounds_completed": 120,
            "sites": ["north", "south", "harbour"],
            "started_at": "2026-02-03T06:00:00Z",
            "finished_at": "2026-02-03T14:12:09Z",
            "privacy": {"epsilon": 0.5, "delta": 1e-5, "mechanism": "record-level, under secure aggregation"},
            "config_sha256": sha("config-31"),
        },
        {
            "id": "RUN-32",
            "model": "Heart disease classifier 0.9.3",
            "strategy": "FedAvg",
            "state": "finished",
            "rounds_planned": 60,
            "rounds_completed": 58,
            "sites": ["north", "south"],
            "started_at": "2026-03-09T06:00:00Z",
            "finished_at": "2026-03-09T07:01:44Z",
            "config_sha256": sha("config-32"),
        },
    ],
    "audits": [
        {
            "id": "AUD-7",
            "model": "Glioma segmentation 2.1.0",
            "phase": "pre-deployment",
            "completed_at": "2026-02-11T10:20:00Z",
            "bias": {"score": 0.048, "low": 0.021, "high": 0.083, "verdict": "PASS", "n": 4120},
            "worst_gap": {
                "metric": "Dice",
                "group_low": "age under 18",
                "group_high": "age 40 to 64",
                "rate_low": 0.811,
                "rate_high": 0.859,
            },
            "discrepancy": {
                "p_quantum": 0.213,
                "p_rbf": 0.187,
                "backend": "default.qubit",
                "shots": 4096,
                "seed": 20260211,
                "depth": 6,
                "noise_model": "depolarising 0.1 %",
                "permutations": 1000,
                "n": 400,
            },
            "explanation": {"score": 0.842, "low": 0.815, "high": 0.866, "n": 200},
            "group_metrics": [
                {"name": "statistical parity difference", "attribute": "sex", "value": -0.021, "ideal": 0.0},
                {
                    "name": "disparate impact",
                    "attribute": "sex",
                    "value": 0.97,
                    "ideal": 1.0,
                    "low": 0.91,
                    "high": 1.04,
                },
            ],
            "attacks": [
                {
                    "name": "membership inference",
                    "statistic": "AUC",
                    "value": 0.518,
                    "low": 0.497,
                    "high": 0.541,
                    "limit": "upper bound at most 0.60",
                    "verdict": "PASS",
                }
            ],
        },
        {
            "id": "AUD-9",
            "model": "Heart disease classifier 0.9.3",
            "phase": "post-hoc",
            "completed_at": "2026-05-30T15:05:00Z",
            "bias": {"score": 0.164, "low": 0.112, "high": 0.219, "verdict": "FAIL", "n": 918},
            "worst_gap": {
                "metric": "true positive rate",
                "group_low": "women over 65",
                "group_high": "men 40 to 64",
                "rate_low": 0.702,
                "rate_high": 0.866,
            },
            "discrepancy": {
                "p_quantum": 0.0004,
                "p_rbf": 0.072,
                "backend": "lightning.qubit",
                "shots": None,
                "seed": 11,
                "permutations": 5000,
                "n": 300,
            },
            "not_assessed": [{"check": "LIME interpretability", "reason": "Only 12 explained cases had a reference."}],
        },
    ],
    "approvals": [
        {
            "id": "APP-1",
            "subject": "Glioma segmentation 2.1.0",
            "actor": "p-7f3a19",
            "role": "Ethics officer",
            "institution": "Northern University Hospital",
            "decision": "approved",
            "decided_at": "2026-02-12T09:00:00Z",
            "content_sha256": sha("content-a"),
            "anchored_as": "signature",
        },
        {
            "id": "APP-2",
            "subject": "Glioma segmentation 2.1.0",
            "actor": "p-02bc77",
            "role": "Ethics officer",
            "institution": "Southern Children’s Clinic",
            "decision": "approved",
            "decided_at": "2026-02-12T11:31:20Z",
            "content_sha256": sha("content-a"),
            "anchored_as": "commitment",
        },
    ],
    "deployments": [
        {
            "id": "DEP-4",
            "model": "Glioma segmentation 2.1.0",
            "institution": "Northern University Hospital",
            "kind": "clinical",
            "state": "active",
            "since": "2026-02-15T00:00:00Z",
            "predictions": 18422,
            "outcomes": 17034,
        },
        {
            "id": "DEP-5",
            "model": "Heart disease classifier 0.9.3",
            "institution": "Southern Children’s Clinic",
            "kind": "shadow",
            "state": "halted",
            "since": "2026-03-20T00:00:00Z",
            "predictions": 5210,
            "outcomes": 4890,
        },
    ],
    "incidents": [
        {
            "id": "INC-1",
            "kind": "automatic halt",
            "deployment": "DEP-5",
            "at": "2026-05-21T13:40:12Z",
            "description": "The monitor halted the deployment: the gap in true positive rate could not be chance.",
            "metric": "true positive rate",
            "groups": ["women over 65", "men 40 to 64"],
            "gap": 0.171,
            "wealth": 24.6,
            "threshold": 20.0,
        },
        {
            "id": "INC-2",
            "kind": "manual halt",
            "deployment": "DEP-4",
            "at": "2026-04-02T08:00:00Z",
            "description": "Stopped by the officer on duty during a scanner software update.",
            "reinstatement": {
                "at": "2026-04-03T16:45:00Z",
                "by": ["Ethics officer, Northern", "Ethics officer, Harbour"],
                "reason": "Images before and after the update compared; no difference found.",
            },
        },
    ],
    "appeals": {"received": 4, "upheld": 1, "rejected": 2, "open": 1},
    "changes": [
        {
            "at": "2026-02-15T00:00:00Z",
            "subject": "Glioma segmentation",
            "before": "version 2.0.4",
            "after": "version 2.1.0",
        }
    ],
    "previous_report": {"id": "QR-2025-H2", "sha256": sha("previous")},
    "audit_trail": {
        "entries": 48211,
        "root_sha256": sha("root"),
        "checkpoint": CHECKPOINT,
        "verified_at": "2026-07-02T08:00:00Z",
        "verdict": "VERIFIED",
        "completeness": {"expected": 31877, "found": 31877},
        "anchor": {
            "size": 48190,
            "transaction_hash": "0x" + sha("transaction"),
            "chain_id": 1337,
            "operated_by": "the platform's operator",
        },
        "witnesses": ["Northern University Hospital", "Harbour Radiology Institute"],
    },
    "evidence": [
        {
            "id": "EV-1",
            "title": "Audit results of AUD-7",
            "media_type": "application/json",
            "size_bytes": 20482,
            "sha256": sha("ev-1"),
        },
        {
            "id": "EV-2",
            "title": "Proof bundle of the ledger",
            "media_type": "application/zip",
            "size_bytes": 1048576,
            "sha256": sha("ev-2"),
        },
    ],
    "sign_off": [
        {
            "role": "Ethics officer",
            "institution": "Northern University Hospital",
            "signed_by": "p-7f3a19",
            "signed_at": "2026-07-02T09:15:00Z",
            "signature_sha256": sha("signature"),
        },
        {"role": "Chair of the board", "institution": "Southern Children’s Clinic"},
    ],
}

BARS = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 190" font-family="sans-serif" font-size="13">
<title>Bias score of each audit</title>
<desc>AUD-7 scores 0.048 (interval 0.021 to 0.083), below the limit 0.1;
AUD-9 scores 0.164 (0.112 to 0.219), above.</desc>
<line x1="90" y1="150" x2="620" y2="150" stroke="#566570"/>
<line x1="302" y1="20" x2="302" y2="150" stroke="#9b1c1c" stroke-dasharray="4 3"/>
<text x="308" y="30" fill="#9b1c1c">limit 0.1</text>
<g stroke="#1d5a63" stroke-width="3">
<line x1="134.5" y1="65" x2="266" y2="65"/><line x1="327" y1="110" x2="554" y2="110"/></g>
<circle cx="192" cy="65" r="6" fill="#1d5a63"/><circle cx="438" cy="110" r="6" fill="#9b1c1c"/>
<g fill="#1c2a33"><text x="20" y="70">AUD-7</text><text x="20" y="115">AUD-9</text>
<text x="86" y="170">0</text><text x="293" y="170">0.1</text><text x="505" y="170">0.2</text></g></svg>"""

WEALTH = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 190" font-family="sans-serif" font-size="13">
<title>Wealth of the monitor of DEP-5</title>
<desc>Wealth stays near 1 until early May 2026, then rises and crosses the threshold of 20 on 21 May.</desc>
<line x1="60" y1="160" x2="620" y2="160" stroke="#566570"/><line x1="60" y1="20" x2="60" y2="160" stroke="#566570"/>
<line x1="60" y1="48" x2="620" y2="48" stroke="#9b1c1c" stroke-dasharray="4 3"/>
<text x="66" y="42" fill="#9b1c1c">threshold 20</text>
<polyline fill="none" stroke="#1d5a63" stroke-width="2.5"
 points="60,154 140,153 220,155 300,152 380,146 440,132 490,104 530,70 560,26"/>
<g fill="#1c2a33"><text x="60" y="178">March</text><text x="280" y="178">April</text>
<text x="500" y="178">May</text></g></svg>"""

CHARTS = {"audits.scores": BARS, "incidents.wealth": WEALTH}


@pytest.fixture
def full_facts() -> Facts:
    return deepcopy(FULL)


@pytest.fixture
def empty_facts() -> Facts:
    return deepcopy(EMPTY)


@pytest.fixture
def charts() -> dict[str, str]:
    return dict(CHARTS)


@pytest.fixture
def altered() -> Callable[[str, Any], Facts]:
    """The full facts with the value at a path ("audits.0.bias.verdict") replaced."""

    def change(path: str, value: Any) -> Facts:
        facts = deepcopy(FULL)
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        place: Any = facts
        for step in parents:
            place = place[step]
        place[last] = value
        return facts

    return change
