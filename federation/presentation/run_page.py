"""What the page of a run shows: the part that never changes, and the part that is drawn again while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from core.charts import Chart
from federation import consents
from federation.domain.start import start_of
from federation.models import Round, RunEvent, TrainingRun
from federation.presentation import budgets
from federation.presentation.attendance import attendance
from federation.presentation.charts import run_charts, steps_charts
from federation.presentation.circuits import circuit_chart
from federation.presentation.comparison_charts import difference_by_round, sites_chart
from federation.presentation.consents import LEFT_WORDS, answers_of, matters_of, own_of
from federation.presentation.facts import NO_PRIVACY, consent_words, privacy_words
from federation.presentation.fairness import weights_page
from federation.presentation.passes import engine_page
from federation.presentation.progress import run_fingerprint, run_progress
from federation.presentation.requirement import standing_of
from federation.presentation.run_result import result_of
from federation.presentation.security import security_page
from federation.presentation.start import start_privacy_words

State = TrainingRun.State
EVENTS_SHOWN = 30
EVENT_STATES = {"finished": "finished", "failed": "failed", "aborted": "aborted", "paused": "paused"}
_REMEDIES = (
    ("privacy budget", "Propose a new run with fewer rounds or a larger budget; the sites decide on it anew."),
    ("round was discarded", "See below who was missing. Propose a run with a smaller quorum of the noise, or later."),
    ("secure aggregation", "Look into the workers' logs of the sites that did not answer; then propose a new run."),
    ("now holds", "The data of a site changed after it consented. Propose a new run on the present data."),
    ("NotApproved", "The operator of that site approves the configuration there; then propose a new run."),
    ("no quorum", "See below who was left out, and why. Propose a run with a smaller quorum or a longer deadline."),
    ("No space left", "Free space on the platform's disk; then propose a new run."),
    ("DataError", "The site's operator corrects the data as the message says; then propose a new run."),
)
_REMEDY = "Ask the operator of the site that is named to look into its worker's log; then propose a new run."


@dataclass(frozen=True)
class Control:
    """One thing that this person may do with the run now."""

    label: str
    url: str
    tone: str
    icon: str
    confirm: str


def fixed_part(run: TrainingRun) -> dict[str, Any]:
    """Frozen with the configuration."""
    digests, terms = sorted(run.config["data_digests"].items()), consents.terms_of(run)
    return {
        "terms": terms.rows() if terms else [],
        "consented": consent_words(run.config),
        "circuit": circuit_chart(run.config),
        "digests": digests,
        "private": privacy_words(run.config) != _(NO_PRIVACY),
        "beyond": _beyond(run.config),
        "fingerprint": run_fingerprint(run.id),
        "run_budgets": budgets.of_run(run),
    }


def _beyond(config: dict[str, Any]) -> str:
    """Of a private run: that it begins from a version whose privacy nothing bounds."""
    start = start_of(config)
    unbounded = start is not None and start.epsilon is None and config["epsilon_budget"] is not None
    return start_privacy_words(config) if unbounded else ""


def live_part(run: TrainingRun, user: User, *, have: str = "") -> dict[str, Any]:
    """Everything that may change, in about ten queries.

    Charts change with each finished round only. A page that says it has those of so many rounds gets none: drawing
    them is most of the work.
    """
    rounds = list(run.rounds.defer("metrics", "weights", "start_weights"))
    answers = answers_of(run)
    progress = run_progress(run, rounds)
    drawn = {} if have == str(progress.done) else _drawn(run)
    return {
        "run": run,
        "federation": run.federation,
        "progress": progress,
        "rounds_text": _rounds_text(run, progress.done),
        "eta": duration(progress.eta_seconds),
        "mean_round": duration(progress.mean_round_seconds),
        **drawn,
        "steps": _steps(run, rounds),
        "budget": run.config["epsilon_budget"],
        "answers": answers,
        "waiting": sum(1 for answer in answers if not answer.given),
        "own": own_of(run, answers, user),
        "left": [a for a in answers if a.decision in {"refused", "withdrawn"}] if run.started_at else [],
        "left_words": LEFT_WORDS,
        "matters": matters_of(run, user),
        "controls": _controls(run, user),
        "may_abort": run.is_open and user.may("run.control"),
        "events": _events(run),
        "attendance": attendance(run),
        "remedy": _remedy(run),
        "security": security_page(run),
        "device": standing_of(run),
        "engine": engine_page(run),
        "weights": weights_page(run),
    }


def _drawn(run: TrainingRun) -> dict[str, Any]:
    """The charts of the finished rounds, and the quantum model against its twin."""
    result = result_of(run)
    return {
        "charts": run_charts(run, result.rounds),
        "result": result,
        "results": [result],
        "forest": sites_chart(result),
        "differences": difference_by_round(result),
        "compare_url": f"{reverse('run_compare')}?run={run.id}",
    }


def _steps(run: TrainingRun, rounds: list[Round]) -> list[Chart]:
    current = next((r for r in rounds if r.state == Round.State.TRAINING), None)
    return steps_charts(run, current) if current and run.state == State.RUNNING else []


def _rounds_text(run: TrainingRun, done: int) -> str:
    return _("%(done)s of %(planned)s rounds done") % {"done": done, "planned": run.rounds_planned}


def _controls(run: TrainingRun, user: User) -> list[Control]:
    offered = []
    if run.state == State.APPROVED and user.may("run.start"):
        asked = _("Every site has consented. Training starts at all of them.")
        offered.append(Control("Start training", reverse("run_start", args=[run.id]), "primary", "play", asked))
    if run.state == State.RUNNING and user.may("run.control"):
        offered.append(Control("Pause", reverse("run_pause", args=[run.id]), "", "pause", ""))
    if run.state == State.PAUSED and user.may("run.control"):
        offered.append(Control("Resume", reverse("run_resume", args=[run.id]), "primary", "play", ""))
    return offered


def _events(run: TrainingRun) -> list[dict[str, Any]]:
    """The newest events, without the steps within a round (those are shown as progress)."""
    newest = RunEvent.objects.filter(run=run).exclude(kind="progress").order_by("-id")[:EVENTS_SHOWN]
    return [{"when": e.at, "text": e.text, "state": EVENT_STATES.get(e.kind, ""), "actor": e.site} for e in newest]


def _remedy(run: TrainingRun) -> str:
    if run.state != State.FAILED:
        return ""
    return _(next((words for sign, words in _REMEDIES if sign in run.stop_reason), _REMEDY))


def duration(seconds: float | None) -> str:
    """A length of time in words, coarse as an estimate should be; empty if there is none."""
    if seconds is None:
        return ""
    if seconds < 1:
        return _("under 1 s")
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
