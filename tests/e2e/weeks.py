"""What each role does in a week besides the life of a model: reject, contest, withdraw, and check us without us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from qflethics.launcher.state import ROOT
from tests.e2e.browser import Person
from tests.running import wait

MINUTE = 60_000


def ask_for_approval(administrator: Person, version_path: str, *, use: str, why: str) -> str:
    page = administrator.open(version_path)
    page.get_by_label(use).check()
    page.get_by_label("Justification").fill(why)
    administrator.press("Request approval")
    expect(page.get_by_text("Nobody has decided yet.")).to_be_visible()
    return page.url.removeprefix(administrator.platform.base)


def decide(person: Person, request_path: str, decision: str, reason: str) -> None:
    page = person.open(request_path)
    page.get_by_label(decision, exact=True).check()
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("Your password, once more").fill(person.platform.access["password"])
    person.press("Record the decision")
    expect(page.get_by_role("button", name="Record the decision")).to_have_count(0)


def reject(administrator: Person, officer: Person, version_path: str) -> None:
    """A second use is asked for, and an officer says no: the reason stands on the request for everybody."""
    path = ask_for_approval(
        administrator, version_path, use="Shadow deployment", why="To be compared at a second ward."
    )
    decide(officer, path, "Reject", "The second ward has no downtime plan yet.")
    page = administrator.open(path)
    expect(page.get_by_text("Rejected").first).to_be_visible()
    expect(page.get_by_text("The second ward has no downtime plan yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Deploy")).to_have_count(0)


def contest(clinician: Person, decider: Person, case: str) -> None:
    """A clinician records what was done, and contests the answer; another person of the site decides."""
    page = clinician.open("/appeals/")
    page.get_by_label("Name of the case").fill(case)
    clinician.press("Find the case")
    page.get_by_label("Overrode").check()
    clinician.press("Record")
    page.get_by_label("Name of the case").fill(case)
    page.get_by_label("Grounds").fill("The lesion on the left was missed, and the referral was late.")
    clinician.press("File the appeal")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Appeal")
    path = page.url.removeprefix(clinician.platform.base)
    page = decider.open(path)
    decider.press("Take it under review")
    page.get_by_label("Changed: the contested answer no longer stands").check()
    page.get_by_label("Reasons").fill("Read again by two radiologists; the lesion is there.")
    decider.press("Decide")
    page = clinician.open(path)
    expect(page.get_by_text("Read again by two radiologists; the lesion is there.")).to_be_visible()


def withdraw(operator: Person, run_path: str) -> None:
    """Training is over, so what was learned becomes a decision."""
    page = operator.open(run_path)
    page.locator("#consent-withdraw").click()
    page.locator("#reason-withdrawn").fill("Our board ended its approval.")
    operator.confirm("Withdraw consent")
    expect(page.get_by_text("Our board ended its approval.").first).to_be_visible()


def trace_a_figure(auditor: Person, folder: Path) -> Path:
    """From a figure of the newest report to the entry of the ledger behind it, and the bundle that proves it."""
    page = auditor.open("/reports/")
    page.locator("main tbody a").first.click()
    auditor.follow("Evidence")
    page.locator("main tbody a", has_text="Entry").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("in the ledger")
    with page.expect_download() as pending:
        page.get_by_role("link", name="Evidence bundle").first.click()
    bundle = folder / "bundle.zip"
    pending.value.save_as(bundle)
    return bundle


def verify_offline(auditor: Person, bundle: Path) -> None:
    """As the guide says: the bundle, the keys from elsewhere, and a program that knows nothing of the platform."""
    keys = bundle.with_name("log-keys.txt")
    keys.write_text(auditor.page.request.get(auditor.platform.base + "/log/keys").text())
    command = [sys.executable, "-m", "provenance.verifier", bundle.name, "--keys", keys.name]

    def verified() -> bool:
        answer = subprocess.run(
            command, cwd=bundle.parent, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert answer.returncode != 1, answer.stdout
        return answer.returncode == 0

    wait(verified, what="the verifier's verdict", seconds=30)
    changed = bundle.with_name("changed.zip")
    changed.write_bytes(bundle.read_bytes().replace(b"approval", b"approvol", 1).replace(b"created", b"creatid", 1))
    command[3] = changed.name
    assert subprocess.run(command, cwd=bundle.parent, env={"PYTHONPATH": str(ROOT)}).returncode != 0
