"""What the pages of outside boards show, to the board and to those who invited it."""

from __future__ import annotations

from typing import Any

from accounts.invitations import activation_path
from accounts.models import User
from audits.predeployment.external.forms import FindingForm, RevokeForm, RunForm, UploadForm
from audits.predeployment.external.layout import layout_of, why_none
from audits.predeployment.external.running import canonical_run
from audits.predeployment.figures import drawn
from audits.predeployment.models import ExternalAudit, ExternalData, ExternalFinding, ExternalRun
from audits.predeployment.policy_difference import installed
from federation.domain.messages import digest
from models_registry.models import Version

State = ExternalAudit.State


def page_of(external: ExternalAudit, user: User, **bound: Any) -> dict[str, Any]:
    """The context of one external audit; `bound` puts a refused form in the place of an empty one."""
    own = user.may("external.work") and external.auditor_id == user.id and external.state == State.OPEN
    layout = layout_of(external.version) if own else None
    data_sets = list(external.data_sets.all())
    runs = [_run(run) for run in external.runs.select_related("data").prefetch_related("results")]
    ready = any(data.state == ExternalData.State.READY for data in data_sets)
    invites = user.may("external.invite") and external.state == State.OPEN
    busy = any(data.state == ExternalData.State.CHECKING for data in data_sets)
    forms: dict[str, Any] = {}
    if own:
        forms = {"finding_form": FindingForm(), "run_form": RunForm(external=external) if ready else None}
        forms["upload_form"] = UploadForm(layout=layout) if layout else None
    return {
        "external": external,
        "layout": layout,
        "no_data": why_none(external.version) if external.state == State.OPEN else "",
        "own": own,
        "invites": invites,
        "activation": activation_path(external.auditor) if invites else "",
        "revoke_form": RevokeForm() if invites else None,
        "checks": [check.title if (check := installed(name)) else name for name in external.policy["checks"]],
        "data_sets": data_sets,
        "runs": runs,
        "busy": busy or any(run["row"].state == ExternalRun.State.RUNNING for run in runs),
        "findings": external.findings.select_related("author"),
        **forms,
        **bound,
    }


def _run(run: ExternalRun) -> dict[str, Any]:
    rows = {row.check_id: row for row in run.results.all()}
    ordered = [rows[name] for name in run.policy["checks"] if name in rows]
    finished = run.state == ExternalRun.State.FINISHED
    return {
        "row": run,
        "results": [{"row": row, "charts": drawn(row.figures, key=f"{run.id}-{row.check_id}")} for row in ordered],
        "done": len(ordered),
        "of": len(run.policy["checks"]),
        "intact": finished and digest(canonical_run(run, ordered)) == run.digest,
    }


def found_on(version: Version, user: User) -> dict[str, Any]:
    """What outside boards found on a version, for the page of its audits."""
    if not user.may("external.view"):
        return {"outside_runs": (), "outside_findings": ()}
    seen = ExternalAudit.objects.for_user(user).filter(version=version).values("id")
    runs = ExternalRun.objects.filter(external__in=seen, state=ExternalRun.State.FINISHED)
    findings = ExternalFinding.objects.filter(external__in=seen)
    return {
        "outside_runs": runs.select_related("external__board").prefetch_related("results"),
        "outside_findings": findings.select_related("external__board"),
    }
