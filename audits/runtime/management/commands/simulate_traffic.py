from __future__ import annotations

import uuid

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audits.domain.rehearsal import KINDS, Plan, PlanError
from audits.domain.traffic import Traffic
from audits.runtime.rehearsal import Rehearsal, rehearse
from core.errors import ApplicationError
from federation.domain.data.dataset import DataError, ReaderUnavailable, Source
from federation.domain.data.registry import open_source
from federation.models import Participant
from models_registry.models import Deployment

MOST_AT_ONCE = 256
LINES = 20  # of progress


class Command(BaseCommand):
    help = (
        "Rehearse a halt: replays a site's data through the deployment's real gateway and ingest, with a gap planted "
        "for one group, and says when the monitor halted it. The model's answers are its own; what it is shown is "
        "spoilt so that the group's rate changes by SIZE. The same seed sends the same cases. On a clinical deployment "
        "only with --rehearsal: the halt is real, and two officers must reinstate it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("deployment", help="the deployment's id, or its name")
        parser.add_argument("--kind", choices=KINDS, default="gap", help="gap: in full from the onset; drift: grows")
        parser.add_argument("--metric", default="tpr", help="tpr, fpr, accuracy; for images dice or tpr (default tpr)")
        parser.add_argument("--attribute", default="sex", help="whose rate suffers (default sex)")
        parser.add_argument("--group", default="", help="and which group of it, e.g. female")
        parser.add_argument("--size", type=float, default=0.2, help="by how much its rate changes (default 0.2)")
        parser.add_argument("--onset", type=int, default=0, help="first case that may be spoilt (default 0)")
        parser.add_argument("--count", type=int, default=1000, help="cases to send at most (default 1000)")
        parser.add_argument("--rate", type=float, default=50.0, help="cases a second at most, 0: no limit (default 50)")
        parser.add_argument("--batch", type=int, default=25, help="cases a request (default 25)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--from", dest="source", default="", metavar="DATA", help="heart:PATH, lgg:PATH, phantom…")
        parser.add_argument("--site", default="", help="the site that sends (default: the first that has data)")
        parser.add_argument("--fold", action="store_true", help="fold outcomes here, if no monitor process runs")
        parser.add_argument("--rehearsal", action="store_true", help="allow it on a clinical deployment")

    def handle(self, *args, **options) -> None:
        if not 1 <= options["batch"] <= MOST_AT_ONCE:
            raise CommandError(f"Expected a --batch from 1 to {MOST_AT_ONCE}, got {options['batch']}.")
        if options["rate"] < 0:
            raise CommandError(f"Expected a --rate of 0 or more cases a second, got {options['rate']:g}.")
        if options["kind"] != "none" and not options["group"]:
            raise CommandError("Expected --group, the group whose rate suffers, e.g. --group female.")
        try:
            names = ("kind", "metric", "attribute", "group", "size", "onset", "count", "seed")
            plan = Plan(**{name: options[name] for name in names})
            deployment = _deployment(options["deployment"])
            source = open_source(options["source"] or _source_of(deployment))
            participant = _participant(deployment, source, options["site"])
            self.stdout.write(_announcement(deployment, plan, participant.site))
            found = rehearse(
                deployment=deployment, source=source, participant=participant, plan=plan, rate=options["rate"],
                batch=options["batch"], fold=options["fold"], prefix=f"rehearsal-{uuid.uuid4().hex[:8]}",
                clinical=options["rehearsal"], told=self._progress(plan),
            )  # fmt: skip
        except (PlanError, DataError, ReaderUnavailable) as error:
            raise CommandError(f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}.") from error
        except ApplicationError as error:
            raise CommandError(error.message) from error
        for line in _conclusion(plan, found):
            self.stdout.write(line)

    def _progress(self, plan: Plan):
        said = 0

        def told(done: Traffic) -> None:
            nonlocal said
            if done.predictions * LINES // plan.count > said:
                said = done.predictions * LINES // plan.count
                self.stdout.write(f"  {done.predictions:>6,} of {plan.count:,} cases, {done.spoilt:,} spoilt")

        return told


def _deployment(text: str) -> Deployment:
    rows = Deployment.objects.select_related("version__model__federation", "approval")
    try:
        found = list(rows.filter(id=uuid.UUID(text)))
    except ValueError:
        found = list(rows.filter(name=text)[:2])
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"Several deployments are named {text!r}. Give the id of one.")
    known = ", ".join(f"{row.name} ({row.id})" for row in rows[:10]) or "none yet"
    raise CommandError(f"Expected the id or the name of a deployment, got {text!r}. There are: {known}.")


def _source_of(deployment: Deployment) -> str:
    """Drawn data need no folder; of any other the command must be told where they are."""
    run = deployment.version.run
    names = {
        manifest.content["source"]
        for participant in run.federation.participants.all()
        for manifest in participant.manifests.filter(digest__in=list(deployment.version.manifests.values()))
    }
    if names == {"phantom"}:
        return "phantom"
    raise CommandError(
        f"{deployment.version} was trained on {', '.join(sorted(names)) or 'data that are not known'}. Say where such "
        "data are, e.g. --from heart:PATH."
    )


def _participant(deployment: Deployment, source: Source, site: str) -> Participant:
    held = {info.code for info in source.sites()}
    rows = Participant.objects.filter(federation=deployment.version.model.federation, is_active=True)
    sites = {row.site: row for row in rows.select_related("institution").order_by("site") if row.site in held}
    if not sites:
        raise CommandError(
            f"No site of {deployment.version.model.federation} has data in {source.name}, whose sites are "
            f"{', '.join(sorted(held))}. Choose other data with --from."
        )
    if site and site not in sites:
        raise CommandError(f"Expected a --site among {', '.join(sites)}, got {site!r}.")
    return sites[site] if site else next(iter(sites.values()))


def _announcement(deployment: Deployment, plan: Plan, site: str) -> str:
    whose = f"{plan.metric} for {plan.attribute} = {plan.group} from case {plan.onset}"
    what = "nothing planted" if plan.kind == "none" else f"a {plan.kind} of {plan.size:g} in {whose}"
    return f"{deployment} ({deployment.get_kind_display().lower()}), {plan.count:,} cases of {site}: {what}."


def _conclusion(plan: Plan, found: Rehearsal) -> list[str]:
    done = found.traffic
    lines = [f"{done.predictions:,} predictions and {done.outcomes:,} outcomes, {done.spoilt:,} cases spoilt."]
    if found.base is not None:
        lines.append(f"Without the plant, {plan.metric} of {plan.attribute} = {plan.group} is {found.base:.3f} here.")
    if found.halt is None:
        return [*lines, "No halt. That is no proof of fairness: a longer replay may still bring one."]
    who = "the monitor" if found.halt.automatic else "an officer"
    after = "" if plan.kind == "none" else f", {(found.outcomes_to_halt or 0) - plan.onset:,} after the onset"
    seconds = "" if found.seconds_to_halt is None else f", {found.seconds_to_halt:.1f} s after the onset was sent"
    return [
        *lines,
        f"Halted by {who} at outcome {found.outcomes_to_halt:,} of this replay{after}{seconds}.",
        f"Reason: {found.halt.reason}",
    ]
