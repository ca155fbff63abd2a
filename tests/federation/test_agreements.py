"""Federation agreements: who records them, who reads them, and that no run on patients' data goes without."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.errors import ApplicationError, Conflict
from federation import agreements, services
from federation.models import FederationAgreement, TrainingRun
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.terms import RAW

pytestmark = pytest.mark.django_db
GIVEN = {"role": "controller", "liability": "Each for its own data.", "contact": "dpo@north.example",
         "signed_on": "2026-01-31", "document_hash": "c" * 64}  # fmt: skip


@pytest.fixture
def world():
    return make_federation(make_people())


def client_of(world, who: str) -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def record(world, site: str = "north", **changes) -> FederationAgreement:
    today = timezone.now().date()
    return agreements.agreement_record(**{
        **GIVEN, "signed_on": today, "participant": world.participants[site], "actor": world.people.administrator,
        **changes,
    })  # fmt: skip


def propose(world) -> TrainingRun:
    day = str(timezone.now().date() + timedelta(days=9))
    terms = {name: RAW[name] for name in ("lawfulness", "special_category", "hipaa")}
    return services.run_propose(
        federation=world.federation, name="R", rounds=1, seed=1, actor=world.people.administrator,
        terms={**terms, "expires_on": day, "ethics": {**RAW["ethics"], "valid_until": day}},
    )  # fmt: skip


def test_a_run_on_patients_data_needs_a_current_agreement_of_every_institution(world):
    assert propose(world)  # synthetic: nobody's data are concerned
    world.federation.synthetic = False
    with pytest.raises(Conflict, match="missing: Hospital north, Hospital south"):
        propose(world)
    record(world)
    record(world, "south", signed_on=timezone.now().date() - timedelta(9), ends_on=timezone.now().date() - timedelta(1))
    with pytest.raises(Conflict, match="missing: Hospital south"):
        propose(world)
    record(world, "south", ends_on=timezone.now().date())
    assert propose(world)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "owner"}, "a role among controller"),
        ({"liability": " "}, "who is liable"),
        ({"contact": ""}, "whom to call"),
        ({"document_hash": "C" * 64}, "SHA-256"),
        ({"signed_on": timezone.now().date() + timedelta(days=2)}, "not in the future"),
        ({"ends_on": timezone.now().date() - timedelta(days=2)}, "an end after the signature"),
    ],
)
def test_what_is_no_agreement_is_refused_in_words(world, change, said):
    with pytest.raises(ApplicationError, match=said):
        record(world, **change)
    assert not FederationAgreement.objects.exists()


def test_the_database_knows_no_agreement_that_ended_before_it_began(world):
    record(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        FederationAgreement.objects.update(ends_on="2001-01-01")


@pytest.mark.parametrize("way", ["page", "api"])
def test_only_administrators_record_one(world, way):
    participant = world.participants["north"]
    for who in ("auditor", "officer_north", "operator_north", "clinician", "outsider", "external", "administrator"):
        client = client_of(world, who)
        if way == "page":
            body = {f"agreement-{name}": value for name, value in {**GIVEN, "participant": str(participant.id)}.items()}
            status = client.post(reverse("agreement_record", args=[world.federation.id]), body).status_code
        else:
            url = f"/api/v1/federations/{world.federation.id}/agreements"
            status = client.post(url, {**GIVEN, "site": "north"}, content_type="application/json").status_code
        assert status == ({"page": 302, "api": 201}[way] if who == "administrator" else 403), who
    assert FederationAgreement.objects.get().recorded_by == world.people.administrator


def test_the_newest_is_shown_and_the_older_stay_on_record(world):
    record(world, role="processor", signed_on=timezone.now().date() - timedelta(days=5))
    record(world, liability="Anew.")
    text = client_of(world, "auditor").get(reverse("federation", args=[world.federation.id])).content.decode()
    assert "Anew." in text and "dpo@north.example" in text and "Processor" not in text and "Current" in text
    assert "Record an agreement" not in text
    url = f"/api/v1/federations/{world.federation.id}/agreements"
    assert [row["role"] for row in client_of(world, "auditor").get(url).json()["results"]] == [
        "controller",
        "processor",
    ]
    assert client_of(world, "outsider").get(url).status_code == 404


@pytest.mark.parametrize("change", [{"document_hash": "x"}, {"signed_on": "soon"}, {"role": ""}, {"participant": "1"}])
def test_a_bad_form_is_shown_again_with_what_was_typed(world, change):
    given = {**GIVEN, "participant": str(world.participants["north"].id), **change}
    body = {f"agreement-{name}": value for name, value in given.items()}
    answer = client_of(world, "administrator").post(reverse("agreement_record", args=[world.federation.id]), body)
    assert answer.status_code == 400 and "Each for its own data." in answer.content.decode()
