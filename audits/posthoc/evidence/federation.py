"""What the federation has on record."""

from __future__ import annotations

from django.db.models import Count, Max, Q
from django.utils import timezone

from accounts.models import Institution
from audits.posthoc.evidence.base import Counted, Records, counted, provides
from federation.models import (
    Consent,
    DataManifest,
    FederationAgreement,
    PrivacyBudget,
    Reconsideration,
    SiteCertificate,
    TrainingRun,
)


@provides("training_runs", "federations")
def _training_runs(records: Records) -> Counted:
    done = [run for run in records.runs if run.state == TrainingRun.State.FINISHED]
    newest = max((run.finished_at for run in done if run.finished_at), default=None)
    sentence = f"{len(done)} of {len(records.runs)} runs finished, each frozen by hash before it began."
    return Counted(len(done), 1 if done else len(records.runs), newest, sentence)


@provides("private_runs", "federations")
def _private_runs(records: Records) -> Counted:
    done = [run for run in records.runs if run.state == TrainingRun.State.FINISHED]
    private = [run for run in done if run.config.get("epsilon_budget") is not None or run.config.get("privacy")]
    newest = max((run.finished_at for run in private if run.finished_at), default=None)
    sentence = f"{len(private)} of {len(done)} finished runs used differential privacy."
    return Counted(len(private), len(done), newest, sentence)


@provides("manifests", "federations")
def _manifests(records: Records) -> Counted:
    sentence = "{n} of {of} active sites told the digest of their data."
    rows = DataManifest.objects.filter(participant__is_active=True)
    return counted(rows, records.participants, sentence, per="participant")


@provides("consents", "federations")
def _consents(records: Records) -> Counted:
    started = [run.id for run in records.runs if run.state not in {"proposed", "aborted"}]
    rows = Consent.objects.filter(run__in=started, decision=Consent.Decision.GIVEN)
    return counted(rows, len(started), "{n} of {of} runs that went ahead have consents on record.", per="run")


@provides("agreements", "federations")
def _agreements(records: Records) -> Counted:
    today = timezone.now().date()
    rows = FederationAgreement.objects.filter(participant__is_active=True).exclude(ends_on__lt=today)
    sentence = "{n} of {of} active sites have an agreement in force."
    return counted(rows, records.participants, sentence, per="participant")


@provides("opt_outs", "federations")
def _opt_outs(_records: Records) -> Counted:
    told = Reconsideration.objects.aggregate(
        n=Count("pk"), done=Count("pk", filter=Q(decided_at__isnull=False)), newest=Max("decided_at")
    )
    sentence = f"{told['done']} of {told['n']} withdrawals and opt-outs after a run are decided."
    return Counted(told["done"], told["n"], told["newest"], sentence)


@provides("budgets", "federations")
def _budgets(_records: Records) -> Counted:
    of = Institution.objects.filter(participations__is_active=True).distinct().count()
    rows = PrivacyBudget.objects.filter(institution__participations__is_active=True)
    return counted(rows, of, "{n} of {of} participating institutions have set a privacy budget.", per="institution")


@provides("site_security", "federations")
def _site_security(records: Records) -> Counted:
    rows = SiteCertificate.objects.filter(participant__is_active=True, not_after__gt=timezone.now())
    return counted(rows, records.participants, "{n} of {of} active sites hold a valid certificate.", per="participant")
