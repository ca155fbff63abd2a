"""An outside board: invited to one version until a day, measures on its own patients, says what it found."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from audits.predeployment.checks import not_installed
from audits.predeployment.checks.registry import UnknownCheck, check_of
from audits.predeployment.external import layout, running, services
from audits.predeployment.models import AuditRun, ExternalAudit, ExternalData, ExternalFinding, ExternalResult
from core import artefacts
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Job, Outbox
from core.roles import Role
from federation.domain.data.registry import open_source, options_of
from federation.models import DataManifest
from models_registry.models import ApprovalRequest, Evidence, Version
from tests.factories.audits import make_audit
from tests.factories.boards import heart_zip, invite, make_heart_version, make_phantom_version, ready_data, work, zipped
from tests.factories.people import make_user
from tests.factories.registry import make_evidence, make_request, make_version

State = ExternalAudit.State


@pytest.fixture
def heart(world, monkeypatch) -> Version:
    return make_heart_version(world, monkeypatch)


@pytest.fixture
def external(heart, people) -> ExternalAudit:
    return invite(heart, people.administrator)


@pytest.fixture
def tomorrow_week(monkeypatch):
    """Eight days later, the day of the invitation is over."""
    later = timezone.now() + timedelta(days=8)

    def travel():
        monkeypatch.setattr(timezone, "now", lambda: later)

    return travel


# --- the whole way -----------------------------------------------------------------------------------------------


def test_a_board_measures_on_its_own_patients_and_those_who_approve_see_it(external, heart, people, world, signed_in):
    make_evidence(heart, "pass")
    request = make_request(world, version=heart)
    auditor = external.auditor
    data = ready_data(external)
    assert data.state == ExternalData.State.READY and data.manifest["n_patients"] == 120
    run = services.run_start(data=data, checks=["bias_score", "aif360"], actor=auditor)
    assert len(work("external.check")) == 2
    run.refresh_from_db()
    results = {row.check_id: row for row in run.results.all()}
    assert run.state == "finished" and results.keys() == {"bias_score", "aif360"}
    assert results["bias_score"].value is not None and results["bias_score"].provenance["answers"] == {
        "board": data.digest
    }
    services.finding_add(external=external, severity="major", text="Women are missed.", actor=auditor, run=run)
    # It is evidence, it gates nothing, it voids nothing, and those who approve see it.
    kinds = list(Evidence.objects.filter(version=heart).values_list("kind", flat=True))
    assert sorted(kinds) == ["external_audit", "external_finding", "predeployment_audit"]
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.UNDER_REVIEW
    for name, what in (("approval", request.id), ("version", heart.id)):
        text = signed_in(people.officer_north).get(reverse(name, args=[what])).content.decode()
        assert "What outside boards found" in text and "Ethics Board of the Region" in text and "Major" in text
    own = signed_in(auditor).get(reverse("external_audit", args=[external.id])).content.decode()
    assert "Women are missed." in own and "The rows still have this digest" in own and "120" in own


def test_everything_a_board_does_is_captured_for_the_ledger(external):
    ready_data(external)
    services.finding_add(external=external, severity="note", text="Secret words.", actor=external.auditor)
    services.external_close(external=external, actor=external.auditor)
    written = Outbox.objects.filter(table__startswith="audits_predeployment_external")
    assert {row.table.rsplit("_", 1)[1] for row in written} == {"externalaudit", "externaldata", "externalfinding"}
    assert {row.said.action for row in written} >= {
        "external.invite", "external.upload", "external.data_ready", "external.finding", "external.close",
    }  # fmt: skip
    assert "Secret words." not in str([row.body for row in written])


def test_what_needs_training_patients_is_not_assessable_and_says_so(heart, people):
    policy = services.offered(heart)
    needing = [name for name in policy["checks"] if running.needs_others(check_of(name))]
    assert "lime" in needing and "bias_score" not in needing
    external = invite(heart, people.administrator, checks=["lime"])
    run = services.run_start(data=ready_data(external), checks=["lime"], actor=external.auditor)
    work("external.check")
    result = run.results.get()
    assert result.verdict == "not_assessable" and "needs training patients" in result.sentence


def test_data_withdrawn_under_a_run_and_a_job_that_dies_never_pass(external):
    data = ready_data(external)
    run = services.run_start(data=data, checks=["bias_score", "aif360"], actor=external.auditor)
    artefacts.remove(data.stored)
    work("external.check")
    run.refresh_from_db()
    assert run.state == "finished" and run.verdict == "inconclusive"
    assert "not in the store" in run.results.get(check_id="bias_score").sentence
    again = ready_data(external, seed=2)
    run = services.run_start(data=again, checks=["bias_score"], actor=external.auditor)
    payload = {"run": str(run.id), "check": "bias_score"}
    effects = running.job_died({"kind": "external.check", "payload": payload, "error": "worker lost"})
    effects()
    effects()  # told twice, kept once
    assert run.results.get().verdict == "inconclusive" and "worker lost" in run.results.get().sentence


# --- who is invited, and what it opens ---------------------------------------------------------------------------


def test_a_new_person_gets_an_account_by_a_link_that_works_once(external, signed_in, people):
    page = signed_in(people.administrator).get(reverse("external_audit", args=[external.id])).content.decode()
    link = page[page.index("/activate/") :].split("<")[0]
    visitor = Client()
    form = visitor.get(link, follow=True)
    assert "Set your password" in form.content.decode()
    given = {"new_password1": "correct horse battery", "new_password2": "correct horse battery"}
    assert visitor.post(form.redirect_chain[-1][0], given).status_code == 302
    person = User.objects.get(id=external.auditor_id)
    assert person.check_password("correct horse battery") and person.roles == {Role.EXTERNAL_AUDITOR}
    assert "no longer valid" in Client().get(link, follow=True).content.decode()
    again = signed_in(people.administrator).get(reverse("external_audit", args=[external.id])).content.decode()
    assert "/activate/" not in again


def test_a_board_sees_its_version_and_its_audits_and_nothing_else(external, heart, world, people, signed_in):
    other = make_version(world)
    mine, theirs = make_audit(heart), make_audit(other)
    second = invite(other, people.administrator, email="bob@board.example")
    client = signed_in(external.auditor)
    for name, seen, unseen in (
        ("version", heart.id, other.id), ("card", heart.id, other.id), ("audit", mine.id, theirs.id),
        ("external_audit", external.id, second.id), ("api_version", heart.id, other.id),
        ("api_audit", mine.id, theirs.id),
    ):  # fmt: skip
        assert client.get(reverse(name, args=[seen])).status_code == 200, name
        assert client.get(reverse(name, args=[unseen])).status_code == 404, name
    listed = client.get(reverse("audits")).content.decode()
    assert str(mine.id) in listed and str(theirs.id) not in listed
    assert [row["id"] for row in client.get(reverse("api_versions")).json()["results"]] == [str(heart.id)]
    for name in ("models", "approvals", "federations", "ledger", "people", "policies", "deployments", "reports"):
        assert client.get(reverse(name)).status_code == 403, name


@pytest.mark.parametrize("end", ["expired", "closed", "revoked"])
def test_after_the_end_nothing_is_open_any_more(external, heart, people, signed_in, tomorrow_week, end):
    audit, data = make_audit(heart), ready_data(external)
    if end == "expired":
        tomorrow_week()
    elif end == "closed":
        services.external_close(external=external, actor=external.auditor)
    else:
        services.external_revoke(external=external, reason="the trial is over", actor=people.administrator)
    for name, what in (("version", heart.id), ("audit", audit.id), ("external_audit", external.id)):
        assert signed_in(external.auditor).get(reverse(name, args=[what])).status_code in {403, 404}
    for act in (
        lambda: services.data_upload(external=external, site="va", data=heart_zip(seed=5), actor=external.auditor),
        lambda: services.run_start(data=data, checks=["bias_score"], actor=external.auditor),
        lambda: services.finding_add(external=external, severity="note", text="late", actor=external.auditor),
        lambda: services.data_withdraw(data=data, actor=external.auditor),
    ):
        with pytest.raises(Conflict):
            act()


def test_the_last_day_closes_the_audit_and_removes_the_data(
    external, tomorrow_week, django_capture_on_commit_callbacks
):
    data = ready_data(external)
    assert not work("external.expire")
    tomorrow_week()
    with django_capture_on_commit_callbacks(execute=True):
        assert work("external.expire")
    external.refresh_from_db()
    data.refresh_from_db()
    assert external.state == State.EXPIRED and data.state == "withdrawn"
    assert not Membership.objects.get(user=external.auditor).is_active
    with pytest.raises(artefacts.ArtefactError):
        artefacts.get(data.stored)


def test_whoever_belongs_to_what_is_audited_is_no_outsider(heart, people):
    for given, words in (
        ({"email": "officer.north@test.example"}, "another role here"),
        ({"email": "admin@test.example"}, "another role here"),
        ({"board": "hospital NORTH"}, "takes part in a federation"),
    ):
        with pytest.raises(Conflict, match=words):
            invite(heart, people.administrator, **given)
    invite(heart, people.administrator)
    with pytest.raises(Conflict, match="already invited"):
        invite(heart, people.administrator2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"checks": []}, "got none"),
        ({"checks": ["epsilon"]}, "got epsilon"),
        ({"checks": ["horoscope"]}, "got horoscope"),
        ({"email": "nobody"}, "an email address"),
        ({"purpose": " "}, "the purpose"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "last day within"),
        ({"expires_at": timezone.now() + timedelta(days=400)}, "last day within"),
    ],
)
def test_an_invitation_that_is_not_allowed(heart, people, given, words):
    with pytest.raises(ApplicationError, match=words):
        invite(heart, people.administrator, **given)
    assert not ExternalAudit.objects.exists() and not User.objects.filter(email="ada@board.example").exists()


def test_only_the_invited_auditor_works_on_it(external, people):
    other = make_user("eve@board.example", Role.EXTERNAL_AUDITOR, people.north)
    for actor in (other, people.administrator):
        with pytest.raises(Forbidden):
            services.data_upload(external=external, site="va", data=heart_zip(), actor=actor)
        with pytest.raises(Forbidden):
            services.finding_add(external=external, severity="note", text="mine", actor=actor)
        with pytest.raises(Forbidden):
            services.external_close(external=external, actor=actor)


# --- data --------------------------------------------------------------------------------------------------------


def test_data_are_withdrawn_the_digest_stays(external, django_capture_on_commit_callbacks):
    data = ready_data(external)
    with django_capture_on_commit_callbacks(execute=True):
        services.data_withdraw(data=data, actor=external.auditor)
    data.refresh_from_db()
    assert data.state == "withdrawn" and data.withdrawn_at and len(data.digest) == 64
    with pytest.raises(artefacts.ArtefactError):
        artefacts.get(data.stored)
    with pytest.raises(Conflict, match="withdrawn already"):
        services.data_withdraw(data=data, actor=external.auditor)
    assert ready_data(external).state == "ready"  # the same data may come again


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (zipped(processed__va__data=b"1,2\n"), "No such file"),
        (zipped(processed__cleveland__data=b"1,2\n"), "line 1: expected 14 comma-separated"),
        (zipped(processed__cleveland__data=b""), "at least one patient"),
        (zipped(processed__cleveland__data=b"\xff\xfe"), "ASCII"),
    ],
)
def test_the_loader_says_in_words_what_it_would_not_take(external, archive, words):
    data = services.data_upload(external=external, site="cleveland", data=archive, actor=external.auditor)
    work("external.data")
    data.refresh_from_db()
    assert data.state == "refused" and words in data.refusal and "/tmp" not in data.refusal  # noqa: S108 - looked for
    with pytest.raises(Conflict, match="only data that are ready"):
        services.run_start(data=data, checks=["bias_score"], actor=external.auditor)


def test_the_same_data_twice_an_unknown_layout_and_too_many_sets(external, monkeypatch):
    ready_data(external)
    with pytest.raises(Conflict, match="here already"):
        ready_data(external)
    with pytest.raises(ApplicationError, match="layout of a hospital among"):
        services.data_upload(external=external, site="mars", data=heart_zip(seed=3), actor=external.auditor)
    monkeypatch.setattr(services, "MOST_DATA_SETS", 1)
    with pytest.raises(Conflict, match="At most 1"):
        ready_data(external, seed=4)


def test_a_version_of_drawn_data_has_no_layout_but_takes_findings(world, people, signed_in):
    external = invite(make_phantom_version(world), people.administrator)
    with pytest.raises(Conflict, match="drawn"):
        services.data_upload(external=external, site="cleveland", data=heart_zip(), actor=external.auditor)
    page = signed_in(external.auditor).get(reverse("external_audit", args=[external.id])).content.decode()
    assert "No data can be brought" in page and "Say what you found" in page and "Bring data" not in page
    assert "drawn data (phantom)" in page
    inviting = signed_in(people.administrator).get(reverse("external_new", args=[external.version_id]))
    assert "could not bring patients to this version" in inviting.content.decode()


@pytest.mark.parametrize(("sources", "words"), [
    (("phantom", "phantom"), "drawn data"), (("heart", "lgg"), "one data set .* got heart, lgg"),
    (("tea_leaves", "tea_leaves"), "cannot read"), (("heart", "heart"), "^$"),
])  # fmt: skip
def test_why_no_patients_can_be_brought_is_said_as_it_is(heart, sources, words):
    for manifest, source in zip(DataManifest.objects.order_by("participant__site"), sources, strict=True):
        DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, "source": source})
    assert re.search(words, layout.why_none(heart))
    assert (layout.layout_of(heart) is None) is (words != "^$")


def test_a_check_that_is_uninstalled_under_a_run_is_inconclusive_and_the_run_ends(external, monkeypatch):
    run = services.run_start(data=ready_data(external), checks=["bias_score", "aif360"], actor=external.auditor)

    def gone(name: str):
        raise UnknownCheck(name)

    monkeypatch.setattr(not_installed, "check_of", gone)
    work("external.check")
    run.refresh_from_db()
    assert (run.state, run.verdict) == ("finished", "inconclusive")
    assert all("not installed here any more" in row.sentence for row in run.results.all())


def test_runs_follow_the_invitation_and_come_one_at_a_time(external):
    data = ready_data(external)
    for checks in ([], ["lime"], ["bias_score", "lime"]):
        with pytest.raises(ApplicationError, match="Expected checks among"):
            services.run_start(data=data, checks=checks, actor=external.auditor)
    services.run_start(data=data, checks=["aif360"], actor=external.auditor)
    with pytest.raises(Conflict, match="under way"):
        services.run_start(data=data, checks=["aif360"], actor=external.auditor)
    assert Job.objects.filter(kind="external.check").count() == 1 and not AuditRun.objects.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"severity": "apocalyptic"}, "Expected a severity"),
        ({"text": "  "}, "Say what you found"),
        ({"name": "page.html", "attachment": b"<script>"}, "Expected a PDF"),
        ({"name": "fake.pdf", "attachment": b"MZ\x00"}, "Expected a PDF"),
        ({"name": "big.txt", "attachment": b"x" * (5 * 2**20 + 1)}, "at most"),
        ({"name": "binary.csv", "attachment": b"\xff\x00"}, "Expected a PDF"),
    ],
)
def test_a_finding_that_is_not_taken(external, given, words):
    with pytest.raises(ApplicationError, match=words):
        services.finding_add(external=external, actor=external.auditor, **{"severity": "note", "text": "x", **given})
    assert not ExternalFinding.objects.exists()


def test_a_file_comes_back_as_a_download_under_a_harmless_name(external, people, signed_in):
    made = services.finding_add(
        external=external, severity="note", text="See the file.", actor=external.auditor,
        name='../../x"\r\nSet-Cookie: a.txt', attachment=b"plain words",
    )  # fmt: skip
    answer = signed_in(people.officer_north).get(reverse("external_file", args=[external.id, made.id]))
    assert answer.content == b"plain words" and answer["Content-Disposition"].startswith("attachment; ")
    assert made.attachment_name == "x-Set-Cookie-a.txt" and answer["X-Content-Type-Options"] == "nosniff"
    assert signed_in(people.outsider).get(reverse("external_file", args=[external.id, made.id])).status_code == 404


# --- the database, whoever goes around the services --------------------------------------------------------------


def refused(words: str):
    return pytest.raises(DatabaseError, match=words)


def test_an_invitation_never_changes_and_never_opens_again(external, people):
    later = timezone.now() + timedelta(days=100)
    for change in ({"expires_at": later}, {"auditor": people.officer_north}, {"policy": {}}):
        with refused("never changes"), transaction.atomic():
            ExternalAudit.objects.filter(id=external.id).update(**change)
    ExternalAudit.objects.filter(id=external.id).update(state="closed")
    with refused("cannot become"), transaction.atomic():
        ExternalAudit.objects.filter(id=external.id).update(state="open")
    with refused("Cannot delete"), transaction.atomic():
        ExternalAudit.objects.filter(id=external.id).delete()


def test_rows_of_a_board_are_its_own_and_of_its_time(external, people):
    fields = {"external": external, "severity": "note", "text": "raw"}
    with refused("only the invited auditor"), transaction.atomic():
        ExternalFinding.objects.create(author=people.administrator, **fields)
    made = ExternalFinding.objects.create(author=external.auditor, **fields)
    with refused("Cannot update"), transaction.atomic():
        ExternalFinding.objects.filter(id=made.id).update(severity="critical")
    ExternalAudit.objects.filter(id=external.id).update(state="revoked")
    with refused("not open any more"), transaction.atomic():
        ExternalFinding.objects.create(author=external.auditor, **fields)


def test_data_and_results_stay_as_they_are(external):
    data = ready_data(external)
    run = services.run_start(data=data, checks=["aif360"], actor=external.auditor)
    work("external.check")
    with refused("Cannot update or delete"), transaction.atomic():
        ExternalResult.objects.filter(run=run).update(verdict="pass")
    with refused("never changes"), transaction.atomic():
        ExternalData.objects.filter(id=data.id).update(digest="0" * 64)
    ExternalData.objects.filter(id=data.id).update(state="withdrawn")
    with refused("cannot become"), transaction.atomic():
        ExternalData.objects.filter(id=data.id).update(state="ready")


@pytest.mark.parametrize(("spec", "shape"), [
    ("lgg:/board?context=1&px=64&slices=6", [9, 64, 64]), ("brats:/board?px=48&region=core&slices=4", [4, 48, 48]),
    ("mimic_cxr:/board?form=areas&label=pneumonia&px=8&uncertain=positive", [128]), ("heart:/board", [26]),
])  # fmt: skip
def test_a_boards_files_are_read_as_the_sites_read_theirs(heart, spec, shape):
    """With every option of the loader, so that a row means the same; not only in the same size."""
    source = open_source(spec)
    stated = {"source": source.name, "shape": shape, "options": options_of(source)}
    for manifest in DataManifest.objects.all():
        DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, **stated})
    found = layout.layout_of(heart)
    assert found is not None and open_source(found.spec(Path("/board"))) == source


def test_sites_that_read_differently_have_no_one_layout_and_older_manifests_show_their_size(heart):
    one, two = DataManifest.objects.all()
    for manifest, options in ((one, {"slices": 6, "px": 64}), (two, {"px": 64})):
        content = {**manifest.content, "source": "lgg", "shape": [3, 64, 64], "options": options}
        DataManifest.objects.filter(id=manifest.id).update(content=content)
    assert layout.layout_of(heart) is None and "different options of the loader" in layout.why_none(heart)
    for manifest in (one, two):
        content = {**manifest.content, "source": "lgg", "shape": [3, 64, 64]}
        DataManifest.objects.filter(id=manifest.id).update(content=content)
    found = layout.layout_of(heart)
    assert found is not None and found.spec(Path("/board")) == "lgg:/board?px=64"
