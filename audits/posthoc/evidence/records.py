"""The ledger, retention, reports and roles."""

from __future__ import annotations

from django.db.models import Count, Max

from accounts.models import Membership
from audits.posthoc.evidence.base import Counted, Records, exists, provides
from audits.posthoc.models import Report
from audits.runtime.models import RetiredMonth
from core.roles import Role
from provenance.models import Checkpoint, Entry


@provides("retention")
def _retention(_records: Records) -> Counted:
    told = RetiredMonth.objects.aggregate(n=Count("pk"), newest=Max("created_at"))
    sentence = f"{told['n']} months of predictions were retired; before that, nothing was due or nothing was done."
    return Counted(min(told["n"], 1), min(told["n"], 1), told["newest"], sentence)


@provides("trail", "ledger")
def _trail(_records: Records) -> Counted:
    checkpoint, head = Checkpoint.objects.order_by("-size").first(), Entry.objects.aggregate(head=Max("seq"))["head"]
    entries = 0 if head is None else head + 1
    if checkpoint is None:
        return Counted(0, entries, None, f"No checkpoint was signed yet over {entries:,} entries.")
    covered = min(checkpoint.size, entries)
    sentence = f"{covered:,} of {entries:,} entries are under a signed checkpoint."
    return Counted(covered, entries, checkpoint.created_at, sentence)


@provides("examined", "ledger")
def _examined(_records: Records) -> Counted:
    told = Entry.objects.filter(operation="READ").aggregate(n=Count("seq"), newest=Max("at"))
    sentence = f"{told['n']:,} readings of the records are themselves entries of the ledger."
    return Counted(min(told["n"], 1), 1, told["newest"], sentence)


@provides("reports", "reports")
def _reports(_records: Records) -> Counted:
    return exists(Report.objects.filter(state=Report.State.FINISHED), "finished reports", at="finished_at")


@provides("roles")
def _roles(_records: Records) -> Counted:
    wanted = [Role.ADMINISTRATOR, Role.ETHICS_OFFICER, Role.AUDITOR, Role.SITE_OPERATOR, Role.CLINICIAN]
    rows = Membership.objects.filter(role__in=wanted, is_active=True, user__is_active=True)
    held = set(rows.values_list("role", flat=True).distinct())
    return Counted(len(held), len(wanted), None, f"{len(held)} of {len(wanted)} roles are held by somebody.")
