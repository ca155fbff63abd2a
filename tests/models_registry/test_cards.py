from __future__ import annotations

import uuid

import pytest

from core.errors import ApplicationError, Conflict
from federation.domain.messages import digest
from models_registry import services
from models_registry.card_schema import KEY_METRICS, METRIC_ELEMENTS, SECTIONS, WRITTEN
from models_registry.cards import card_content, completeness
from models_registry.models import ApprovalRequest, Version
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_evidence, make_version


def test_the_digest_is_that_of_the_content(audited: Version) -> None:
    for card in audited.cards.all():
        assert card.digest == digest(card.content)


def test_the_same_facts_give_the_same_card(audited: Version) -> None:
    assert card_content(version=audited, texts={}) == audited.cards.latest("edition").content


def test_the_schema_requires_forty_seven_elements(version: Version) -> None:
    required = sum(e.required for s in SECTIONS for e in s.elements) + len(KEY_METRICS) * len(METRIC_ELEMENTS)

    assert required == 47  # counted by hand in https://mc.chai.org/v0.2/schema.xsd
    assert completeness(version.cards.get().content).required == 47


def test_what_nobody_stated_counts_against_completeness(version: Version) -> None:
    found = completeness(version.cards.get().content)

    assert "Patients" in found.missing
    assert "Fairness and equity: results" in found.missing
    assert found.stated == found.required - len(found.missing)
    assert 0 < found.share < 1


def test_evidence_and_texts_raise_completeness_to_all(world: World, version: Version) -> None:
    summary = {"checks": [{"title": "Bias", "principle": "fairness", "verdict": "pass", "value": 0.01},
                          {"title": "Attack", "principle": "privacy", "verdict": "pass", "value": 0.5}]}  # fmt: skip
    services.evidence_record(
        version=version, kind="predeployment_audit", source_id=version.id, verdict="pass", digest="a" * 64,
        summary=summary,
    )  # fmt: skip
    card = services.card_edit(version=version, texts=dict.fromkeys(WRITTEN, "Said."), actor=world.people.administrator)

    assert completeness(card.content).missing == ()
    assert completeness(card.content).share == 1


def test_an_edition_replaces_the_texts_given_and_keeps_the_others(world: World, version: Version) -> None:
    actor = world.people.administrator
    services.card_edit(version=version, texts={"HowToUse": " With care. ", "FundingSource": "None."}, actor=actor)

    card = services.card_edit(version=version, texts={"HowToUse": "", "DeveloperContact": "a@b.example"}, actor=actor)

    assert card.edition == 3 and card.written_by == actor
    assert card.content["texts"] == {"FundingSource": "None.", "DeveloperContact": "a@b.example"}
    assert card.content["UsesAndDirections"]["HowToUse"] is None


def test_an_edit_that_changes_nothing_makes_no_edition(world: World, version: Version) -> None:
    with pytest.raises(Conflict, match="Nothing has changed"):
        services.card_edit(version=version, texts={"HowToUse": "  "}, actor=world.people.administrator)

    assert version.cards.count() == 1


@pytest.mark.parametrize("texts", [{"ModelName": "Mine"}, {"Unknown": "x"}, {"HowToUse": "x" * 4001}, {"HowToUse": 3}])
def test_only_texts_of_people_can_be_written(world: World, version: Version, texts: dict) -> None:
    with pytest.raises(ApplicationError):
        services.card_edit(version=version, texts=texts, actor=world.people.administrator)


def test_a_new_edition_voids_the_open_request(world: World, approval: ApprovalRequest) -> None:
    services.card_edit(version=approval.version, texts={"HowToUse": "Otherwise."}, actor=world.people.administrator2)

    approval.refresh_from_db()
    assert approval.state == ApprovalRequest.State.VOIDED


def test_quantum_facts_stand_beside_the_classical_twin(version: Version) -> None:
    quantum = version.cards.get().content["quantum"]

    assert quantum["seed"] == 1 and quantum["shots"] is None and quantum["depth"] > 0
    assert "noiseless" in quantum["backend"]
    assert quantum["baseline"]["kind"] == "mlp_classifier"
    assert quantum["baseline"]["overall"]["accuracy"]["mean"] == 0.8


def test_without_differential_privacy_the_card_says_so_plainly(version: Version) -> None:
    content = version.cards.get().content

    assert content["privacy"] == "No differential privacy: the loss of privacy is not bounded."
    assert content["privacy"] in content["AISystemFacts"]["Security"]


def test_epsilon_is_named_by_site_with_its_delta(version: Version) -> None:
    version.config["local"]["dp"] = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5}
    version.metrics["epsilon"] = {"north": 0.81, "south": 0.93}

    said = card_content(version=version, texts={})["privacy"]

    assert said == (
        "Differential privacy for each patient: ε ≤ 0.93 at δ = 1e-05 (north 0.81, south 0.93). Rényi bound over both "
        "models; the noise was made by each site."
    )


def test_noised_scores_stand_on_the_card_as_such_and_absent_ones_as_absent(version: Version) -> None:
    version.config["local"]["dp"] = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "delta": 1e-5}
    version.metrics["epsilon"] = {"north": 0.81}
    usefulness = card_content(version=version, texts={})["KeyMetrics"]["UsefulnessUsabilityEfficacy"]
    assert usefulness["ValidationProcessAndJustification"].startswith("No scores left the sites")

    version.config["scores"] = {"epsilon": 0.5, "noise_sd": 4.0, "groups": []}
    figure, lost = {"n": 118, "mean": 0.8, "noise_sd": 0.04}, {"n": None, "mean": None, "noisy": True}
    summary = {"overall": {"accuracy": figure}, "site": {"north": {"accuracy": figure}, "south": {"accuracy": lost}}}
    version.metrics |= {"primary": {**summary, "groups": {}}, "baseline": {**summary, "groups": {}}}
    content = card_content(version=version, texts={})
    usefulness = content["KeyMetrics"]["UsefulnessUsabilityEfficacy"]
    assert usefulness["TestingDataDescription"].endswith("north: about 118, south: lost in the noise.")
    assert "whose standard deviation stands beside each figure" in usefulness["ValidationProcessAndJustification"]
    assert usefulness["Results"][0]["value"]["noise_sd"] == 0.04
    assert content["privacy"].endswith("the scores of all rounds spent ε ≤ 0.5.")

    for name in ("primary", "baseline"):
        version.metrics[name] = {"overall": {"accuracy": {"n": 0, "mean": None}}, "site": {}, "groups": {}}
    assert card_content(version=version, texts={})["KeyMetrics"]["UsefulnessUsabilityEfficacy"]["Results"] is None


def test_the_data_are_described_from_the_sites_manifests(version: Version) -> None:
    said = version.cards.get().content["AISystemFacts"]["DevelopmentDataCharacterization"]

    assert said == (
        "Hospital north: 10000 patients (sex: female 5000, male 5000). "
        "Hospital south: 10000 patients (sex: female 5000, male 5000)."
    )


def test_an_audit_without_checks_still_states_its_verdict(version: Version) -> None:
    services.evidence_record(
        version=version, kind="predeployment_audit", source_id=version.id, verdict="not_assessable", digest="a" * 64,
        summary={"note": "too few patients"},
    )  # fmt: skip

    fairness = version.cards.latest("edition").content["KeyMetrics"]["FairnessEquity"]
    assert fairness["Results"] == [{"label": "Verdict of the audit", "value": {"verdict": "not_assessable"}}]
    assert fairness["Interpretation"].endswith("This is not a pass.")


def test_a_segmentation_model_has_a_card_too(db) -> None:
    version = make_version(make_federation(make_people(), task="segmentation"))
    make_evidence(version, "inconclusive")

    content = version.cards.latest("edition").content
    assert "mask" in content["AISystemFacts"]["OutcomesAndOutputs"]
    assert content["KeyMetrics"]["UsefulnessUsabilityEfficacy"]["Interpretation"].startswith("Dice 0.800, equal to")


def test_what_the_audit_tested_and_what_not_stands_on_the_card(world: World, version: Version) -> None:
    summary = {
        "boundaries": {
            "cells": [
                {"site": "north", "attribute": "sex", "group": "female", "n": 40, "state": "tested"},
                {"site": "north", "attribute": "sex", "group": "male", "n": None, "state": "too small"},
                {"site": "south", "attribute": "sex", "group": "male", "n": 0, "state": "absent"},
            ],
            "ranges": [{"input": "age", "low": 29.0, "high": 77.0}],
            "not_measured": {"east": "no patients"}, "sentence": "Said.", "digest": "d" * 64,
        }
    }  # fmt: skip
    services.evidence_record(
        version=version, kind="predeployment_audit", source_id=uuid.uuid4(), verdict="pass", digest="e" * 64,
        summary=summary,
    )  # fmt: skip
    found = version.cards.first().content["boundaries"]
    assert found["tested"] == ["north, sex: female (40)"]
    assert found["untested"] == ["north, sex: male (1 or 2)", "south, sex: male (none)", "east: no patients"]
    assert found["ranges"] == [{"input": "age", "low": 29.0, "high": 77.0}] and found["digest"] == "d" * 64


def test_a_card_without_a_measured_boundary_says_none(audited: Version) -> None:
    assert audited.cards.first().content["boundaries"] is None
