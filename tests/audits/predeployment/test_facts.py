"""What the platform says of a version's records, with faults planted, and what the checks make of it."""

from __future__ import annotations

import base64
import os
from datetime import timedelta

import psycopg2
import pytest
from django.db import connection

from audits.domain.verdict import Verdict
from audits.predeployment import facts
from audits.predeployment.checks.registry import check_of
from core import artefacts
from core.grants import ALWAYS
from federation.models import Consent, Round, SiteOrder, SiteUpdate, TrainingRun
from models_registry.models import Card
from provenance import checkpoints, sequencing
from tests.factories.checks import run_check
from tests.factories.federation import make_federation
from tests.factories.lineage import make_recorded_version
from tests.factories.people import make_people
from tests.factories.registry import make_version

FACT_OF = {"trail": "ledger", "card": "card", "consents": "consents", "lineage": "lineage"}


@pytest.fixture
def recorded(world):
    return make_recorded_version(world)


def found(check_id: str, version, **settings):
    """The check of a version as it stands now."""
    name = FACT_OF[check_id]
    return run_check(check_of(check_id), {}, facts={name: facts.FACTS[name](version)}, settings=settings)


def drain(*, sign: bool = True) -> None:
    """What the sequencer does."""
    frontier = sequencing.load_frontier()
    while sequencing.sequence(frontier):
        pass
    if sign:
        assert checkpoints.checkpoint_sign(frontier)


def words(result) -> str:
    return " ".join(result.sentences)


# --- consents ------------------------------------------------------------------------------------------------------


def test_consents_of_every_site_before_training_pass(recorded):
    result = found("consents", recorded)
    assert result.verdict is Verdict.PASS and result.value == 1
    assert {row["site"] for row in result.evidence["sites"]} == {"north", "south"}
    assert all(row["by"] and row["at"] and row["institution"] for row in result.evidence["sites"])


def test_a_missing_consent_fails_by_name(world):
    result = found("consents", make_recorded_version(world, consents=("north",)))
    assert result.verdict is Verdict.FAIL and "consent of south: expected consent, found no answer" in words(result)


@pytest.mark.parametrize(("field", "value"), [("config_hash", "f" * 64), ("decision", "refused")])
def test_a_consent_to_something_else_fails(recorded, field, value):
    Consent.objects.filter(run=recorded.run, participant__site="south").update(**{field: value})
    assert found("consents", recorded).verdict is Verdict.FAIL


def test_a_withdrawal_is_the_last_word(recorded, people):
    Consent.objects.create(
        run=recorded.run, participant=recorded.run.federation.participants.get(site="north"), decision="withdrawn",
        config_hash=recorded.run.config_hash, decided_by=people.operator_north,
        created_at=recorded.run.finished_at + timedelta(seconds=1),
    )  # fmt: skip
    result = found("consents", recorded)
    assert result.verdict is Verdict.FAIL and "withdrawn" in words(result)


@pytest.mark.parametrize("asked_after", [False, True])
def test_a_withdrawal_while_training_went_on_passes_if_the_site_was_asked_for_nothing_after_it(
    recorded, people, asked_after
):
    run, north = recorded.run, recorded.run.federation.participants.get(site="north")
    order = SiteOrder.objects.filter(participant=north, kind="train").first()
    Consent.objects.create(
        run=run, participant=north, decision="withdrawn", config_hash=run.config_hash, decided_by=people.operator_north,
        created_at=run.finished_at,
    )  # fmt: skip
    later = run.finished_at + timedelta(seconds=1 if asked_after else -60)
    SiteOrder.objects.filter(id=order.id).update(created_at=later)
    result = found("consents", recorded)
    assert (result.verdict is Verdict.FAIL) == asked_after, words(result)


def test_the_update_of_a_site_that_left_is_not_missed(recorded, people):
    drop_update(recorded)
    assert found("lineage", recorded).verdict is Verdict.FAIL
    run = recorded.run
    Consent.objects.create(
        run=run, participant=run.federation.participants.get(site="north"), decision="withdrawn",
        config_hash=run.config_hash, decided_by=people.operator_north, created_at=run.started_at,
    )  # fmt: skip
    links = facts.lineage(recorded)["links"]
    north = [said for what, _, said in links if "update of north" in what]
    assert len(north) == 2 and all("left the run" in said for said in north)


def test_a_consent_after_the_fact_fails(recorded):
    early = recorded.run.started_at - timedelta(days=1)
    TrainingRun.objects.filter(id=recorded.run_id).update(started_at=early)
    recorded.run.refresh_from_db()
    assert "before training began" in words(found("consents", recorded))


def test_a_run_without_a_start_is_inconclusive(recorded):
    TrainingRun.objects.filter(id=recorded.run_id).update(started_at=None)
    recorded.run.refresh_from_db()
    assert found("consents", recorded).verdict is Verdict.INCONCLUSIVE


# --- card ----------------------------------------------------------------------------------------------------------


def test_a_card_with_gaps_fails_and_names_them(recorded):
    result = found("card", recorded)
    assert result.verdict is Verdict.FAIL and 0 < result.value < 1
    assert "Contact" in words(result) and result.threshold == 1
    share = facts.card(recorded)["stated"] / facts.card(recorded)["required"]
    assert result.value == pytest.approx(share)


def test_a_complete_card_passes(recorded):
    card = Card.objects.get(version=recorded)
    known = facts.card(recorded) | {"stated": 40, "required": 40, "missing": []}
    result = run_check(check_of("card"), {}, facts={"card": known})
    assert result.verdict is Verdict.PASS and known["digest"] == card.digest


def test_a_changed_card_fails(recorded):
    edition = Card.objects.get(version=recorded)
    Card.objects.create(  # an edition is never rewritten, so one that does not match its digest is another one
        version=recorded, edition=edition.edition + 1, content=edition.content, digest="0" * 64,
        written_by=edition.written_by,
    )  # fmt: skip
    result = found("card", recorded, required=0.5)
    assert result.verdict is Verdict.FAIL and "changed it" in result.sentences[0]


def test_no_card_is_not_assessable(recorded, monkeypatch):
    assert run_check(check_of("card"), {}, facts={"card": None}).verdict is Verdict.NOT_ASSESSABLE
    monkeypatch.setattr(facts, "latest_card", lambda version: None)
    assert facts.card(recorded) is None


# --- lineage -------------------------------------------------------------------------------------------------------


def test_a_recorded_version_follows_from_its_data_and_updates(recorded):
    result = found("lineage", recorded)
    assert result.verdict is Verdict.PASS, words(result)
    assert "computed again" in result.sentences[0] and len(result.tables[0].rows) > 20


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[10] ^= 1
    return base64.b64encode(raw).decode()


def change_weights(version):
    Round.objects.filter(run=version.run, number=2).update(weights={"primary": "a" * 64, "baseline": "b" * 64})


def change_start(version):
    Round.objects.filter(run=version.run, number=2).update(start_weights={"primary": "a" * 64, "baseline": "b" * 64})


def change_records(version):
    SiteUpdate.objects.filter(round__run=version.run, participant__site="north").update(n_records=99)


def change_signature(version):
    update = SiteUpdate.objects.filter(round__run=version.run).first()
    SiteUpdate.objects.filter(id=update.id).update(signature=flipped(update.signature))


def change_config(version):
    TrainingRun.objects.filter(id=version.run_id).update(config=version.run.config | {"rounds": 7})


def drop_update(version):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM federation_siteupdate WHERE participant_id = %s", [_north(version)])


def drop_manifest(version):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM federation_datamanifest WHERE participant_id = %s", [_north(version)])


def lose_artefact(version):
    update = SiteUpdate.objects.filter(round__run=version.run, round__number=1).first()
    artefacts._path(update.weights["primary"]).unlink()


def _north(version):
    return version.run.federation.participants.get(site="north").id


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (change_weights, "average of the updates"), (change_start, "starts where"), (change_records, "update of north"),
        (change_signature, "signed by"), (change_config, "configuration"), (drop_update, "expected an update"),
        (drop_manifest, "data manifest of north"), (lose_artefact, "is not in the store"),
    ],
)  # fmt: skip
def test_a_planted_fault_in_the_lineage_fails(recorded, fault, complaint):
    fault(recorded)
    recorded.run.refresh_from_db()
    result = found("lineage", recorded)
    assert result.verdict is Verdict.FAIL and result.value < 1
    assert complaint in str(result.evidence["links"])


def test_a_message_that_is_no_longer_kept_is_inconclusive(recorded):
    SiteOrder.objects.filter(kind="train").delete()
    result = found("lineage", recorded)
    assert result.verdict is Verdict.INCONCLUSIVE and "no longer kept" in words(result)


def test_a_version_without_updates_is_caught(version):
    assert "found none" in words(found("lineage", version))


# --- trail ---------------------------------------------------------------------------------------------------------


def test_records_on_their_way_are_inconclusive_then_unsigned_then_proved(recorded):
    assert "on the way" in words(found("trail", recorded))
    drain(sign=False)
    waiting = found("trail", recorded)
    assert waiting.verdict is Verdict.INCONCLUSIVE and "signed checkpoint" in words(waiting)
    drain()
    proved = found("trail", recorded)
    assert proved.verdict is Verdict.PASS, words(proved)
    assert proved.evidence["signed"] > 20 and len(proved.tables[0].rows) > 15


def owner_does(*statements: str) -> None:
    """What only an owner can do: switch the triggers off, change rows, switch them on again."""
    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    with owner, owner.cursor() as cursor:
        tables = ("federation_round", "federation_consent", "provenance_entry", "provenance_body")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(ALWAYS)
    owner.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE federation_round SET weights = '{}' WHERE number = 1", "gives other values"),
        ("UPDATE provenance_body SET salt = set_byte(salt, 0, get_byte(salt, 0) # 1)", "cannot be proved"),
        (
            "DELETE FROM provenance_entry WHERE object_id IN (SELECT id::text FROM federation_consent)",
            "expected an entry",
        ),
    ],
)
def test_what_an_owner_changes_behind_the_ledger_fails(statement, complaint):
    version = make_recorded_version(make_federation(make_people()))
    drain()
    assert found("trail", version).verdict is Verdict.PASS
    owner_does(statement)
    result = found("trail", version)
    assert result.verdict is Verdict.FAIL and complaint in str(result.evidence["links"])


def test_nothing_on_record_is_not_assessable():
    for check_id in ("trail", "consents", "lineage"):
        nothing = {"links": [], "signed": 0, "entries": 0, "sites": [], "config_hash": ""}
        result = run_check(check_of(check_id), {}, facts={FACT_OF[check_id]: nothing})
        assert result.verdict is Verdict.NOT_ASSESSABLE


def test_a_fact_that_cannot_be_read_is_inconclusive():
    result = run_check(check_of("trail"), {}, facts={"ledger": {"links": [["x", "fine", ""]], "signed": 1}})
    assert result.verdict is Verdict.INCONCLUSIVE


def test_every_fact_that_a_check_asks_for_can_be_had(world):
    version = make_version(world)
    for check_id in (*FACT_OF, "epsilon"):
        for name in check_of(check_id).facts:
            assert facts.FACTS[name](version) is not None
