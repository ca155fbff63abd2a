"""The files that take longest are begun first, so that no worker is left alone with one at the end of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Longest first; add a file that takes more than ten seconds (`make test ARGS=--durations=0` tells).
LONGEST = (
    "tests/chaos/test_nothing_is_lost.py",
    "tests/e2e/test_life_of_a_model.py",
    "tests/qflethics/test_access_matrix.py",
    "tests/qflethics/api/test_fuzzing.py",
    "tests/chaos/test_ingest_survives.py",
    "tests/federation/engines/test_flare.py",
    "tests/e2e/test_ledger_pages.py",
    "tests/e2e/test_deployment_page.py",
    "tests/provenance/test_tamper.py",
    "tests/federation/test_secure_rounds.py",
    "tests/provenance/test_replay.py",
    "tests/provenance/contracts/test_foundry.py",
    "tests/federation/network/test_network.py",
    "tests/interop/test_go_reads_ours.py",
    "tests/audits/predeployment/test_gaming.py",
    "tests/federation/test_participation.py",
    "tests/qflethics/test_page_budgets.py",
    "tests/models_registry/test_api.py",
    "tests/provenance/test_relaying.py",
    "tests/audits/posthoc/test_boards.py",
    "tests/audits/posthoc/test_signing_off.py",
    "tests/audits/predeployment/test_pages.py",
    "tests/federation/domain/data/test_brats.py",
    "tests/federation/test_witnessing.py",
    "tests/federation/test_training_rounds.py",
    "tests/qflethics/launcher/test_servers.py",
    "tests/provenance/contracts/test_model.py",
    "tests/provenance/contracts/test_slither.py",
    "tests/provenance/contracts/test_decide.py",
    "tests/provenance/contracts/test_anchors.py",
    "tests/federation/test_api.py",
    "tests/federation/test_pages.py",
    "tests/e2e/test_policy_pages.py",
    "tests/provenance/chain/test_anchoring_faults.py",
    "tests/audits/predeployment/test_running.py",
    "tests/audits/predeployment/checks/test_membership.py",
    "tests/audits/predeployment/external/test_external.py",
)
_PLACES = {name: place for place, name in enumerate(LONGEST)}


def longest_first(item: pytest.Item) -> int:
    """Sort key; files that are not named keep their order."""
    return _PLACES.get(item.nodeid.split("::")[0], len(LONGEST))
