"""Sentences that follow from the figures.

One rule = one function from the facts to sentences. A rule states what was measured and names where; it never judges
beyond its figures. Rules run in the order of `RULES`; the most severe sentences come first. A recommendation belongs to
a rule and appears when the rule fired.
"""

from collections.abc import Callable, Iterator

from audits.typesetting.formats import count, interval, number, p_value, plural

from . import schema as s

SEVERITY_ORDER = {"high": 0, "medium": 1, "information": 2}
INACTIVE = frozenset({"halted", "revoked", "removed", "replaced", "withdrawn", "expired"})


def summarise(facts: s.Facts) -> s.Summary:
    """The executive summary that the facts give."""
    found = [sentence for rule in RULES for sentence in rule(facts)]
    found.sort(key=lambda sentence: SEVERITY_ORDER[sentence.severity])  # stable: within a severity, the order of RULES
    return s.Summary(figures=_figures(facts), findings=found, recommendations=_recommendations(found))


def latest_audits(facts: s.Facts) -> dict[str, s.Audit]:
    """For each model label its last audit (ties: the later in the list)."""
    return {audit.model: audit for audit in sorted(facts.audits, key=lambda audit: audit.completed_at)}


def _sentence(rule: str, severity: str, text: str, *evidence: str) -> s.Sentence:
    return s.Sentence(rule=rule, text=text, severity=severity, evidence=list(evidence))  # type: ignore[arg-type]


def _figures(facts: s.Facts) -> list[s.Figure]:
    halts = [incident for incident in facts.incidents if incident.kind != "incident"]
    standing = sum(halt.reinstatement is None for halt in halts)
    verdicts = [audit.bias.verdict if audit.bias else "not assessed" for audit in facts.audits]
    tally = ", ".join(
        f"{verdicts.count(verdict)} {verdict}"
        for verdict in ("PASS", "FAIL", "INCONCLUSIVE", "not assessed")
        if verdict in verdicts
    )
    clinical = sum(d.predictions for d in facts.deployments if d.kind == "clinical")
    trail = facts.audit_trail
    served = sum(d.predictions for d in facts.deployments)
    return [
        s.Figure(label="Models under governance", value=count(len(facts.models)), evidence="models"),
        s.Figure(
            label="Audits completed", value=count(len(facts.audits)), note=f"bias: {tally}" if tally else "",
            evidence="audits",
        ),
        s.Figure(label="Decisions", value=count(len(facts.approvals)), evidence="approvals"),
        s.Figure(
            label="Predictions served", value=count(served), note=f"{count(clinical)} in clinical use",
            evidence="deployments",
        ),
        s.Figure(
            label="Halts", value=count(len(halts)), note=f"{count(standing)} still standing" if halts else "",
            evidence="incidents",
        ),
        _appeals_figure(facts.appeals),
        _success_figure(facts),
        s.Figure(label="Audit-trail entries", value=count(trail.entries), note=trail.verdict.lower()),
    ]  # fmt: skip


def _nothing(facts: s.Facts) -> Iterator[s.Sentence]:
    """A period without any event is told as such: an empty table alone could be a fault of the report."""
    events = facts.training_runs or facts.audits or facts.approvals or facts.incidents or facts.changes
    served = sum(d.predictions + d.outcomes for d in facts.deployments)
    appeals = facts.appeals is not None and (facts.appeals.received or facts.appeals.carried_over)
    if not (events or served or appeals):
        text = (
            "Nothing happened in this period: no training, audit, decision, prediction, halt, appeal or change of "
            "state is on record."
        )
        yield _sentence("nothing-happened", "information", text, "changes", "trail")


def _trail(facts: s.Facts) -> Iterator[s.Sentence]:
    trail = facts.audit_trail
    if trail.verdict == "VERIFIED":
        text = f"The audit trail of {count(trail.entries)} entries verified against its signed checkpoint."
        yield _sentence("trail-verified", "information", text, "trail")
    else:
        severity = "high" if trail.verdict == "FAILED" else "medium"
        outcome = "failed verification" if trail.verdict == "FAILED" else "was not verified"
        rule = "trail-failed" if trail.verdict == "FAILED" else "trail-not-verified"
        yield _sentence(rule, severity, f"The audit trail {outcome}: {trail.reason}", "trail")
    if trail.completeness is None:
        text = "Completeness of the audit trail was not assessed."
        yield _sentence("completeness-not-assessed", "medium", text, "trail")
    elif missing := trail.completeness.expected - trail.completeness.found:
        text = f"Replay of the log does not find {count(missing)} of {count(trail.completeness.expected)} row versions."
        yield _sentence("incomplete", "high", text, "trail")
    if trail.completeness and (trail.completeness.hashed or 0) < (trail.completeness.bulk or 0):
        text = (
            f"All {count(trail.completeness.bulk)} predictions and outcomes were counted against their batches; the "
            f"content of {count(trail.completeness.hashed)}, drawn by the signed checkpoint, was hashed."
        )
        yield _sentence("content-sampled", "information", text, "trail")
    if trail.anchor is None:
        text = "No checkpoint of this period is anchored on a chain."
        yield _sentence("not-anchored", "medium", text, "trail")


def _bias(facts: s.Facts) -> Iterator[s.Sentence]:
    for audit in facts.audits:
        where = f"audits/{audit.id}"
        if audit.bias is None:
            text = f"The bias of {audit.model} was not assessed: {audit.not_assessed[0].reason}"
            yield _sentence("bias-not-assessed", "medium", text, where)
            continue
        bias, gap = audit.bias, audit.worst_gap
        claim = {
            "FAIL": ("bias-fail", "high", "shows a bias above the limit"),
            "INCONCLUSIVE": ("bias-inconclusive", "medium", "gives no conclusion on bias"),
            "PASS": ("bias-pass", "information", "shows a bias within the limit"),
        }[bias.verdict]
        figures = f"score {number(bias.score)}, {bias.level:.0%} interval {interval(bias.low, bias.high)}"
        text = f"The audit of {audit.model} {claim[2]} of {bias.threshold:g}: {figures}, n = {count(bias.n)}."
        if gap is not None and bias.verdict != "PASS":
            rates = f"{number(gap.rate_low)} for {gap.group_low}, {number(gap.rate_high)} for {gap.group_high}"
            text += f" Widest gap: {gap.metric}, {rates}."
        yield _sentence(claim[0], claim[1], text, where)


def _clinical_without_pass(facts: s.Facts) -> Iterator[s.Sentence]:
    latest = latest_audits(facts)
    for deployment in facts.deployments:
        if deployment.kind != "clinical" or deployment.state.lower() in INACTIVE:
            continue
        audit = latest.get(deployment.model)
        if audit is not None and audit.bias is not None and audit.bias.verdict == "PASS":
            continue
        verdict = "no audit in this report" if audit is None else f"latest verdict {_verdict(audit)}"
        text = f"{deployment.model} was in clinical use at {deployment.institution} with {verdict}."
        where = [f"deployments/{deployment.id}", *([f"audits/{audit.id}"] if audit else [])]
        yield _sentence("clinical-without-pass", "high", text, *where)


def _verdict(audit: s.Audit) -> str:
    return audit.bias.verdict if audit.bias else "not assessed"


def _discrepancy(facts: s.Facts) -> Iterator[s.Sentence]:
    for audit in facts.audits:
        test = audit.discrepancy
        if test is None or min(test.p_quantum, test.p_rbf) >= 0.05:
            continue
        kernels = [name for name, p in (("quantum", test.p_quantum), ("RBF", test.p_rbf)) if p < 0.05]
        which = "both kernels" if len(kernels) == 2 else f"the {kernels[0]} kernel only"
        figures = f"quantum {p_value(test.p_quantum)}, RBF {p_value(test.p_rbf)}"
        text = f"Outputs of {audit.model} differ between groups at the 5 % level by {which} ({figures})."
        yield _sentence("discrepancy", "medium", text, f"audits/{audit.id}")


def _explanation(facts: s.Facts) -> Iterator[s.Sentence]:
    for audit in facts.audits:
        lime = audit.explanation
        if lime is not None and lime.score < lime.target:
            text = f"LIME interpretability of {audit.model} is {number(lime.score)}, below {lime.target:g}."
            yield _sentence("explanation-below-target", "medium", text, f"audits/{audit.id}")


def _attacks(facts: s.Facts) -> Iterator[s.Sentence]:
    for audit in facts.audits:
        for attack in audit.attacks:
            if attack.verdict == "FAIL":
                value = f"{attack.statistic} {number(attack.value)}, limit: {attack.limit}"
                text = f"{audit.model} did not withstand the attack “{attack.name}” ({value})."
                yield _sentence("attack-fail", "high", text, f"audits/{audit.id}")


def _halts(facts: s.Facts) -> Iterator[s.Sentence]:
    for incident in facts.incidents:
        if incident.kind == "incident":
            continue
        where = [f"incidents/{incident.id}"]
        why = f" ({incident.metric})" if incident.metric else ""
        what = f"The {incident.kind} {incident.id} of {incident.deployment or 'no single deployment'}{why}"
        if incident.reinstatement is None:
            text = f"{what} was still standing when the period ended."
            yield _sentence("halt-standing", "medium", text, *where)
        else:
            text = f"{what} ended with a reinstatement by {' and '.join(incident.reinstatement.by)}."
            yield _sentence("halt-reinstated", "information", text, *where)


def _privacy(facts: s.Facts) -> Iterator[s.Sentence]:
    for run in facts.training_runs:
        where = f"training/{run.id}"
        if run.privacy is None:
            text = f"Training run {run.id} ({run.model}) used no differential privacy."
            yield _sentence("no-differential-privacy", "medium", text, where)
        elif run.privacy.epsilon > 1:
            text = f"Training run {run.id} ({run.model}) spent ε = {run.privacy.epsilon:g}, above 1."
            yield _sentence("epsilon-above-one", "medium", text, where)


def _appeals_figure(appeals: s.Appeals | None) -> s.Figure:
    if appeals is None:
        return s.Figure(label="Appeals received", value="not recorded", evidence="appeals")
    return s.Figure(
        label="Appeals received", value=count(appeals.received), note=f"{count(appeals.open)} open", evidence="appeals"
    )


def _success_figure(facts: s.Facts) -> s.Figure:
    """The newest external sample of the period that could assess something; the platform computes none of its own."""
    told = [sample for sample in facts.external if sample.rate is not None]
    if not told:
        return s.Figure(
            label="Audit success rate", value="absent", note="no external auditor's sample", evidence="external"
        )
    newest = told[-1]
    return s.Figure(
        label="Audit success rate", value=f"{newest.rate:.1%}", evidence="external",
        note=f"external sample of {newest.of}, {newest.level:.0%} interval {newest.low:.1%} to {newest.high:.1%}",
    )  # fmt: skip


def _external(facts: s.Facts) -> Iterator[s.Sentence]:
    for sample in facts.external:
        if sample.major:
            text = f"An external auditor found {plural(sample.major, 'major nonconformity', 'major nonconformities')} "
            text += f"in the sample {sample.id} of {sample.of}."
            yield _sentence("external-major", "high", text, f"external/{sample.id}")
        if sample.minor:
            text = f"An external auditor found {plural(sample.minor, 'minor nonconformity', 'minor nonconformities')} "
            text += f"in the sample {sample.id} of {sample.of}."
            yield _sentence("external-minor", "medium", text, f"external/{sample.id}")


def _appeals(facts: s.Facts) -> Iterator[s.Sentence]:
    appeals = facts.appeals
    if appeals is None:
        return
    if appeals.upheld:
        text = f"{plural(appeals.upheld, 'appeal')} by patients or clinicians changed the contested answer."
        yield _sentence("appeals-upheld", "medium", text, "appeals")
    if appeals.open:
        text = f"{plural(appeals.open, 'appeal')} still open when the period ended."
        yield _sentence("appeals-open", "medium", text, "appeals")


RULES: tuple[Callable[[s.Facts], Iterator[s.Sentence]], ...] = (
    _nothing,
    _clinical_without_pass,
    _bias,
    _attacks,
    _halts,
    _discrepancy,
    _explanation,
    _privacy,
    _appeals,
    _external,
    _trail,
)

# What a fired rule asks for. A rule without an entry asks for nothing.
ADVICE: dict[str, str] = {
    "clinical-without-pass": "Move the deployment to shadow use, or halt it, until an audit passes.",
    "bias-fail": "Retrain or recalibrate for the groups named, then audit again before any further clinical use.",
    "bias-inconclusive": "Collect more labelled cases from the smallest groups, so that the interval can decide.",
    "bias-not-assessed": "Obtain the missing group information or outcomes and repeat the audit.",
    "attack-fail": "Strengthen privacy or withdraw the exposed output, and repeat the attack test.",
    "halt-standing": "Keep the model out of service until two independent officers decide on its reinstatement.",
    "discrepancy": "Examine which groups differ and whether the difference is clinically explained.",
    "explanation-below-target": "Review the explanations with clinicians before they are shown beside predictions.",
    "no-differential-privacy": "Justify training without differential privacy, or repeat it with a privacy budget.",
    "epsilon-above-one": "Lower the privacy budget of the next run, or record why a larger one is acceptable.",
    "appeals-upheld": "Trace each changed answer to its cause and add the cases to the next audit.",
    "appeals-open": "Decide the open appeals.",
    "external-major": "Answer each major nonconformity through a board's finding, with an owner and a deadline.",
    "external-minor": "Correct the minor nonconformities before the next sample.",
    "trail-failed": "Treat the audit trail as compromised: preserve it, compare it with the witnesses' copies.",
    "trail-not-verified": "Verify the audit trail before this report is signed.",
    "incomplete": "Find how the missing changes escaped capture, and append a re-baseline entry.",
    "completeness-not-assessed": "Replay the log against the governed tables.",
    "not-anchored": "Anchor a checkpoint, and have the institutions' witnesses cosign it.",
}


def _recommendations(findings: list[s.Sentence]) -> list[s.Sentence]:
    """One recommendation a fired rule, resting on all that the rule found."""
    advice: dict[str, s.Sentence] = {}
    for finding in findings:
        if finding.rule not in ADVICE:
            continue
        earlier = advice[finding.rule].evidence if finding.rule in advice else []
        evidence = [*earlier, *(pointer for pointer in finding.evidence if pointer not in earlier)]
        severity = advice[finding.rule].severity if finding.rule in advice else finding.severity
        advice[finding.rule] = _sentence(finding.rule, severity, ADVICE[finding.rule], *evidence)
    return list(advice.values())
