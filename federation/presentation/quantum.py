"""What the pages of devices and of runs on them show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Institution, User
from federation.domain.quantum.devices import DEVICES, DeviceSpec
from federation.forms_quantum import evaluable_runs
from federation.models import DeviceConsent, Participant, ProviderTask, QuantumJob, TrainingRun
from federation.presentation import quantum_figures, quantum_noise
from federation.quantum_admission import Used, used_by
from federation.quantum_estimate import recorded_in_words
from federation.quantum_health import HEALTH_IS_FRESH
from federation.quantum_orders import may_move

Purpose, State = QuantumJob.Purpose, QuantumJob.State
PER_PAGE = 20
CONSENT_WORDS = {
    None: ("requested", "Not answered"),
    DeviceConsent.Decision.GIVEN: ("consented", "Consents"),
    DeviceConsent.Decision.REFUSED: ("refused", "Refuses"),
    DeviceConsent.Decision.WITHDRAWN: ("withdrawn", "Withdrawn"),
}

TASK_WORDS = {  # of a run that ended without its result
    ProviderTask.State.SENDING: gettext_noop("It is not known whether the provider has it; it is asked again"),
    ProviderTask.State.HANDED_IN: gettext_noop("Handed in, and not known to have ended; the provider is asked again"),
    ProviderTask.State.DONE: gettext_noop("Had run before it could be cancelled"),
    ProviderTask.State.FAILED: gettext_noop("Failed at the provider"),
    ProviderTask.State.CANCELLED: gettext_noop("Cancelled at the provider"),
    ProviderTask.State.NOT_TAKEN: gettext_noop("Not taken by the provider; counts against no limit"),
}
OPEN_TASK_WORDS = TASK_WORDS | {
    ProviderTask.State.SENDING: gettext_noop("On its way to the provider"),
    ProviderTask.State.HANDED_IN: gettext_noop("Handed in"),
    ProviderTask.State.DONE: gettext_noop("Has run"),
}


@dataclass(frozen=True)
class TaskGroup:
    """A run's tasks at the provider in one state."""

    words: str
    circuits: int
    tasks: list[ProviderTask]


@dataclass(frozen=True)
class Measured:
    """The newest check of one kind on one device."""

    job: QuantumJob
    words: str
    state: str
    at: datetime
    stale: bool
    of: str  # the simulator's noise, or that it has none; empty for a machine


@dataclass(frozen=True)
class DeviceRow:
    spec: DeviceSpec
    missing_modules: list[str]
    missing_variables: list[str]  # names alone
    readout: Measured | None
    volume: Measured | None

    @property
    def where(self) -> str:
        return "Cloud" if self.spec.needs_consent else "Local"


@dataclass(frozen=True)
class ConsentRow:
    run: TrainingRun
    participant: Participant
    spec: DeviceSpec
    consent: DeviceConsent | None

    @property
    def state(self) -> tuple[str, str]:
        return CONSENT_WORDS[DeviceConsent.Decision(self.consent.decision) if self.consent else None]

    @property
    def given(self) -> bool:
        return self.consent is not None and self.consent.decision == DeviceConsent.Decision.GIVEN


def tabs(current: str, user: User) -> list[dict[str, Any]]:
    named = [("Devices", "quantum"), ("Jobs", "quantum_jobs"), ("Consents", "quantum_consents")]
    if user.may("quantum.order"):
        named.append(("Order a run", "quantum_order"))
    return [{"label": label, "url": reverse(name), "current": name == current} for label, name in named]


def device_rows(user: User) -> list[DeviceRow]:
    """Every device with its newest checks: two queries in all."""
    visible = QuantumJob.objects.for_user(user).filter(state=State.FINISHED)
    newest: dict[tuple[str, str], QuantumJob] = {}
    checks = visible.exclude(purpose=Purpose.EVALUATION).order_by("device", "purpose", "-finished_at")
    for job in checks.distinct("device", "purpose"):
        newest[job.device, job.purpose] = job
    return [
        DeviceRow(
            spec=spec,
            missing_modules=spec.missing_modules(),
            missing_variables=spec.missing_variables(),
            readout=_measured(newest.get((spec.name, Purpose.READOUT))),
            volume=_measured(newest.get((spec.name, Purpose.VOLUME))),
        )
        for spec in DEVICES.values()
    ]


def usage_rows(user: User) -> list[tuple[str, Used]]:
    """Use and limits of the month: of the own institutions; for the platform's people, of all."""
    payers: list[Institution | None]
    if user.sees_all:
        payers = [None, *Institution.objects.filter(participations__isnull=False).distinct()]
    else:
        payers = [*Institution.objects.filter(id__in=user.institution_ids)]
    names = [str(payer or "The platform") for payer in payers]
    return list(zip(names, used_by(payers), strict=True))


def consent_page(user: User, number: str | None) -> tuple[Page, list[ConsentRow]]:
    """A page of runs, and for each the answers of the sites within this person's reach to each cloud device."""
    page = Paginator(evaluable_runs(user), PER_PAGE).get_page(number)
    latest = {
        (c.run_id, c.participant_id, c.device): c
        for c in DeviceConsent.objects.filter(run__in=[run.id for run in page]).select_related("decided_by")
    }
    cloud = [spec for spec in DEVICES.values() if spec.needs_consent]
    rows = [
        ConsentRow(run, participant, spec, latest.get((run.id, participant.id, spec.name)))
        for run in page
        for participant in run.federation.participants.all()
        if participant.site in run.config["data_digests"]
        and (user.sees_all or participant.institution_id in user.institution_ids)
        for spec in cloud
    ]
    return page, rows


def job_context(job: QuantumJob, user: User) -> dict[str, Any]:
    orders = user.may("quantum.order") and may_move(job, user)
    tasks, spec = list(job.tasks.all()), DEVICES.get(job.device)
    unsettled = any(task.state in ProviderTask.UNSETTLED for task in tasks)
    left = unsettled and not job.is_open
    told = recorded_in_words(job.estimate)
    return {
        "job": job,
        "task_groups": _task_groups(job, tasks),
        "left": left,  # at the provider, of a run that is over
        "may_look": orders and (left or (job.is_open and spec is not None and spec.needs_consent)),
        "spec": spec,
        "facts": _facts(job, told),
        "warnings": [told.get(words, words) for words in job.estimate.get("warnings", ())],
        "steps": _steps(job),
        "figures": quantum_figures.rows(job),
        "chart": quantum_figures.chart(job),
        "error_words": quantum_figures.error_words(job),
        "readout": job.result if job.purpose == Purpose.READOUT and job.result else None,
        "volume": job.result if job.purpose == Purpose.VOLUME and job.result else None,
        "verdict": _verdict(job),
        "noise": quantum_noise.noise_rows(job),
        "made": quantum_noise.fact_rows(job),
        "mitigation": quantum_noise.compared(job),
        "may_cancel": orders and job.is_open,
        "may_retry": (
            orders and job.state in {State.FAILED, State.CANCELLED} and not left and not job.retries.exists()
        ),
    }


def _task_groups(job: QuantumJob, tasks: list[ProviderTask]) -> list[TaskGroup]:
    """In the order of the states: what is not known comes first."""
    words = TASK_WORDS if job.state in {State.FAILED, State.CANCELLED} else OPEN_TASK_WORDS
    groups = []
    for state in ProviderTask.State:
        if found := [task for task in tasks if task.state == state]:
            groups.append(TaskGroup(words[state], sum(task.circuits for task in found), found))
    return groups


def _measured(job: QuantumJob | None) -> Measured | None:
    if job is None or job.result is None or job.finished_at is None:
        return None
    result = job.result
    if job.purpose == Purpose.READOUT:
        words = _("%(mean)s %% of bits wrong, at worst %(worst)s %%") % {
            "mean": f"{100 * result['mean']:.2f}", "worst": f"{100 * result['value']:.2f}",
        }  # fmt: skip
    elif result["quantum_volume"]:
        said = _("%(volume)s reached") if quantum_noise.is_noiseless(job) else _("%(volume)s confirmed")
        words = said % {"volume": result["quantum_volume"]}
    else:
        words = _("%(volume)s tried, not confirmed") % {"volume": result["tried"]}
    stale = job.finished_at < timezone.now() - HEALTH_IS_FRESH
    return Measured(job, words, _verdict(job), job.finished_at, stale, quantum_noise.subject_words(job))


def _verdict(job: QuantumJob) -> str:
    """A noiseless simulator passes every check: that is no verdict. Older results still say that it is one."""
    said = (job.result or {}).get("verdict", "")
    return "not_applicable" if said == "pass" and quantum_noise.is_noiseless(job) else said


def _facts(job: QuantumJob, told: dict[str, str]) -> list[tuple[str, Any]]:
    estimate = job.estimate
    basis = estimate.get("basis")
    priced = None if job.cost is None else f"{job.cost:,.2f} {estimate.get('currency', '')}".strip()
    cost = priced if job.cost != 0 else _("no charge")
    limit = None if job.cost_limit is None else f"{job.cost_limit:,.2f} {estimate.get('currency', '')}".strip()
    rows: list[tuple[str, Any]] = [
        ("Device", quantum_noise.titled(job)),
        ("Machine", job.machine or None),
        ("Qubits", job.qubits),
        ("Circuits × shots", f"{job.circuits:,} × {job.shots:,} = " + _("%(n)s shots") % {"n": f"{job.total_shots:,}"}),
        ("Estimated cost", cost),
        ("Price", told.get(basis, basis)),
        ("Cost limit of the order", limit or _("none")),
        (
            "Required quantum volume",
            _("at least %(n)s") % {"n": job.min_quantum_volume} if job.min_quantum_volume else _("none required"),
        ),
        ("Counts against", str(job.institution) if job.institution else _("the platform")),
        ("Ordered by", str(job.requested_by)),
    ]
    if job.purpose == Purpose.EVALUATION:
        rows.append(("Mitigation", quantum_noise.mitigation_words(job)))
    if job.participant:
        rows.insert(0, ("Patients of", _("%(site)s, validation set, at its own worker") % {"site": job.participant}))
    return rows


def _steps(job: QuantumJob) -> list[dict[str, Any]]:
    """Ordered, handed in, ended, as a timeline."""
    going_in = job.state == State.QUEUED
    handed = "current" if going_in else "done" if job.submitted_at else "upcoming"
    last = {State.FINISHED: "done", State.FAILED: "blocked", State.CANCELLED: "skipped"}.get(State(job.state))
    label = {State.FINISHED: "Finished", State.FAILED: "Failed", State.CANCELLED: "Cancelled"}.get(
        State(job.state), "Result"
    )
    return [
        {"label": "Ordered", "state": "done", "when": job.created_at, "note": ""},
        {"label": "Handed in", "state": handed, "when": job.submitted_at, "note": ""},
        {"label": label, "state": last or ("upcoming" if going_in else "current"), "when": job.finished_at,
         "note": ""},
    ]  # fmt: skip
