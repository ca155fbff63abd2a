"""What the people of a demonstration's sites do at their sites. The scenario plays them, on their machine."""

from __future__ import annotations

from pathlib import Path

from federation.site import cli
from federation.site.approvals import APPROVED
from federation.site.home import SiteHome
from qflethics.demo.client import wait_until


def approve(home: str, config_hash: str, *, operator: str, officer: str) -> bool:
    """Approve a proposed run in a site's folder once it has arrived there; False if it was approved before."""
    approvals = SiteHome(Path(home)).approvals
    wait_until(lambda: config_hash in approvals.hashes(), what=f"the proposal to arrive in {home}", seconds=60)
    found = approvals.latest(config_hash)
    if found is not None and found.decision == APPROVED:
        return False
    command = ["--home", home, "consent", "approve", config_hash, "--operator", operator, "--officer", officer]
    if cli.main(command) != 0:
        raise RuntimeError(f"{config_hash} could not be approved in {home}")
    return True
