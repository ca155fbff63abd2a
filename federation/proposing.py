"""What a proposed run freezes: what people chose, completed by what the platform knows.

One rule for the form, the API and the service.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from federation import budgets, sealing, starting
from federation.domain import noise_config
from federation.domain.code_version import code_version
from federation.domain.fairness_config import FairnessConfig
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.legal_bases import NO_PERSONAL_DATA
from federation.domain.messages import digest
from federation.domain.models.choice import ModelChoice
from federation.domain.models.specs import chosen_specs, default_specs
from federation.domain.noised_scores import ScoresConfig
from federation.domain.privacy.config import DISTRIBUTED
from federation.domain.run_config import FORMAT_WITH_PARTS, PARTS, RunConfig
from federation.domain.secure.aggregation import default_threshold
from federation.domain.secure.config import SecurityConfig
from federation.domain.terms import Terms
from federation.models import DataManifest, Federation

USUAL_DAYS = 365
BASES = ("lawfulness", "special_category", "hipaa")
GIVEN = ("purpose", *BASES, "ethics", "data_set", "expires_on")  # what people state; the platform adds the rest


def terms_for(federation: Federation, given: Mapping[str, Any] | None, *, epsilon: float | None, today: date) -> Terms:
    """Complete and check terms. Raises ValueError that says what is missing.

    Only a synthetic federation has a default for its legal bases: of patients' data the platform cannot know them.
    """
    stated = {name: value for name, value in (given or {}).items() if value not in (None, "")}
    if unknown := sorted(set(stated) - set(GIVEN)):
        raise ValueError(f"expected terms among {', '.join(GIVEN)}, got {', '.join(unknown)}")
    usual: dict[str, Any] = {
        "purpose": federation.purpose, "data_set": federation.data_title, "ethics": None,
        "expires_on": (today + timedelta(days=USUAL_DAYS)).isoformat(),
    }  # fmt: skip
    if federation.synthetic:
        usual |= dict.fromkeys(BASES, NO_PERSONAL_DATA)
    elif missing := [name for name in (*BASES, "ethics") if name not in stated]:
        raise ValueError(f"expected terms that state {', '.join(missing)}, since patients' data are used")
    elif NO_PERSONAL_DATA in [stated[name] for name in BASES]:
        raise ValueError(
            f"expected legal bases for patients' data, got {NO_PERSONAL_DATA}; this federation is not synthetic"
        )
    terms = Terms.from_dict({**usual, **stated, "epsilon": epsilon, "code_version": code_version()})
    terms.check_dates(today)
    return terms


def configuration(
    federation: Federation, held: Mapping[str, DataManifest], *, rounds: int, seed: int, local: dict | None,
    epsilon_budget: float | None, strategy: str, parts: Mapping[str, dict], model: Mapping[str, Any] | None = None,
    source: starting.Source | None = None,
) -> RunConfig:  # fmt: skip
    """The frozen configuration. Raises ValueError or TypeError that says what was expected."""
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValueError(f"expected parts among {', '.join(PARTS)}, got {', '.join(unknown)}")
    inputs, side = _shape(held)
    choice = ModelChoice.from_dict(model)
    primary, baseline = chosen_specs(federation.task, inputs, side, choice)  # type: ignore[arg-type]
    chosen, given = LocalConfig.from_dict(local) if local else _recommended(federation.task, side), dict(parts)
    if source is not None:
        if (primary, baseline) != default_specs(federation.task, inputs, side):  # type: ignore[arg-type]
            raise ValueError("expected no other models for a run that begins from a version: it trains the version's")
        models, given["start"] = starting.models_and_start(source, given["start"], federation, held, seed=seed)
        primary, baseline = models["primary"], models["baseline"]
    if given.get("privacy", {}).get("regime") == DISTRIBUTED:
        given |= _together(given, held, (primary, baseline))
    if "privacy" in given:
        if epsilon_budget is not None:
            raise ValueError("expected epsilon in the privacy part or as a budget of its own, got both")
        chosen, regime = budgets.with_privacy(federation.task, chosen, given["privacy"], held, rounds)  # type: ignore[arg-type]
        epsilon_budget, given["privacy"] = regime.epsilon, regime.as_dict()
    if epsilon_budget is None and chosen.dp is not None:
        epsilon_budget = 10.0
    if "security" in given:
        given["security"] = security_part(federation, held, given["security"])
    if "fairness" in given:
        given["fairness"] = fairness_part(held, given["fairness"])
    if given.get("scores") is not None:
        given["scores"] = scores_part(federation.task, held, given["scores"], rounds=rounds, dp=chosen.dp)
    today = timezone.now().date()
    given["terms"] = terms_for(federation, given.get("terms"), epsilon=epsilon_budget, today=today).as_dict()
    return RunConfig(
        task=federation.task,
        models={"primary": primary, "baseline": baseline},
        rounds=rounds,
        seed=seed,
        local=chosen,
        epsilon_budget=epsilon_budget,
        data_digests={site: digest(manifest.content) for site, manifest in held.items()},
        strategy=strategy,
        format=FORMAT_WITH_PARTS,
        **given,
    )


def _together(
    given: Mapping[str, dict], held: Mapping[str, DataManifest], models: Iterable[Mapping[str, Any]]
) -> dict[str, dict]:
    """The parts of a run whose sites make the noise together, completed by what is recommended for such a run."""
    from federation.domain.models.registry import build

    privacy, security = given["privacy"], given.get("security")
    if "parameters" in privacy:
        raise ValueError("expected privacy without parameters: they are counted from the models")
    usual = noise_config.usual(
        threshold=(security or {}).get("threshold") or default_threshold(len(held)),
        patients=len(held) * _most_records(held), parameters=max(build(spec).n_parameters for spec in models),
    )  # fmt: skip
    completed = {"privacy": {**usual, **privacy}}
    return completed if security is None else {**completed, "security": {**noise_config.SECURITY, **security}}


def _shape(held: Mapping[str, DataManifest]) -> tuple[int, int | None]:
    """Features or channels of a record, and the pixels of a side, the same at all sites."""
    shapes = {tuple(manifest.content["shape"]) for manifest in held.values()}
    if len(shapes) != 1:
        raise ValueError(f"expected one shape of data at all sites, got {sorted(shapes)}; align their preparation")
    inputs, *sides = next(iter(shapes))
    if len(sides) > 2:
        raise ValueError(f"expected rows or images, got slabs of {sides[0]} slices; load the set without slab")
    return inputs, min(sides, default=None)


def fairness_part(held: Mapping[str, DataManifest], chosen: dict) -> dict:
    """The part `fairness`, of an attribute that every site knows of its patients."""
    config = FairnessConfig.recommended(chosen)
    known = known_attributes(held.values())
    if config.attribute not in known:
        raise ValueError(
            f"expected an attribute that every site has stated, {', '.join(known) or 'of which there is none'}; got "
            f"{config.attribute}"
        )
    return config.as_dict()


def scores_part(
    task: str, held: Mapping[str, DataManifest], given: dict, *, rounds: int, dp: DPConfig | None
) -> dict:  # fmt: skip
    """The part `scores`: the noise that keeps the scores of all rounds within the epsilon that was chosen."""
    if set(given) != {"epsilon"}:
        raise ValueError(f"expected epsilon of scores, and nothing else, got {sorted(given)}")
    if dp is None:
        raise ValueError("expected differential privacy with an ε of scores: without it they are exact")
    groups: dict[str, set[str]] = {}
    for manifest in held.values():
        for attribute, counts in manifest.content["groups"].items():
            groups.setdefault(attribute, set()).update(counts)
    epsilon = given["epsilon"]
    if not isinstance(epsilon, int | float) or isinstance(epsilon, bool) or not 0 < epsilon < budgets.LARGEST_EPSILON:
        raise ValueError(f"expected an ε of scores over 0 and under {budgets.LARGEST_EPSILON}, got {epsilon!r}")
    return ScoresConfig.within(groups, task=task, rounds=rounds, epsilon=float(epsilon), delta=dp.delta).as_dict()


def known_attributes(held: Iterable[DataManifest]) -> list[str]:
    """Attributes of the patients that all manifests have."""
    stated = [set(manifest.content["groups"]) for manifest in held]
    return sorted(set.intersection(*stated)) if stated else []


def _recommended(task: str, side: int | None) -> LocalConfig:
    from federation.domain.learning.defaults import default_config

    return default_config(task, side)  # type: ignore[arg-type]


def security_part(federation: Federation, held: Mapping[str, DataManifest], chosen: dict) -> dict:
    """The part `security`: what was chosen of it, the recommended rest, the sites' keys and their largest share."""
    known = {"masking", "threshold", "keep", "field_bits", "clip", "error_feedback", "min_cell", "qkd"}
    if unknown := set(chosen) - known:
        raise ValueError(f"expected security with some of {sorted(known)}, got {sorted(unknown)}")
    sites = [p for p in federation.participants.filter(is_active=True) if p.site in held]
    if silent := sorted(p.site for p in sites if sealing.certificate_of(p) is None):
        raise ValueError(
            f"expected every worker to have stated the key that it opens letters with; missing: {', '.join(silent)}. "
            "Start those workers again in their present version"
        )
    keys = {p.site: hashlib.sha256(base64.b64decode(p.public_key)).hexdigest() for p in sites}
    return SecurityConfig.recommended(keys, most_records=_most_records(held), **chosen).as_dict()


def _most_records(held: Mapping[str, DataManifest]) -> int:
    """Patients of the largest site."""
    return max(1, *(int(manifest.content["n_patients"]) for manifest in held.values()))
