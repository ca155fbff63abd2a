from __future__ import annotations

import hashlib
import re

import pytest
from django.urls import reverse

from audits.predeployment import services
from tests.factories.audits import answer, answer_all, conclude, give_answer, make_audit, pending

OUTCOMES = {
    "pass": "Clinical use may be requested",
    "fail": "No use may be requested",
    "inconclusive": "Clinical use is blocked",
    "not_assessable": "Clinical use is blocked",
}


def page(client, name: str, *args, **query) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


@pytest.mark.parametrize(("outcome", "words"), OUTCOMES.items())
def test_the_page_says_what_each_verdict_allows(version, people, signed_in, outcome, words):
    audit = make_audit(version, outcome)
    text = page(signed_in(people.auditor), "audit", audit.id)
    assert words in text
    for title in audit.checks.values_list("title", flat=True):
        assert title in text
    assert "The rows still have this digest" in text and audit.digest in text


def test_a_page_has_no_inline_style_or_script_and_one_main_heading(version, people, signed_in):
    audit = make_audit(version, "fail", observed=5.0)
    client = signed_in(people.auditor)
    for text in (page(client, "audit", audit.id), page(client, "audits")):
        assert not re.search(r"<style|\sstyle=|<script>|\son\w+=|hx-on", text)
        assert len(re.findall(r"<h1", text)) == 1
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids))


def test_each_quantum_figure_has_its_classical_baseline_and_how_it_was_measured_beside_it(version, people, signed_in):
    text = page(signed_in(people.auditor), "audit", make_audit(version, "pass").id)
    section = text[text.index('id="quantum_mmd"') : text.index('id="representation"')]
    for words in ("RBF", "shots", "permutations", "Seed", "Version: pennylane"):
        assert words in section
    assert "classical twin" in text[text.index('id="bias_score"') :]


def test_a_test_that_finds_nothing_never_reads_pass(version, people, signed_in):
    text = page(signed_in(people.auditor), "audit", make_audit(version, "pass", observed=0.5).id)
    section = text[text.index('<div id="quantum_mmd"') : text.index('<div id="representation"')]
    assert "Not flagged" in section and ">Pass<" not in section


def test_groups_and_sites_with_too_few_patients_are_listed_with_what_they_need(version, people, signed_in):
    text = page(signed_in(people.auditor), "audit", make_audit(version, "not_assessable").id)
    assert "Too small to be compared" in text
    assert "Not assessable, 20 patients are needed to compare a site: north (n = 16)" in text


def test_without_differential_privacy_the_page_says_that_nothing_is_bounded(version, people, signed_in):
    text = page(signed_in(people.auditor), "audit", make_audit(version, "pass").id)
    assert "No differential privacy: the loss of privacy is not bounded." in text


def test_a_running_audit_shows_who_does_what_and_the_poll_ends_by_reloading(version, people, signed_in):
    audit = services.audit_start(version=version, actor=people.administrator)
    first = pending(audit, "north")[0]
    give_answer(first, answer(first))
    client = signed_in(people.administrator)
    text = page(client, "audit", audit.id)
    assert "Hospital north" in text and "1 of 3" in text and "0 of 3" in text
    assert 'hx-trigger="every 3s"' in text and reverse("audit_progress", args=[audit.id]) in text
    poll = client.get(reverse("audit_progress", args=[audit.id]))
    assert "HX-Refresh" not in poll and "<html" not in poll.content.decode()
    services.audit_stop(audit=audit, reason="enough", actor=people.administrator)
    assert client.get(reverse("audit_progress", args=[audit.id]))["HX-Refresh"] == "true"
    assert "Nothing is concluded" in page(client, "audit", audit.id)


def test_what_a_site_could_not_do_is_shown_while_the_audit_runs_and_after(version, people, signed_in):
    audit = services.audit_start(version=version, actor=people.administrator)
    give_answer(pending(audit, "north")[0], error="OrderRefused: the data have changed")
    client = signed_in(people.auditor)
    assert "OrderRefused: the data have changed" in page(client, "audit", audit.id)
    answer_all(audit)
    conclude(audit)
    text = page(client, "audit", audit.id)
    assert "It could not be measured everywhere. north: OrderRefused: the data have changed" in text
    assert "Mend what is named here" in text


def test_the_verdict_comes_by_principle_first_and_a_gap_is_seen(version, people, signed_in):
    text = page(signed_in(people.auditor), "audit", make_audit(version, "fail").id)
    by_principle = text[text.index("By principle") : text.index('id="principle-fairness"')]
    assert "Does the model serve every group of patients alike?" in by_principle
    for name in ("Fairness", "Privacy", "Security", "Transparency", "Accountability", "Performance"):
        assert name in by_principle
    assert "Not measured" in by_principle  # security: no check of it in this policy
    assert "What would change this verdict" in text


def test_a_result_can_be_fetched_as_the_bytes_that_its_address_is_the_hash_of(version, people, signed_in):
    audit = make_audit(version, "pass")
    row = audit.checks.get(check_id="bias_score")
    client = signed_in(people.auditor)
    found = client.get(reverse("audit_result", args=[audit.id, "bias_score"]))
    assert hashlib.sha256(found.content).hexdigest() == row.digest
    assert client.get(reverse("audit_result", args=[audit.id, "unheard-of"])).status_code == 404
    assert signed_in(people.outsider).get(reverse("audit_result", args=[audit.id, "bias_score"])).status_code == 404


def test_the_start_page_says_what_each_kind_of_audit_would_take_and_refuses_before_it_is_tried(
    version, people, signed_in
):
    make_audit(version, "pass")
    client = signed_in(people.officer_north)
    text = page(client, "audit_new", version.id)
    assert "Limited risk policy, version 1" in text and "High risk policy, version 1" in text
    assert "Certification" in text and "An audit cannot start now" not in text
    services.audit_start(version=version, actor=people.administrator)
    assert "already running" in page(client, "audit_new", version.id)
    assert signed_in(people.auditor).get(reverse("audit_new", args=[version.id])).status_code == 403


@pytest.mark.parametrize("given", [{"threshold": "0.5"}, {"tier": "thorough"}, {"risk_class": "none"}])
def test_a_start_that_is_not_on_offer_is_refused_in_words(version, people, signed_in, given):
    back = reverse("audit_new", args=[version.id])
    url = reverse("audit_start", args=[version.id])
    text = signed_in(people.administrator).post(url, {**given, "next": back}, follow=True).content.decode()
    assert "The audit was not started" in text and not version.audits.exists()


def test_two_audits_are_compared_check_by_check(version, people, signed_in):
    old, new = make_audit(version, "pass"), make_audit(version, "fail")
    client = signed_in(people.auditor)
    text = page(client, "audit_compare", new.id, other=old.id)
    assert "from pass to fail" in text and "higher: the intervals do not overlap" in text
    assert text.index(reverse("audit", args=[old.id])) < text.rindex(reverse("audit", args=[new.id]))
    assert "Choose an audit" in page(client, "audit_compare", new.id)
    assert "Choose an audit" in page(client, "audit_compare", new.id, other="nonsense")
    running = services.audit_start(version=version, actor=people.administrator)
    assert client.get(reverse("audit_compare", args=[running.id])).status_code == 404


def test_an_older_audit_points_to_the_one_that_counts(version, people, signed_in):
    old, new = make_audit(version, "pass"), make_audit(version, "fail")
    client = signed_in(people.auditor)
    assert reverse("audit", args=[new.id]) in page(client, "audit", old.id)
    assert "stands in place" not in page(client, "audit", new.id)


def test_changed_rows_are_shown_as_such(version, people, signed_in):
    audit = make_audit(version, "pass")
    audit.checks.filter(check_id="bias_score").update(sentence="All is well.")
    assert "The rows no longer have this digest" in page(signed_in(people.auditor), "audit", audit.id)


def test_the_list_shows_outcomes_and_filters_by_them(version, people, signed_in):
    make_audit(version, "fail")
    services.audit_start(version=version, actor=people.administrator)
    client = signed_in(people.officer_north)
    text = page(client, "audits")
    assert "Fail" in text and "0 of 7 checks" in text
    assert "0 of 7 checks" not in page(client, "audits", outcome="fail")
    assert "No audit has this outcome" in page(client, "audits", outcome="pass")


def test_an_empty_list_says_what_belongs_there(people, signed_in):
    assert "No audits yet" in page(signed_in(people.auditor), "audits")


def test_a_list_costs_the_same_however_long_it_is(version, people, signed_in, django_assert_max_num_queries):
    for _ in range(3):
        make_audit(version, "not_assessable")
    client = signed_in(people.auditor)
    page(client, "audits")
    with django_assert_max_num_queries(12):
        page(client, "audits")


@pytest.mark.parametrize("name", ["audit", "audit_progress"])
def test_an_officer_of_a_stranger_finds_no_such_audit(version, people, signed_in, name):
    audit = services.audit_start(version=version, actor=people.administrator)
    client = signed_in(people.outsider)
    assert client.get(reverse(name, args=[audit.id])).status_code == 404
    assert "No audits yet" in page(client, "audits")
    assert client.post(reverse("audit_stop", args=[audit.id]), {"reason": "mine"}).status_code == 404


@pytest.mark.parametrize(
    ("who", "code"), [("auditor", 200), ("operator_north", 200), ("officer_south", 200), ("clinician", 403)]
)
def test_who_may_look(version, people, signed_in, who, code):
    audit = services.audit_start(version=version, actor=people.administrator)
    client = signed_in(getattr(people, who))
    assert client.get(reverse("audits")).status_code == code
    assert client.get(reverse("audit", args=[audit.id])).status_code == code


@pytest.mark.parametrize(("who", "code"), [("officer_north", 302), ("operator_north", 403), ("auditor", 403)])
def test_who_may_stop(version, people, signed_in, who, code):
    audit = services.audit_start(version=version, actor=people.administrator)
    answer = signed_in(getattr(people, who)).post(reverse("audit_stop", args=[audit.id]), {"reason": "south is closed"})
    audit.refresh_from_db()
    assert answer.status_code == code and (audit.state == "failed") == (code == 302)


def test_stopping_without_a_reason_is_refused_on_the_page(version, people, signed_in):
    audit = services.audit_start(version=version, actor=people.administrator)
    back = reverse("audit", args=[audit.id])
    client = signed_in(people.administrator)
    text = client.post(reverse("audit_stop", args=[audit.id]), {"next": back}, follow=True).content.decode()
    assert "Give a reason" in text
