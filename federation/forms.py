from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import fields

from django import forms
from django.utils.translation import gettext as _

from federation.domain.fairness_config import SOLVERS, TARGETS, WHY_NOT_PRIVATE
from federation.domain.learning.defaults import default_config, default_rounds
from federation.domain.secure.aggregation import MIN_SITES
from federation.domain.strategies.base import Pull
from federation.domain.strategies.registry import RULES
from federation.models_sites import RunEngine

RECOMMENDED, SOLVED, TOGETHER, NONE = "recommended", "solved", "together", "none"
ONE_STEP = {name for name, rule in RULES.items() if not rule.needs_single_updates and rule().pull == Pull()}
MASKED, SEALED = "masked", "sealed"
HOUR = 60  # minutes


class RunForm(forms.Form):
    """What an administrator chooses of a new run; everything else is the recommended configuration of the task."""

    name = forms.CharField(max_length=120, label="Name", help_text="How people will call this run.")
    rounds = forms.IntegerField(
        min_value=1, max_value=200, label="Rounds",
        help_text="In each round every site trains on its own data, and the updates are averaged.",
    )  # fmt: skip
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, label="Seed",
        help_text="Fixes the initial weights and each site's split. The same seed makes the run repeatable.",
    )  # fmt: skip
    start = forms.ChoiceField(
        label="Begins from", required=False,
        help_text="Initial weights, or a version that was trained before. The institutions that lent it data take part "
        "here too, unless it is of this federation and their agreements hold. On the same data, take its seed.",
    )  # fmt: skip
    start_encoder = forms.ChoiceField(
        label="What is taken of the version", required=False,
        choices=[
            (NONE, "All weights: training goes on"),
            ("tuned", "Its encoder, which goes on learning; the circuit and the rest start anew"),
            ("frozen", "Its encoder, which stays as it is; the circuit and the rest start anew"),
        ],
        help_text="Only used where a run begins from a version.",
    )  # fmt: skip
    strategy = forms.ChoiceField(
        choices=[(name, f"{rule.title}: {rule.words}") for name, rule in RULES.items()], initial="fedavg",
        required=False, label="How updates are put together",
        help_text="Multi-Krum, trimmed mean and median survive a site that lies; they compare single updates, so these "
        "cannot be masked from the aggregator.",
    )  # fmt: skip
    quorum = forms.IntegerField(
        min_value=1, required=False, label="Quorum",
        help_text="Sites whose answers a round needs. A site that fails, is late or sends what cannot be used is left "
        "out of that round, on the record. Empty: all sites.",
    )  # fmt: skip
    deadline_minutes = forms.IntegerField(
        min_value=1, max_value=7 * 24 * HOUR, initial=HOUR, required=False, label="Deadline in minutes",
        help_text="How long training, and then scoring, waits for a site in each round. Empty: as long as it takes.",
    )  # fmt: skip
    privacy = forms.ChoiceField(
        label="Privacy of the patients",
        choices=[
            (RECOMMENDED, "Differential privacy with the recommended noise; the run stops when the budget is spent"),
            (SOLVED, "Differential privacy with the least noise that keeps all planned rounds within the budget"),
            (TOGETHER, "Differential privacy with noise that all sites make together under masks; a round is one step"),
            (NONE, "No differential privacy: the loss of privacy is not bounded"),
        ],
        widget=forms.RadioSelect,
        initial=RECOMMENDED,
        help_text="Noise makes the trained weights hardly depend on any single patient. Made together it is less for "
        "the same ε, but needs masks, FedAdam (or FedAvg) and many rounds, of which each is one step. Sites see this "
        "choice before they consent.",
    )
    epsilon_budget = forms.FloatField(
        min_value=0.01, max_value=999, initial=10, label="Privacy budget ε",
        error_messages={"required": "Differential privacy needs a budget over 0; 10 is the recommended one."},
        help_text="What the run may spend of each patient's privacy. Smaller is more private; 10 is a weak guarantee, "
        "1 a strong one. Only used with differential privacy.",
    )  # fmt: skip
    scores_epsilon = forms.FloatField(
        min_value=0.01, max_value=999, initial=1, required=False, label="Scores may spend ε",
        help_text="Sites score each round on other patients than those they train on. With differential privacy these "
        "scores carry noise and are charged to each institution's budget; the smaller ε, the more noise. Groups are "
        "scored after the last round. Empty: no scores leave the sites. Without differential privacy they are exact.",
    )  # fmt: skip

    engine = forms.ChoiceField(
        label="Engine", choices=RunEngine.Engine, initial=RunEngine.Engine.LOCAL, required=False,
        help_text="What carries the orders to the sites; the result is the same, and the sites consent to the choice. "
        "FLARE needs its server beside this platform and a client at each site.",
    )  # fmt: skip

    messages = forms.ChoiceField(
        label="How updates travel", required=False,
        choices=[
            (MASKED, "Sealed and summed under masks: the coordinator learns only a sum over most of the sites"),
            (SEALED, "Sealed: only the coordinator can read a site's update"),
            (NONE, "Signed only: whoever carries or stores the messages can read them"),
        ],
        widget=forms.RadioSelect,
        help_text="Masks need at least three sites, and hide each site's own figures and update from everybody.",
    )  # fmt: skip
    keep = forms.FloatField(
        min_value=0.001, max_value=1, initial=1, required=False, label="Share of the weights sent in a round",
        help_text="1 sends all. With less, under masks each weight has its turn, and without masks each site sends its "
        "largest changes; what was not sent is added to a later round. Worth it for large models and many rounds. Not "
        "used where messages are signed only.",
    )  # fmt: skip

    quantum_keys = forms.BooleanField(
        required=False, label="Mix quantum keys into the masks",
        help_text="Each pair of sites also needs a link of quantum key distribution; without one the run ends and says "
        "so. Only with masks.",
    )  # fmt: skip
    fairness = forms.ChoiceField(
        label="Weights of patients", required=False,
        choices=[
            ("", "Every patient counts the same"), *((key, f"At each site, {said}") for key, said in TARGETS.items()),
        ],
        help_text="Against bias, before training: each site weighs its patients by group and label. Counts stay at the "
        "site. Not with differential privacy.",
    )  # fmt: skip
    fairness_attribute = forms.ChoiceField(
        label="Groups that are weighed", required=False,
        help_text="Groups and labels of fewer than 5 patients at a site keep the weight 1. Only used with weights.",
    )  # fmt: skip
    fairness_solver = forms.ChoiceField(
        label="Solver of the weights", required=False, choices=list(SOLVERS.items()), initial="qaoa",
        help_text="The exact optimum and Reweighing are shown beside it. Only used with weights.",
    )  # fmt: skip

    def __init__(
        self, *args, task: str, side: int | None = None, sites: int = 0, attributes: Sequence[str] = (),
        over_flare: Sequence[str] = (), versions: Sequence[tuple[str, str]] = (), **kwargs,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        if over_flare:
            self.fields["engine"].initial = RunEngine.Engine.FLARE
            self.fields["engine"].help_text += " " + _("Over FLARE alone: %(sites)s.") % {
                "sites": ", ".join(over_flare)
            }
        self._offer_weights(attributes)
        self._offer_versions(versions)
        self.fields["messages"].initial = MASKED if sites >= MIN_SITES else SEALED
        self.recommended = default_config(task, side)  # type: ignore[arg-type]
        self.fields["rounds"].initial = default_rounds(task, side)  # type: ignore[arg-type]
        self.fields["seed"].initial = secrets.randbelow(10_000)
        self._add_options()
        if self.recommended.dp is None:
            del self.fields["privacy"], self.fields["epsilon_budget"], self.fields["scores_epsilon"]
        elif self.data.get("privacy") == NONE:
            self.fields["epsilon_budget"].required = False

    def _offer_weights(self, attributes: Sequence[str]) -> None:
        if attributes:
            offered = [(name, name.replace("_", " ")) for name in attributes]
            self.fields["fairness_attribute"].choices = offered  # type: ignore[attr-defined]
        else:
            del self.fields["fairness"], self.fields["fairness_attribute"], self.fields["fairness_solver"]

    def _offer_versions(self, versions: Sequence[tuple[str, str]]) -> None:
        if versions:
            self.fields["start"].choices = [("", _("Initial weights")), *versions]  # type: ignore[attr-defined]
        else:
            del self.fields["start"], self.fields["start_encoder"]

    def clean(self) -> dict:
        chosen = super().clean() or {}
        if chosen.get("privacy") == TOGETHER:
            if chosen.get("messages") != MASKED:
                self.add_error(
                    "messages", "Noise that all sites make together needs masks; choose them, or noise at each site."
                )
            if (chosen.get("strategy") or "fedavg") not in ONE_STEP:
                self.add_error("strategy", "With a round of one step, choose FedAdam or FedAvg.")
        if chosen.get("fairness") and chosen.get("privacy") in {RECOMMENDED, SOLVED, TOGETHER}:
            self.add_error("fairness", WHY_NOT_PRIVATE)
        scores, budget = chosen.get("scores_epsilon"), chosen.get("epsilon_budget")
        if chosen.get("privacy") != NONE and scores and budget and scores > budget:
            self.add_error(
                "scores_epsilon",
                _("Expected at most the run's ε %(budget)s, got %(scores)s.")
                % {"budget": f"{budget:g}", "scores": f"{scores:g}"},
            )
        if chosen.get("fairness") and not chosen.get("fairness_attribute") and "fairness_attribute" not in self.errors:
            self.add_error("fairness_attribute", "Choose whose groups are weighed.")
        if chosen.get("quantum_keys") and chosen.get("messages") != MASKED:
            self.add_error("quantum_keys", "Quantum keys are mixed into masks; choose masks above, or no quantum keys.")
        return chosen

    def _add_options(self) -> None:
        """One field for each option of each rule; only those of the chosen rule are read."""
        for name, rule in RULES.items():
            for option in fields(rule):
                about = option.metadata
                kind = forms.IntegerField if about["whole"] else forms.FloatField
                self.fields[f"{name}__{option.name}"] = kind(
                    required=False, initial=option.default, min_value=about["low"], max_value=about["high"],
                    label=f"{rule.title}: {option.name.replace('_', ' ')}", help_text=about["help"],
                )  # fmt: skip

    @property
    def main(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if "__" not in field.name]

    @property
    def options(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if "__" in field.name]

    def _rule(self) -> dict:
        """The rule with the options that differ from its defaults, and who must take part."""
        chosen = self.cleaned_data
        name = chosen.get("strategy") or "fedavg"
        given = {option.name: chosen.get(f"{name}__{option.name}") for option in fields(RULES[name])}
        told = {o.name: given[o.name] for o in fields(RULES[name]) if given[o.name] not in {None, o.default}}
        minutes = chosen.get("deadline_minutes")
        takes_part = {"quorum": chosen.get("quorum"), "deadline_seconds": minutes * 60 if minutes else None}
        return {
            "strategy": name,
            "strategy_options": told or None,
            "participation": takes_part if any(takes_part.values()) else None,
        }

    def proposal(self) -> dict:
        """Arguments for `services.run_propose`."""
        chosen = self.cleaned_data
        arguments = {"name": chosen["name"], "rounds": chosen["rounds"], "seed": chosen["seed"], **self._rule()}
        if chosen.get("start"):
            taken = chosen.get("start_encoder")
            arguments["start"] = {"version": chosen["start"], "encoder": None if taken in {"", NONE} else taken}
        if chosen.get("messages") == MASKED:
            quantum = {"qkd": True} if chosen.get("quantum_keys") else {}
            keep = 1.0 if chosen.get("privacy") == TOGETHER else chosen.get("keep") or 1.0
            arguments["security"] = {"masking": True, "keep": keep, **quantum}
        elif chosen.get("messages") == SEALED:
            thin = {"keep": chosen["keep"]} if (chosen.get("keep") or 1.0) < 1 else {}
            arguments["security"] = {"masking": False, **thin}
        if chosen.get("fairness"):
            arguments["fairness"] = {
                "attribute": chosen["fairness_attribute"], "target": chosen["fairness"],
                "solver": chosen.get("fairness_solver") or "qaoa",
            }  # fmt: skip
        if chosen.get("engine") == RunEngine.Engine.FLARE:
            arguments["engine"] = {"name": "flare"}
        if chosen.get("privacy") == NONE:
            without = {**self.recommended.as_dict(), "dp": None}
            return {**arguments, "local": without, "epsilon_budget": None}
        if chosen.get("scores_epsilon"):
            arguments["scores"] = {"epsilon": chosen["scores_epsilon"]}
        if chosen.get("privacy") == SOLVED:
            return {**arguments, "privacy": {"regime": "per_site", "epsilon": chosen["epsilon_budget"]}}
        if chosen.get("privacy") == TOGETHER:
            return {**arguments, "privacy": {"regime": "distributed", "epsilon": chosen["epsilon_budget"]}}
        if chosen.get("privacy") == RECOMMENDED:
            return {**arguments, "epsilon_budget": chosen["epsilon_budget"]}
        return arguments
