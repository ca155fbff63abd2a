"""A patient is one hospital's, also where two hospitals go by one code in two federations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from accounts.erasure import patient_erase
from accounts.models import Institution
from audits.runtime.entering import batch_open
from audits.runtime.models import Prediction
from audits.runtime.patients import pseudonyms_of
from core.errors import ApplicationError
from core.models import PatientKey
from core.pseudonyms import patient_known, patient_pseudonyms
from federation.models import Federation
from models_registry.models import Deployment
from tests.factories.federation import World, make_federation
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
NUMBER, AT = "mrn-4711", "2026-03-01T08:30:00+01:00"


@dataclass
class Shared:
    """Two federations: in the first each hospital goes by its own name, in the second south goes by north's."""

    world: World
    first: Deployment
    second: Deployment
    senders: dict[str, Any]

    def hospital(self, name: str) -> Institution:
        return getattr(self.world.people, name)

    def send(self, deployment: Deployment, who: str, case: str) -> str:
        """Tell of a prediction on the patient; returns the pseudonym that was stored."""
        record = {"event_key": case, "patient": NUMBER, "at": AT, "attributes": {"sex": "female"}, "score": 0.75}
        answer = self.senders[who].post(deployment, "events", {"records": [record]})
        assert answer.status_code == 200, answer.content
        return Prediction.objects.latest("received_at").subject

    def erase(self, who: str):
        return patient_erase(
            institution=self.hospital(who), patient=NUMBER, confirm=NUMBER, ground="c",
            actor=self.world.people.administrator,
        )  # fmt: skip


@pytest.fixture
def shared(world, deployment, caller_class) -> Shared:
    people = world.people
    Federation.objects.update(name="The first")
    second = make_federation(people)
    other = make_deployment(second)
    for place, code in ((people.north, "elsewhere"), (people.south, "north")):
        second.federation.participants.filter(institution=place).update(site=code)
    actions = ("prediction.request", "event.record", "outcome.record")
    senders = {name: caller_class(getattr(people, name), people.administrator, actions) for name in ("north", "south")}
    return Shared(world, deployment, other, senders)


def test_one_number_under_one_code_at_two_hospitals_is_two_people(shared, cases):
    north = shared.send(shared.first, "north", "a")
    south = shared.send(shared.second, "south", "b")
    assert list(Prediction.objects.order_by("received_at").values_list("site", flat=True)) == ["north", "north"]
    assert north != south and PatientKey.objects.count() == 2
    assert shared.send(shared.second, "north", "c") == north, "the same person, by another code of the hospital"
    answer = shared.senders["south"].post(
        shared.second, "predictions", {"records": [cases("d", patient=NUMBER)]}
    )  # the gateway finds the patient as the ingest does
    assert answer.status_code == 200
    assert Prediction.objects.latest("received_at").subject == south


@pytest.mark.parametrize(("erased", "other"), [("north", "south"), ("south", "north")])
def test_an_erasure_reaches_all_rows_of_the_own_hospital_and_none_of_the_other(shared, erased, other):
    for who, deployment, case in (
        ("north", shared.first, "a"), ("north", shared.second, "b"),
        ("south", shared.first, "c"), ("south", shared.second, "d"),
    ):  # fmt: skip
        shared.send(deployment, who, case)
    kept = pseudonyms_of(shared.hospital(other), NUMBER)
    assert shared.erase(erased).forgotten == {"names of cases forgotten": 2}
    assert (patient_known(erased, NUMBER), pseudonyms_of(shared.hospital(erased), NUMBER)) == (None, {})
    assert pseudonyms_of(shared.hospital(other), NUMBER) == kept == {other: patient_known(other, NUMBER)}
    with pytest.raises(ApplicationError, match="has sent no patient of this number"):
        shared.erase(erased)


def test_rows_filed_under_the_code_of_the_site_before_are_still_found_and_erased(shared, monkeypatch):
    def open_by_code(**given):  # as an older release did: the code is north's name, and south's in the second
        return batch_open(**{**given, "hospital": "north"})

    with monkeypatch.context() as patch:
        patch.setattr("audits.runtime.external.batch_open", open_by_code)
        before = shared.send(shared.second, "south", "a")
    assert pseudonyms_of(shared.hospital("south"), NUMBER) == {"north": before}
    assert pseudonyms_of(shared.hospital("north"), NUMBER) == {}, "none of its rows bears it"
    with pytest.raises(ApplicationError):
        shared.erase("north")
    after = shared.send(shared.second, "south", "b")
    assert pseudonyms_of(shared.hospital("south"), NUMBER) == {"north": before, "south": after}
    assert shared.erase("south").forgotten == {"names of cases forgotten": 2}
    assert not PatientKey.objects.exists()


def test_a_salt_whose_rows_are_gone_is_erased_all_the_same(shared):
    patient_pseudonyms("north", [NUMBER])
    assert shared.erase("north").forgotten == {}
    assert not PatientKey.objects.exists()
