"""Versions of models, their cards and their audits."""

from __future__ import annotations

from django.db.models import Count, Max, Q

from audits.posthoc.evidence.base import Counted, Records, counted, exists, provides
from audits.predeployment.models import AuditPolicy, AuditRun, ExternalAudit
from models_registry.cards import completeness
from models_registry.models import Card, CardPublication, ModelSignature, Version

_GROUPS = {  # evidence -> the checks that speak of it
    "bias_checks": ("bias_score", "aif360", "mdss", "calibration", "thresholds", "fairlearn", "quantum_mmd"),
    "attack_checks": (
        "membership", "reconstruction", "model_inversion", "attribute_inference", "leakage", "amplitude", "epsilon",
    ),
    "robustness_checks": ("adversarial", "shot_attack", "corruption", "boundaries"),
    "performance_checks": ("performance",),
    "explanation_checks": ("lime", "glass_box", "circuit"),
    "data_checks": ("representation", "target_population"),
    "lineage_checks": ("lineage",),
}  # fmt: skip
_SETTLED = frozenset({"pass", "reported", "not_flagged"})
_UNSETTLED = frozenset({"fail", "inconclusive"})


@provides("models", "models")
def _models(_records: Records) -> Counted:
    return exists(Version.objects.all(), "versions of models")


@provides("signatures", "models")
def _signatures(records: Records) -> Counted:
    return counted(ModelSignature.objects.all(), records.versions, "{n} of {of} versions have signed weights.")


@provides("cards", "models")
def _cards(records: Records) -> Counted:
    cards = list(Card.objects.order_by("version_id", "-edition").distinct("version_id"))
    told = [completeness(card.content) for card in cards]
    stated, required = sum(found.stated for found in told), max((found.required for found in told), default=0)
    whole = sum(not found.missing for found in told)
    newest = max((card.created_at for card in cards), default=None)
    sentence = f"{len(cards)} of {records.versions} versions have a card; {whole} state every required element."
    return Counted(stated, records.versions * max(required, 1), newest, sentence)


@provides("published_cards", "public_cards")
def _published_cards(records: Records) -> Counted:
    rows = CardPublication.objects.filter(withdrawn_at__isnull=True)
    return counted(rows, records.versions, "{n} of {of} versions have a public card.", per="version")


@provides("audits", "audits")
def _audits(records: Records) -> Counted:
    rows = AuditRun.objects.filter(state=AuditRun.State.FINISHED)
    return counted(
        rows, records.versions, "{n} of {of} versions have a finished audit.", at="finished_at", per="version"
    )


def _group(name: str) -> None:
    @provides(name, "audits")
    def checks(records: Records) -> Counted:
        ran, settled, newest = 0, 0, None
        for results in records.checks.values():
            found = [results[check] for check in _GROUPS[name] if check in results]
            verdicts = {verdict for verdict, _ in found}
            ran += bool(found)
            settled += bool(verdicts & _SETTLED) and not verdicts & _UNSETTLED
            newest = max([at for _, at in found] + ([newest] if newest else []), default=None)
        sentence = f"{settled} of {records.versions} versions pass the checks of this kind; {ran} were measured."
        return Counted(settled, records.versions, newest, sentence)


for _name in _GROUPS:
    _group(_name)


@provides("audit_policies", "policies")
def _audit_policies(_records: Records) -> Counted:
    rows = AuditPolicy.objects.filter(state=AuditPolicy.State.APPROVED)
    told = rows.aggregate(n=Count("pk"), decided=Count("pk", filter=Q(shipped=False)), newest=Max("closed_at"))
    sentence = f"{told['n']} policies in force or past, {told['decided']} of them decided on here."
    return Counted(min(told["n"], 1) + min(told["decided"], 1), 2, told["newest"], sentence)


@provides("external_audits", "external_audits")
def _external_audits(records: Records) -> Counted:
    rows = ExternalAudit.objects.filter(state=ExternalAudit.State.CLOSED)
    sentence = "{n} of {of} versions were audited by an outside board that has finished."
    return counted(rows, records.versions, sentence, at="closed_at", per="version")
