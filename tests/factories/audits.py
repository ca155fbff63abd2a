"""Answers of sites to an audit, written by hand so that the outcome is known in advance, and audits that used them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.utils import timezone

from audits.domain.explain.conclusion import SiteExplanation
from audits.domain.explain.score import RecordScore
from audits.domain.fairness.quantum_kernel import KernelOrder
from audits.domain.fairness.quantum_mmd import SiteMMD, StratumCount
from audits.predeployment import services
from audits.predeployment.models import AuditRun
from core import jobs
from core.models import Job
from federation.domain.group_rates import Cell, Sums
from federation.models import SiteOrder
from models_registry.models import Version

# verdict to (diseased and healthy patients of each sex at each site, share found in women, in men)
OUTCOMES = {
    "pass": (800, 0.9, 0.9),
    "fail": (400, 0.5, 0.9),
    "inconclusive": (60, 0.8, 0.9),
    "not_assessable": (4, 0.75, 0.75),
}


def cell(site: str, sex: str, *, n: int, found: float, flagged: float = 0.1) -> Cell:
    """n diseased and n healthy patients of one sex at one site."""
    tp, fp = round(found * n), round(flagged * n)
    right = tp + n - fp
    counts = {"tpr": (n, tp), "fpr": (n, fp), "accuracy": (2 * n, right), "selection_rate": (2 * n, tp + fp)}
    sums = {name: Sums(of, float(total), float(total)) for name, (of, total) in counts.items()}
    return Cell(site, {"sex": sex}, 2 * n, sums, {"tp": tp, "fp": fp, "tn": n - fp, "fn": n - tp})


def kernel_test(site: str, body: Mapping[str, Any], *, observed: float = 0.5) -> SiteMMD:
    """A null spread evenly over [0, 1]; an observed statistic over 1 is beyond all of it."""
    asked = body["settings"]
    null = np.linspace(0, 1, asked["permutations"]).tolist()
    strata = (StratumCount("0", 10, 10, True), StratumCount("1", 10, 10, True))
    order = KernelOrder(asked["bandwidth"], limit=asked["limit"], shots=asked["shots"] or None)
    return SiteMMD(site, "female", (observed, *null), (observed, *null), strata, 40, 0, 4, body["seed"], order)


def explanation(*, rcf: float = 90.0) -> SiteExplanation:
    scores = [RecordScore(0.9, 0.95, 0.9, rcf - 1), RecordScore(0.92, 0.95, 0.9, rcf + 1)]
    blind = [RecordScore(0.1, 0.1, 0.1, 4.0), RecordScore(0.1, 0.1, 0.1, 6.0)]
    return SiteExplanation.of("tabular", scores, {"weights": blind, "labels": blind}, {"a": 0.4, "b": 0.3, "c": 0.3})


def answer(
    order: SiteOrder, *, outcome: str = "pass", observed: float = 0.5, rcf: float = 90.0, site: str = ""
) -> dict[str, Any]:
    """What a site would answer to this order, in its own name or another's."""
    site, body = site or order.participant.site, order.body
    made: dict[str, Any] = {}
    if body["check"] == "bias_score":
        made = _cells(site, outcome)
    elif body["check"] == "quantum_mmd":
        made = {"tests": {"sex": kernel_test(site, body, observed=observed).as_dict()}, "not_recorded": []}
    elif body["check"] == "lime":
        made = {"settings": body["settings"], **explanation(rcf=rcf).as_dict()}
    else:
        raise AssertionError(f"no answer is written for {body['check']}; see AUDIT_CHECKS in settings/test.py")
    return {**made, "seconds": 1.0}


def _cells(site: str, outcome: str) -> dict[str, Any]:
    n, women, men = OUTCOMES[outcome]
    cells = [cell(site, "female", n=n, found=women).as_dict(), cell(site, "male", n=n, found=men).as_dict()]
    return {"n_patients": 4 * n, "cells": {"primary": cells, "baseline": cells}, "facts": {}}


def give_answer(order: SiteOrder, body: dict[str, Any] | None = None, *, error: str = "") -> Job:
    """Mark an order as the mailbox does, and run the job that tells the audit. Returns the job."""
    SiteOrder.objects.filter(id=order.id).update(
        state=SiteOrder.State.FAILED if error else SiteOrder.State.ANSWERED, answered_at=timezone.now(), answer=body,
        answer_digest="a" * 64, error=error,
    )  # fmt: skip
    return tell(order)


def tell(order: SiteOrder) -> Job:
    """The event of an answer reaches the audit (again)."""
    payload = {"event": "order.audit", "subscriber": "predeployment", "order": str(order.id)}
    job = jobs.enqueue("event", payload, key=f"event:test:{order.id}:{Job.objects.count()}")
    assert jobs.run(job.id)
    return job


def pending(audit: AuditRun, site: str = "") -> list[SiteOrder]:
    """Orders that wait for an answer, by site."""
    waiting = SiteOrder.objects.filter(subject=audit.id, state=SiteOrder.State.PENDING).select_related("participant")
    return list((waiting.filter(participant__site=site) if site else waiting).order_by("participant__site"))


def answer_all(audit: AuditRun, **answers: Any) -> None:
    """Answer whatever is asked, until nothing is."""
    while waiting := pending(audit):
        for order in waiting:
            give_answer(order, answer(order, **answers))


def conclude(audit: AuditRun) -> list[str]:
    """Run the checks that are due. Returns their names."""
    due = Job.objects.filter(kind="audit.check", payload__audit=str(audit.id), state=Job.State.QUEUED)
    ran = []
    for job in list(due):
        assert jobs.run(job.id), job.last_error
        ran.append(job.payload["check"])
    return ran


def make_audit(version: Version, outcome: str = "pass", *, actor: Any = None, **answers: Any) -> AuditRun:
    """A finished audit: started, everything answered by every site, every check concluded."""
    audit = services.audit_start(version=version, actor=actor)
    answer_all(audit, outcome=outcome, **answers)
    conclude(audit)
    return AuditRun.objects.get(id=audit.id)
