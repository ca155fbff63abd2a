"""No site, no lost message and no missing check keeps an audit running: its orders have a limit, and it concludes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.predeployment import deadlines, results, running, services
from audits.predeployment.checks import not_installed
from audits.predeployment.checks.registry import UnknownCheck, check_of
from audits.predeployment.models import AuditRun
from core import jobs
from core.models import Job
from federation import mailbox
from federation.domain.messages import Message, dump_public, new_key, seal
from federation.models import Participant, SiteOrder
from models_registry.models import Evidence
from tests.factories.audits import answer, answer_all, conclude, give_answer, pending


@pytest.fixture
def audit(version, people):
    return services.audit_start(version=version, actor=people.administrator)


def watcher(order: SiteOrder) -> Job:
    return Job.objects.get(kind="audit.deadline", payload__order=str(order.id))


def time_is_up(order: SiteOrder) -> None:
    """As if the order's limit had passed: its job is due, and any worker runs it."""
    job = watcher(order)
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now() - timedelta(seconds=9))
    assert jobs.run(job.id)


def seen(site: str) -> None:
    Participant.objects.filter(site=site).update(last_seen_at=timezone.now() + timedelta(minutes=1))


def ended(audit: AuditRun) -> dict:
    conclude(audit)
    audit.refresh_from_db()
    return {row.check_id: row for row in audit.checks.all()}


@pytest.mark.parametrize(("check_id", "seconds"), [("bias_score", 7), ("lime", 70), ("membership_certified", 700)])
def test_the_limit_follows_the_class_of_the_check_and_is_fixed_when_the_audit_begins(
    audit, settings, check_id, seconds
):
    assert audit.policy["answer_within"] == {"seconds": 7200.0, "minutes": 21600.0, "hours": 86400.0}
    audit.policy["answer_within"] = {"seconds": 7, "minutes": 70, "hours": 700}
    assert deadlines.limit_of(audit, check_id) == timedelta(seconds=seconds)
    del audit.policy["answer_within"]  # an audit of before
    settings.AUDIT_ANSWER_SECONDS = {"seconds": 7, "minutes": 70, "hours": 700}
    assert deadlines.limit_of(audit, check_id) == timedelta(seconds=seconds)


def test_every_order_is_watched_from_the_transaction_that_makes_it(audit):
    for order in pending(audit):
        job = watcher(order)
        assert abs((job.next_run_at - order.created_at).total_seconds() - 7200) < 5
        assert not jobs.run(job.id)  # not due
    answer_all(audit)
    assert Job.objects.filter(kind="audit.deadline").count() == SiteOrder.objects.filter(subject=audit.id).count()


def test_the_reaper_rings_a_deadline_that_is_due(audit, monkeypatch):
    job = watcher(pending(audit)[0])
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now() - timedelta(seconds=9))
    rung = []
    monkeypatch.setattr(jobs, "ring", rung.append)
    jobs.reap()
    assert job.id in rung


def test_a_site_that_never_answers_ends_the_audit_without_a_pass(audit):
    for order in pending(audit, "north"):
        give_answer(order, answer(order))
    time_is_up(pending(audit, "south")[0])
    assert not pending(audit, "south")  # it gave no sign of life: nothing else is asked of it
    answer_all(audit)
    found = ended(audit)
    assert (audit.state, audit.verdict) == ("finished", "inconclusive")
    for name in ("bias_score", "aif360", "quantum_mmd", "lime"):
        assert found[name].verdict == "inconclusive"
        assert (
            "south: it did not answer within 2 h" in found[name].sentence and "never heard from" in found[name].sentence
        )
    assert set(found["bias_score"].provenance["answers"]) == {"north/bias_score/0"}
    assert Evidence.objects.get(source_id=audit.id).verdict == "inconclusive"


def test_a_site_that_lives_is_asked_the_next_thing_and_loses_that_check_alone(audit):
    seen("south")
    time_is_up(pending(audit, "south")[0])
    assert pending(audit, "south")
    answer_all(audit)
    found = ended(audit)
    assert found["bias_score"].verdict == "inconclusive" and "last heard from" in found["bias_score"].sentence
    assert found["lime"].verdict == found["quantum_mmd"].verdict == "pass"
    assert audit.state == "finished"


def test_a_site_that_comes_back_after_it_was_given_up_holds_nothing_up(audit):
    time_is_up(pending(audit, "south")[0])
    seen("south")
    answer_all(audit)
    ended(audit)
    assert audit.state == "finished" and not pending(audit)


def test_nobody_at_all_answers_and_the_audit_still_ends(audit):
    for order in pending(audit):
        time_is_up(order)
    ended(audit)
    assert (audit.state, audit.verdict) == ("finished", "inconclusive")


def test_a_late_answer_is_refused_and_changes_nothing_of_a_concluded_audit(audit):
    key, order = new_key(), pending(audit, "south")[0]
    Participant.objects.filter(site="south").update(public_key=dump_public(key))
    time_is_up(order)
    answer_all(audit)
    ended(audit)
    before = (audit.digest, audit.checks.count(), SiteOrder.objects.get(id=order.id).error)
    text = seal(Message("audit", "south", "coordinator", order.key, answer(order)), key)
    assert mailbox.message_receive(participant=Participant.objects.get(site="south"), text=text) == "duplicate"
    running.answered({"order": str(order.id)})()
    running.overdue(watcher(order).payload)()
    audit.refresh_from_db()
    assert (audit.digest, audit.checks.count(), SiteOrder.objects.get(id=order.id).error) == before
    assert results.digest_now(audit) == audit.digest and Evidence.objects.filter(version=audit.version).count() == 1


def test_an_answer_in_time_is_kept_whenever_its_deadline_comes(audit):
    order = pending(audit, "south")[0]
    give_answer(order, answer(order))
    time_is_up(order)
    assert SiteOrder.objects.get(id=order.id).state == "answered"
    answer_all(audit)
    ended(audit)
    assert audit.verdict == "pass"


def test_an_event_that_was_lost_holds_the_audit_up_no_longer_than_the_deadline(audit):
    order = pending(audit, "south")[0]
    SiteOrder.objects.filter(id=order.id).update(
        state="answered", answered_at=timezone.now(), answer=answer(order), answer_digest="a" * 64
    )  # the event that tells the audit died with all its attempts
    assert not pending(audit, "south")
    time_is_up(order)
    assert [o.body["check"] for o in pending(audit, "south")] == ["quantum_mmd"]


def test_a_deadline_under_which_the_worker_dies_is_done_once_by_the_next(audit, monkeypatch):
    order = pending(audit, "south")[0]
    job = watcher(order)
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now() - timedelta(seconds=9))
    with monkeypatch.context() as dies:
        dies.setattr(running, "enqueue_ready", lambda audit: 1 / 0)
        assert not jobs.run(job.id)
    assert SiteOrder.objects.get(id=order.id).state == "pending"  # rolled back, all of it
    Job.objects.filter(id=job.id).update(next_run_at=timezone.now() - timedelta(seconds=9))
    assert jobs.run(job.id)
    assert SiteOrder.objects.get(id=order.id).state == "failed"


def uninstall(monkeypatch, *names: str) -> None:
    def found(name: str):
        if name in names:
            raise UnknownCheck(f"got {name!r}")
        return check_of(name)

    monkeypatch.setattr(not_installed, "check_of", found)


@pytest.mark.parametrize(("gone", "lost"), [
    (("lime",), {"lime"}),
    (("bias_score",), {"bias_score", "bias_score_baseline", "aif360", "representation"}),
])  # fmt: skip
def test_a_check_that_is_uninstalled_in_the_middle_is_inconclusive_and_the_audit_ends(
    audit, monkeypatch, signed_in, people, gone, lost
):
    uninstall(monkeypatch, *gone)
    auditor = signed_in(people.auditor)
    assert auditor.get(reverse("audit", args=[audit.id])).status_code == 200
    answer_all(audit)
    found = ended(audit)
    assert audit.state == "finished" and set(found) == set(audit.policy["checks"])
    assert {name for name, row in found.items() if "not installed" in row.sentence} == lost
    assert all(found[name].verdict == "inconclusive" for name in lost)
    text = auditor.get(reverse("audit", args=[audit.id])).content.decode()
    assert "not installed here any more" in text and results.digest_now(audit) == audit.digest


def test_a_check_whose_package_is_half_gone_counts_as_uninstalled(monkeypatch):
    from audits.predeployment.checks import registry

    found = {"ours": "no_such_package.ours:Ours", "theirs": "audits:Theirs", "broken": "tests.broken:Broken"}
    monkeypatch.setattr(registry, "_added", lambda: found)
    monkeypatch.setattr(registry, "import_module", _raising(registry.import_module))
    for name in found:
        with pytest.raises(UnknownCheck, match="cannot be loaded"):
            registry.check_of(name)
        assert not_installed.check_or_stand_in(name).title == name


def _raising(imported):
    def import_module(name: str):
        if name == "tests.broken":
            raise RuntimeError("no licence")
        return imported(name)

    return import_module


def test_the_page_says_until_when_a_site_is_waited_for_and_then_that_it_is_not(audit, people, signed_in):
    client, address = signed_in(people.auditor), reverse("audit", args=[audit.id])
    text = client.get(address).content.decode()
    assert text.count("waited for until") == 2
    time_is_up(pending(audit, "south")[0])
    text = client.get(address).content.decode()
    assert text.count("waited for until") == 1 and "Not waited for any more" in text
    assert "Bias score: it did not answer within 2 h" in text
    answer_all(audit)
    ended(audit)
    assert "south: it did not answer within 2 h" in client.get(address).content.decode()
