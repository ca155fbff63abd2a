"""Everything that pages list, once more with each call: from a training run to a halt, an appeal, a report and a board.

Made by the services where they are quick, so that the rows are what the platform itself would have written.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from accounts.inbox import people_tell
from accounts.models import SavedView
from audits.posthoc import boards, risks
from audits.posthoc.models import BoardReview, Report, Risk
from audits.predeployment.models import AuditRun, ExternalAudit
from audits.runtime import appeals, incidents, notices
from audits.runtime.gateway import predictions_create
from audits.runtime.halting import halt_create
from audits.runtime.lookback import look_back_build
from audits.runtime.models import AmberDecision, Appeal, Halt
from core import artefacts
from core.roles import Role
from federation.models import QuantumJob, TrainingRun
from models_registry import approvals, card_editions
from models_registry.models import ApprovalRequest, Deployment, Version
from tests.factories.audits import make_audit
from tests.factories.boards import invite
from tests.factories.federation import World, make_run
from tests.factories.people import make_user
from tests.factories.quantum import make_check
from tests.factories.registers import Registers, make_registers
from tests.factories.registry import make_deployment, make_request, make_version
from tests.factories.rounds import make_consents, make_done_rounds

WHY = "It is written for a test."


@dataclass
class Life:
    """One of everything. `served` serves; `halted` is halted."""

    number: int
    run: TrainingRun  # with consents and rounds
    version: Version
    audit: AuditRun
    request: ApprovalRequest
    served: Deployment
    halted: Deployment
    halt: Halt
    appeal: Appeal
    report: Report
    review: BoardReview
    risk: Risk
    external: ExternalAudit
    job: QuantumJob
    registers: Registers


def make_life(world: World, number: int) -> Life:
    people, now = world.people, timezone.now()
    run = make_run(world, state=TrainingRun.State.RUNNING)
    TrainingRun.objects.filter(id=run.id).update(started_at=now)
    make_consents(world, run)
    make_done_rounds(run, 1)
    make_run(world)
    version = make_version(world)
    audit = make_audit(version, "pass", actor=people.officer_north)
    served = make_deployment(world, version=version, name=f"Ward {number}")
    halted = make_deployment(world, name=f"Clinic {number}")
    appeal = _contested(world, served, number)
    AmberDecision.objects.create(
        deployment=served, warnings={"tpr": "The gap grows."}, position=3, due_at=now - dt.timedelta(days=1)
    )
    halt = halt_create(deployment_id=halted.id, reason="The gap is over 0.1.", position=0)
    look_back_build({"look_back": halt.incident.look_back.id})()
    notices.notices_write(notices.HALTED, {"halt": str(halt.id)})()
    review = boards.review_convene(
        month=now.date(), board=f"Board {number}", members=[people.auditor, people.officer_north], actor=people.auditor
    )
    boards.conflict_declare(review=review, conflict="", actor=people.auditor)
    life = Life(
        number=number, run=TrainingRun.objects.get(id=run.id), version=version, audit=audit,
        request=make_request(world), served=served, halted=halted, halt=halt, appeal=appeal,
        report=_report(people, now, number), review=review, risk=_risk(people, version, now),
        external=invite(version, people.administrator, email=f"ada{number}@board.example"), job=make_check(people),
        registers=make_registers(world, version.model, number),
    )  # fmt: skip
    for who in vars(people).values():
        if hasattr(who, "email"):
            people_tell(users=[who.pk], kind="work", key=f"life:{number}", title="A job gave up", mail=False)
            SavedView.objects.create(owner=who, name=f"View {number}", path="/audits/", query="outcome=pass")
    add_to(world, life)
    return life


def add_to(world: World, life: Life) -> None:
    """More of what one page shows of one thing: rounds, notes, tasks, comments, editions, findings."""
    people, today = world.people, timezone.now().date()
    officer, incident = people.officer_north, life.halt.incident
    incidents.incident_note(incident=incident, kind="remark", text=WHY, actor=officer)
    incidents.task_create(incident=incident, title="Replace the coil", owner=officer, due_on=today, actor=officer)
    approvals.approval_comment(request=life.request, text=WHY, actor=officer)
    boards.finding_add(
        review=life.review, severity="minor", text=WHY, owner=people.administrator, due_on=today, actor=people.auditor
    )
    editions = life.version.cards.count()
    card_editions.card_edit(
        version=life.version, texts={"HowToUse": f"{WHY} {editions}"}, actor=people.administrator
    )  # fmt: skip


def _contested(world: World, deployment: Deployment, number: int) -> Appeal:
    asked = make_user(f"asker{number}@test.example", Role.CLINICIAN, world.people.north)
    record = {"event_key": "a", "patient": "p", "attributes": {"sex": "female"}, "features": [0.1, 0.5, 0.3, 0.9]}
    body = json.dumps({"records": [record]}).encode()
    predictions_create(deployment=deployment, caller=asked, body=body, idempotency_key=None)
    return appeals.appeal_file(
        deployment=deployment, event_key="a", contested_by="patient", grounds=WHY, actor=world.people.clinician
    )


def _report(people: Any, now: dt.datetime, number: int) -> Report:
    summary = {
        "report_id": f"REP-{number}", "findings": [], "recommendations": [],
        "figures": [{"label": "Halts", "value": "1", "note": "", "evidence": "incidents"}],
        "trail": {"verdict": "VERIFIED", "reason": "", "entries": 3, "completeness": None, "root_sha256": "a" * 64},
    }  # fmt: skip
    fields = ("models", "training_runs", "audits", "approvals", "deployments", "incidents", "changes")
    told = {"summary": {"figures": summary["figures"]}, **dict.fromkeys(fields, [])}
    return Report.objects.create(
        period_start=now.date() - dt.timedelta(days=number), period_end=now.date(), state="finished", finished_at=now,
        requested_by=people.auditor, json_digest=artefacts.put(json.dumps(told).encode()), pdf_digest="b" * 64,
        summary=summary,
    )  # fmt: skip


def _risk(people: Any, version: Version, now: dt.datetime) -> Risk:
    return risks.risk_save(
        risk=None, revision=0, actor=people.officer_north, version=version, hazard=WHY, situation=WHY, harm=WHY,
        severity_before=3, probability_before=3, measures="", severity_after=None, probability_after=None, controls=[],
        checks=[], state="open", rationale="", owner=people.officer_north, review_on=now.date(),
    )  # fmt: skip
