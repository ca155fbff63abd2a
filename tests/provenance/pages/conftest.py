"""A log about a federation, and people who look at it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse

from core.context import governed
from federation.models import Federation
from provenance import keys, witnesses
from provenance.models import Entry
from provenance.witness.state import WitnessHome
from provenance.witness_answers import cosignature_record
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people


@pytest.fixture
def world(log) -> World:
    world = make_federation(make_people())
    with governed(action="federation.describe", actor=world.people.officer_north.id, reason="wording"):
        Federation.objects.update(purpose="A secret purpose")
    log.drain()
    log.sign()
    return world


@pytest.fixture
def changed(world) -> Entry:
    """The entry of the federation's change."""
    return Entry.objects.get(table="federation_federation", operation="UPDATE")


@pytest.fixture
def read(client_of, world):
    """A page as somebody sees it: its text, after asking for 200."""

    def get(name: str, *args, who: str = "auditor", **query) -> str:
        response = client_of(getattr(world.people, who)).get(reverse(name, args=args), query)
        assert response.status_code == 200, response.content[:500]
        return response.content.decode()

    return get


class Hospital:
    """A witness, asked by hand."""

    def __init__(self, folder: Path) -> None:
        self.home = WitnessHome.create(folder, name="north.example/witness")
        self.home.trust([key.vkey for key in keys.log_verifiers()])
        self.witness = witnesses.witness_register(
            name=self.home.name, vkeys=self.home.vkeys, url="https://north.example"
        )

    def cosign(self) -> None:
        ask = witnesses.next_ask(self.witness)
        answer = self.home.add_checkpoint(ask.data)
        cosignature_record(witness=self.witness, old_size=ask.old_size, size=ask.size, answer=answer)


@pytest.fixture
def hospital(world, tmp_path) -> Hospital:
    return Hospital(tmp_path / "witness")
