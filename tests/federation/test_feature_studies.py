"""From the administrator's question over the sites' workers to the page; and who may not be asked."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from core import jobs
from core.errors import ApplicationError
from core.models import Job
from federation import budget_standings, budgets, feature_studies, mailbox
from federation.domain import messages
from federation.domain.feature_summaries import Question
from federation.domain.messages import Message
from federation.keys import coordinator_key
from federation.models import FeatureCharge, FeatureStudy, SiteOrder
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.postbox import Recorder, carry_out

pytestmark = pytest.mark.django_db
SITES = {"north": "phantom-1", "south": "phantom-2"}


@pytest.fixture
def world():
    return make_federation(make_people(), task="segmentation", shape=[2, 16, 16])


def page(world, who: str, data: dict | None = None) -> tuple[int, str]:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    name = "federation_differences" if data is None else "feature_study"
    url = reverse(name, args=[world.federation.id])
    response = client.get(url) if data is None else client.post(url, data, follow=True)
    return response.status_code, " ".join(response.content.decode().split())


def worker(world, tmp_path, code: str, *, epsilon: float = 20.0) -> Site:
    """A phantom's worker under the code of a participant."""
    participant = world.participants[code]
    config = SiteConfig(
        code, "phantom:?patients=200&sites=2&px=16", messages.dump_public(coordinator_key()), "unix:///none",
        summary_epsilon=epsilon,
    )  # fmt: skip
    site = Site(SiteHome.create(tmp_path / code, config))
    site.__dict__["data"] = site.source.load(SITES[code])  # its data, found under the phantom's own code
    participant.public_key = messages.dump_public(site.home.key)
    participant.save(update_fields=["public_key"])
    manifest = participant.manifests.get()
    manifest.content |= {"feature_names": list(site.data.feature_names), "n_patients": site.data.n_patients}
    manifest.save(update_fields=["content"])
    return site


def carry(world, site: Site) -> SiteOrder:
    order = SiteOrder.objects.filter(participant=world.participants[site.home.config.site]).latest("created_at")
    text = messages.seal(
        Message(order.kind, "coordinator", site.home.config.site, order.key, order.body), coordinator_key()
    )
    box = Recorder()
    carry_out(site, box, text)
    mailbox.message_receive(participant=world.participants[site.home.config.site], text=box.sent[-1])
    order.refresh_from_db()
    feature_studies.summary_answered({"order": str(order.id)})()
    assert jobs.run(Job.objects.filter(kind="features.compare").latest("created_at").id)
    return order


def test_a_question_goes_to_the_sites_is_charged_and_is_compared_as_answers_come(world, tmp_path):
    sites = [worker(world, tmp_path, code) for code in SITES]
    assert "Not asked yet" in page(world, "auditor")[1]
    names = feature_studies.whom(world.federation).features[:2]
    status, said = page(world, "administrator", {"features": names, "epsilon": "2"})
    assert status == 200 and "The sites are asked" in said
    study, spent = FeatureStudy.objects.get(), Question.from_dict(FeatureStudy.objects.get().question).spend
    assert FeatureCharge.objects.count() == 2 and study.epsilon == 2
    standing = budget_standings.standing_of(world.participants["north"], "test")
    assert standing.account.spent == [spent] and 1.99 < standing.account.spent_epsilon <= 2
    carry(world, sites[0])
    study.refresh_from_db()
    assert study.finished_at is None and study.result["shifts"] == [] and "Sites that have answered" in said
    order = carry(world, sites[1])
    study.refresh_from_db()
    assert study.finished_at and len(study.result["shifts"]) == 4
    assert order.answer["n_patients"] == sites[1].data.n_patients
    said = page(world, "officer_north")[1]
    assert "What it means and what to do" in said and names[0] in said and "Ask the sites</button>" not in said


def test_a_site_refuses_without_its_operators_leave_and_beyond_it_and_the_page_says_why(world, tmp_path):
    sites = [worker(world, tmp_path, "north", epsilon=0.0), worker(world, tmp_path, "south", epsilon=1.2)]
    ask = {"federation": world.federation, "epsilon": 1.0, "actor": world.people.administrator}
    names = feature_studies.whom(world.federation).features
    feature_studies.study_start(features=names[:1], **ask)
    assert "SITE_SUMMARY_EPSILON" in carry(world, sites[0]).error
    first = carry(world, sites[1])
    assert first.state == "answered"
    assert "Fewer than two sites have answered" in page(world, "auditor")[1]
    feature_studies.study_start(features=names[1:2], **ask)
    second = carry(world, sites[1])
    assert second.state == "failed" and "is spent at this site; with this one it would be" in second.error
    assert "do not leave this site" not in page(world, "auditor")[1]  # that was the question before


def test_the_same_order_again_has_the_same_noise_and_is_charged_once(world, tmp_path):
    site = worker(world, tmp_path, "north", epsilon=1.1)
    worker(world, tmp_path, "south")
    names = feature_studies.whom(world.federation).features[:1]
    feature_studies.study_start(
        federation=world.federation, features=names, epsilon=1.0, actor=world.people.administrator
    )
    order = carry(world, site)
    for kept in (site.home.folder / "answers").iterdir():  # a crash before the answer was kept
        kept.unlink()
    box = Recorder()
    text = messages.seal(Message(order.kind, "coordinator", "north", order.key, order.body), coordinator_key())
    carry_out(site, box, text)
    again = messages.unseal(box.sent[-1], sender="north", public_key=messages.dump_public(site.home.key))[0]
    assert again.ok and again.body["counts"] == order.answer["counts"]


def test_what_cannot_be_asked_is_refused_with_the_reason_and_costs_nothing(world, tmp_path):
    for code in SITES:
        worker(world, tmp_path, code)
    names = feature_studies.whom(world.federation).features
    ask = {"federation": world.federation, "actor": world.people.administrator}
    for features, epsilon, reason in (
        (["weight"], 1.0, "Expected features that every site has"),
        (names[:1], 1e-9, "Expected an ε from"),
        ([], 1.0, "expected 1 to 40 features"),
    ):
        with pytest.raises(ApplicationError, match=reason):
            feature_studies.study_start(features=features, epsilon=epsilon, **ask)
    budgets.budget_set(
        participant=world.participants["north"], epsilon=0.5, delta=1e-5, reason="little",
        actor=world.people.officer_north,
    )  # fmt: skip
    status, said = page(world, "administrator", {"features": names[:1], "epsilon": "1"})
    assert status == 400 and "does not cover this question" in said and "Plan a smaller ε" in said
    assert page(world, "administrator", {"epsilon": "1"})[0] == 400
    assert page(world, "auditor", {"features": names[:1], "epsilon": "1"})[0] == 403
    assert not FeatureCharge.objects.exists() and not SiteOrder.objects.filter(kind="feature_summary").exists()
    manifest = world.participants["south"].manifests.get()
    manifest.content["n_patients"] = 19
    manifest.save(update_fields=["content"])
    with pytest.raises(ApplicationError, match="Expected at least 2 sites"):
        feature_studies.study_start(features=names[:1], epsilon=1.0, **ask)


@pytest.mark.parametrize("spoil", [
    lambda a: a.update(counts=[[1, 2]]), lambda a: a.update(n_patients=3), lambda a: a.update(counts=[["1"] * 8]),
    lambda a: a.update(features=["other"]), lambda a: a.pop("counts"),
])  # fmt: skip
def test_an_answer_of_a_stranger_is_read_with_care(world, tmp_path, spoil):
    site = worker(world, tmp_path, "north")
    worker(world, tmp_path, "south")
    names = feature_studies.whom(world.federation).features[:1]
    study = feature_studies.study_start(
        federation=world.federation, features=names, epsilon=1.0, actor=world.people.administrator
    )
    order = carry(world, site)
    spoil(order.answer)
    order.save(update_fields=["answer"])
    feature_studies.compare({"study": str(study.id)})()
    study.refresh_from_db()
    assert "cannot be read" in study.result["unread"]["north"]
    assert "cannot be read" in page(world, "auditor")[1]
