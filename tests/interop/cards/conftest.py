from __future__ import annotations

import uuid

import pytest

from models_registry import services
from models_registry.card_schema import WRITTEN
from models_registry.models import Card, CardPublication
from models_registry.weights_signing import version_sign
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_evidence, make_version, newest_card

EVIL = "<script>alert('x')</script> & *bold* [link](x)\n# heading\n1. one\n\x0b\ud800 ]]> {{ 7 }} #set"


@pytest.fixture
def world(db) -> World:
    return make_federation(make_people())


@pytest.fixture
def card(world: World) -> Card:
    """An edition after an audit, with one text that tries to be markup."""
    version = make_version(world)
    make_evidence(version, "pass")
    services.evidence_record(
        version=version, kind="predeployment_audit", source_id=uuid.uuid4(), verdict="pass", digest="e" * 64,
        summary={
            "checks": [
                {"check_id": "bias_score", "principle": "fairness", "title": "Bias score", "verdict": "pass",
                 "value": 0.04, "lower": 0.01, "upper": 0.08, "threshold": 0.1, "sentence": "A gap of 0.04."},
                {"check_id": "lira", "principle": "privacy", "title": "Membership attack", "verdict": "pass",
                 "value": 0.51, "sentence": "AUC of 0.51."},
            ],
            "boundaries": {
                "cells": [{"site": "north", "attribute": "sex", "group": "female", "n": 40, "state": "tested"}],
                "ranges": [{"input": "age", "low": 29.0, "high": 77.0}], "sentence": "Said.", "digest": "d" * 64,
            },
        },
    )  # fmt: skip
    texts = {**dict.fromkeys(WRITTEN, "Said."), "HowToUse": EVIL.replace("\ud800", ""), "EHRCompatibility": "Any."}
    services.card_edit(version=version, texts=texts, actor=world.people.administrator)
    return newest_card(version)


@pytest.fixture
def bare(world: World) -> Card:
    """The first edition: nothing audited, nothing written."""
    return newest_card(make_version(world))


@pytest.fixture
def public(world: World, card: Card) -> CardPublication:
    version_sign(version=card.version)
    return services.card_publish(card=card, actor=world.people.administrator)
