"""The register of risks."""

from __future__ import annotations

from django.utils import timezone

from audits.posthoc.evidence.base import Counted, Records, provides


@provides("risk_register", "risks")
def _risk_register(records: Records) -> Counted:
    on_risk = {risk.version_id for risk in records.risks if risk.version_id}
    newest = max((risk.created_at for risk in records.risks), default=None)
    sentence = f"{len(on_risk)} of {records.versions} versions have a risk on the register."
    return Counted(len(on_risk), records.versions, newest, sentence)


@provides("risks_controlled", "risks")
def _risks_controlled(records: Records) -> Counted:
    judged = [risk for risk in records.risks if risk.level_after is not None]
    newest = max((risk.created_at for risk in judged), default=None)
    sentence = f"{len(judged)} of {len(records.risks)} risks were judged again after their measures."
    return Counted(len(judged), len(records.risks), newest, sentence)


@provides("risks_reviewed", "risks")
def _risks_reviewed(records: Records) -> Counted:
    today = timezone.now().date()
    current = [risk for risk in records.risks if risk.review_on >= today]
    sentence = f"{len(current)} of {len(records.risks)} risks are not overdue for review."
    return Counted(len(current), len(records.risks), None, sentence)
