"""External auditors' samples: kept before the look, found upon once, and the only source of a success rate."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InternalError, transaction
from django.urls import reverse

from audits.domain.controls import sampling
from audits.domain.controls.sampling import Item
from audits.posthoc import samples
from audits.posthoc.assembly import gather
from audits.posthoc.models import AuditSample, Report, SampleItem
from audits.posthoc.rendering import ReportInvalid, complete, validate
from core import artefacts
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Outbox
from core.roles import Role
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(day, today) -> AuditSample:
    """Of the three decisions of the day: two officers' and an administrator's."""
    return samples.sample_draw(
        kind="decisions", wanted=3, words="a headline", actor=day.people.external, start=today, end=today
    )


def find_all(sample: AuditSample, *findings: str) -> None:
    for item, finding in zip(sample.items.all(), findings, strict=True):
        samples.item_find(item=item, finding=finding, text="I read it.", actor=sample.auditor)


def facts(day, today, tomorrow) -> dict:
    return gather(Report(period_start=today, period_end=tomorrow.date()), generated_at=tomorrow)


def test_population_seed_and_items_are_kept_before_anything_is_found_and_can_be_drawn_again(sample):
    kept = [Item(*row) for row in json.loads(artefacts.get(sample.population_digest))]
    again = sampling.draw(kept, 3, bytes.fromhex(samples.seed(sample)))
    assert [item.ref for item in again] == [item.ref for item in sample.items.all()]
    assert sample.strata == {"Ethics officer, approve": 2, "Administrator, approve": 1}
    captured = [row.table for row in Outbox.objects.filter(table__startswith="audits_posthoc_").order_by("id")]
    assert captured == ["audits_posthoc_auditsample", *["audits_posthoc_sampleitem"] * 3]


def test_controls_are_drawn_from_every_framework(day):
    names = {item.stratum for item in samples.population("controls")}
    drawn = samples.sample_draw(kind="controls", wanted=len(names) + 3, words="dice", actor=day.people.external)
    assert {item.stratum for item in drawn.items.all()} == names
    assert drawn.period_start is None


@pytest.mark.parametrize(
    ("who", "values", "error", "said"),
    [
        ("auditor", {}, Forbidden, "external auditor"),
        ("officer_north", {}, Forbidden, "external auditor"),
        ("external", {"words": " "}, ApplicationError, "words of your own"),
        ("external", {"wanted": 1}, ApplicationError, "cannot be drawn"),
        ("external", {"wanted": 99}, ApplicationError, "cannot be drawn"),
        ("external", {"start": None}, ApplicationError, "first and its last day"),
        ("external", {"kind": "opinions"}, ApplicationError, "Expected one of"),
    ],
)
def test_who_and_what_does_not_do_is_refused(day, today, who, values, error, said):
    given = {"kind": "decisions", "wanted": 3, "words": "dice", "start": today, "end": today} | values
    with pytest.raises(error, match=said):
        samples.sample_draw(**given, actor=getattr(day.people, who))
    assert not AuditSample.objects.exists()


def test_an_auditor_of_a_hospital_that_takes_part_is_no_outsider(day, today):
    insider = make_user("insider@test.example", Role.EXTERNAL_AUDITOR, day.people.north)
    with pytest.raises(Forbidden, match="takes part"):
        samples.sample_draw(kind="controls", wanted=50, words="dice", actor=insider)


def test_a_finding_is_made_once_by_the_auditor_and_stays(sample, day):
    item = sample.items.first()
    with pytest.raises(Forbidden, match="who drew the sample"):
        samples.item_find(item=item, finding="conform", text="Seen.", actor=day.people.auditor)
    with pytest.raises(ApplicationError, match="Say what you looked at"):
        samples.item_find(item=item, finding="major", text=" ", actor=sample.auditor)
    with pytest.raises(ApplicationError, match="Expected one of"):
        samples.item_find(item=item, finding="splendid", text="Seen.", actor=sample.auditor)
    samples.item_find(item=item, finding="major", text="No reason given.", actor=sample.auditor)
    with pytest.raises(Conflict, match="never changes"):
        samples.item_find(item=item, finding="conform", text="After all.", actor=sample.auditor)
    for change in ({"finding": "conform"}, {"ref": "another"}):
        with pytest.raises(InternalError), transaction.atomic():
            SampleItem.objects.filter(id=item.id).update(**change)
    with pytest.raises(InternalError), transaction.atomic():
        AuditSample.objects.filter(id=sample.id).update(words="other words")


def test_another_sample_waits_until_the_first_is_closed(sample, day, today):
    with pytest.raises(Conflict):
        samples.sample_draw(
            kind="decisions", wanted=3, words="again", actor=day.people.external, start=today, end=today
        )
    with pytest.raises(Conflict, match="3 of the items"):
        samples.sample_close(sample=sample, actor=sample.auditor)
    find_all(sample, "conform", "minor", "not_assessable")
    samples.sample_close(sample=sample, actor=sample.auditor)
    assert samples.sample_draw(
        kind="decisions", wanted=3, words="again", actor=day.people.external, start=today, end=today
    )


def test_a_rate_is_absent_until_a_sample_is_closed_and_then_stands_everywhere(
    sample, day, today, tomorrow, ledger, client_of
):
    controls = client_of(day.people.auditor)
    assert "absent: no external auditor" in controls.get(reverse("controls")).content.decode()
    figures = complete(facts(day, today, tomorrow))["summary"]["figures"]
    assert ("Audit success rate", "absent") in {(f["label"], f["value"]) for f in figures}
    # Administrator's: conform. Officers': one minor, one conform. By parts: 1/3 + 2/3 * 1/2 = 2/3.
    find_all(sample, "conform", "minor", "conform")
    assert samples.newest_rates() == []
    samples.sample_close(sample=sample, actor=sample.auditor)
    ledger()
    assert "66.7%" in controls.get(reverse("controls")).content.decode()
    raw = complete(facts(day, today, tomorrow))
    told = raw["external"][0]
    assert (told["rate"], told["minor"], told["major"]) == (pytest.approx(2 / 3), 1, 0)
    assert ("Audit success rate", "66.7%") in {(f["label"], f["value"]) for f in raw["summary"]["figures"]}
    assert "external-minor" in {finding["rule"] for finding in raw["summary"]["findings"]}
    assert [trace["entry"] is not None for trace in raw["traces"] if trace["section"] == "external"] == [True]
    told["rate"] = 0.99
    assert any("the counts give" in str(fault) for fault in validate(raw))
    with pytest.raises(ReportInvalid):
        complete({k: v for k, v in raw.items() if k not in ("summary", "controls")})


def test_the_pages_walk_from_the_draw_to_the_rate(day, today, client_of):
    client = client_of(day.people.external)
    assert "No sample yet" in client.get(reverse("samples")).content.decode()
    values = {"kind": "decisions", "wanted": 3, "words": "dice", "start": str(today), "end": str(today)}
    bad = client.post(reverse("sample_draw"), values | {"wanted": 77})
    assert bad.status_code == 400 and "cannot be drawn" in bad.content.decode() and 'value="77"' in bad.content.decode()
    page = client.post(reverse("sample_draw"), values).url
    shown = client.get(page).content.decode()
    assert shown.count("Record the finding") == 3 and "Ledger entry" in shown
    for item in SampleItem.objects.all():
        given = {"finding": "conform", "text": "Seen.", "file": SimpleUploadedFile("scan.pdf", b"%PDF-1.7 scan")}
        assert client.post(reverse("sample_find", args=[item.id]), given).status_code == 302
    sample = AuditSample.objects.get()
    assert client.post(reverse("sample_close", args=[sample.id])).url == page
    reader = client_of(day.people.officer_north)
    assert reader.get(page).status_code == 404  # of another house: those of the platform, and the auditor
    assert "100.0%" in client_of(day.people.auditor).get(page).content.decode()
    file = client_of(day.people.auditor).get(reverse("sample_file", args=[SampleItem.objects.first().id]))
    assert file.content == b"%PDF-1.7 scan"
