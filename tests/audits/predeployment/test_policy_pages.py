from __future__ import annotations

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audits.predeployment import policies
from audits.predeployment.models import AuditPolicy
from audits.predeployment.policy_forms import MOST_BYTES, PolicyRowsForm
from federation.domain.messages import canonical
from tests.factories.audits import make_audit

NEW = "policy_new"


@pytest.fixture
def content(world):
    return policies.in_force("limited").content


def rows_of(content, **changes) -> dict:
    """What a browser sends of the form as it came."""
    form, sent = PolicyRowsForm(content=content), {"justification": "Smaller gaps."}
    for name, field in form.fields.items():
        if name in sent or name == "base" or field.initial is False:
            continue
        sent[name] = "on" if field.initial is True else field.initial
    return {**sent, **changes}


def text_of(answer, status=200) -> str:
    assert answer.status_code == status, answer.content[:800]
    text = answer.content.decode()
    assert not re.search(r"<style|\sstyle=|<script>|\son\w+=|hx-on", text)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and len(re.findall("<h1", text)) == 1
    return text


@pytest.fixture
def proposal(people, content) -> AuditPolicy:
    content["checks"]["bias_score"]["settings"]["threshold"] = 0.05
    content["checks"].pop("aif360")
    return policies.policy_propose(
        risk_class="limited", content=content, justification="Smaller gaps.", actor=people.administrator
    )


def test_the_list_shows_what_is_in_force_what_waits_and_what_was(people, signed_in, proposal):
    text = text_of(signed_in(people.officer_north).get(reverse("policies")))
    assert "Limited risk policy, version 1" in text and "Waits for you" in text and "2 more ethics officers" in text
    assert "Waits for you" not in text_of(signed_in(people.administrator).get(reverse("policies")))
    policies.policy_withdraw(policy=proposal, actor=people.administrator)
    text = text_of(signed_in(people.auditor).get(reverse("policies")))
    assert "Withdrawn" in text and "Propose a change" not in text


def test_the_page_shows_the_content_by_principle_and_the_difference(people, signed_in, proposal):
    text = text_of(signed_in(people.officer_north).get(reverse("policy", args=[proposal.id])))
    for words in ("Fairness", "Bias score", "Must pass", "Settings", "Stricter", "<span>Tighter</span>",
                  "<span>Looser</span>", "Your decision",
                  "Smaller gaps.", proposal.content_digest):  # fmt: skip
        assert words in text
    mine = text_of(signed_in(people.administrator).get(reverse("policy", args=[proposal.id])))
    assert "You made this proposal" in mine and "Your decision" not in mine and "Withdraw the proposal" in mine


def test_the_page_of_the_shipped_policy_asks_for_no_decision(people, signed_in, world):
    shipped = policies.in_force("high")
    text = text_of(signed_in(people.officer_north).get(reverse("policy", args=[shipped.id])))
    assert "Comes with the platform" in text and "In force" in text
    assert "Your decision" not in text and "Difference" not in text


def test_a_check_that_is_not_installed_any_more_is_shown_as_such(people, signed_in, content, proposal):
    # As after an upgrade that removed a check; the row itself never changes.
    odd = {
        **content,
        "checks": {**content["checks"], "gone": {"decides": "informs", "tiers": [], "settings": {"a": 1}}},
    }
    row = AuditPolicy.objects.create(
        risk_class="limited", number=9, content=odd, content_digest="0" * 64, state="approved", shipped=True
    )
    text = text_of(signed_in(people.auditor).get(reverse("policy", args=[row.id])))
    assert "Not installed here" in text and "not known here" in text


def test_the_content_is_given_as_the_bytes_that_are_bound(people, signed_in, proposal):
    answer = signed_in(people.auditor).get(reverse("policy_content", args=[proposal.id]))
    assert answer.content == canonical(proposal.content) and "attachment" in answer["Content-Disposition"]


def test_a_policy_is_proposed_decided_and_in_force_through_pages(people, signed_in, content):
    officer = signed_in(people.officer_north)
    text_of(officer.get(reverse(NEW, args=["limited"])))
    sent = rows_of(content, **{"bias_score.threshold": "0.05", "aif360.decides": ""})
    answer = officer.post(reverse(NEW, args=["limited"]), sent)
    made = AuditPolicy.objects.get(shipped=False)
    assert answer.status_code == 302 and answer.url == reverse("policy", args=[made.id])
    assert made.content["checks"]["bias_score"]["settings"]["threshold"] == 0.05
    assert "aif360" not in made.content["checks"]
    untouched = made.content["checks"]["quantum_mmd"]
    assert untouched == content["checks"]["quantum_mmd"]
    policies.policy_withdraw(policy=made, actor=people.officer_north)
    again = signed_in(people.administrator).post(reverse(NEW, args=["limited"]), sent)
    made = AuditPolicy.objects.get(id=again.url.split("/")[-2])
    for who in (people.officer_north, people.officer_south, people.administrator2):
        given = {"decision": "approve", "reason": "Reviewed."}
        assert signed_in(who).post(reverse("policy_decide", args=[made.id]), given).status_code == 302
    assert policies.in_force("limited") == made


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bias_score.threshold": "7"}, "less than or equal to"),
        ({"bias_score.threshold": "a little"}, "Enter a number"),
        ({"bias_score.threshold": ""}, "This field is required"),
        ({"bias_score.decides": "maybe"}, "Select a valid choice"),
        ({"only informs": True}, "at least one check that must pass"),
        ({"bias_score.tiers": []}, "expected tiers among"),
        ({"justification": ""}, "This field is required"),
    ],
)
def test_what_is_refused_says_why_and_keeps_what_was_entered(people, signed_in, content, changes, words):
    sent = rows_of(content, **{"justification": "Kept words.", **changes})
    if sent.pop("only informs", False):
        sent |= {name: "informs" for name in sent if name.endswith(".decides") and sent[name]}
    text = text_of(signed_in(people.administrator).post(reverse(NEW, args=["limited"]), sent), 400)
    assert words in text and ("Kept words." in text or not sent["justification"])
    if changes.get("bias_score.threshold"):
        assert f'value="{changes["bias_score.threshold"]}"' in text
    assert not AuditPolicy.objects.filter(shipped=False).exists()


def test_json_is_held_to_the_same_rules_and_kept_on_an_error(people, signed_in, content):
    client, url = signed_in(people.administrator), reverse(NEW, args=["high"])
    assert "bias_score" in text_of(client.get(url + "?json"))
    for text, words in (
        ("{", "This is not JSON"), ("", "Give the policy"), ("[" * 100_000, "nested too deeply"), ("[1]", "an object"),
        ('{"checks": {"bias_score": {"decides": "certifies", "settings": {"threshold": 3}}}}', "from 0"),
    ):  # fmt: skip
        found = text_of(client.post(url, {"json": "1", "text": text, "justification": "Kept words."}), 400)
        assert words in found and "Kept words." in found
    good = json.dumps({"checks": {"bias_score": {"decides": "certifies", "settings": {"threshold": 0.05}}}})
    assert client.post(url, {"json": "1", "text": good, "justification": "x"}).status_code == 302


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"\xff\xfe\x00", "no UTF-8"), (b"x" * (MOST_BYTES + 1), "at most"), (b"kept { file", "This is not JSON"),
     (b"", "Give the policy")],
)  # fmt: skip
def test_a_file_that_is_no_policy_is_refused_and_its_text_kept(people, signed_in, world, raw, words):
    given = {"json": "1", "justification": "Kept.", "text": "", "file": SimpleUploadedFile("policy.json", raw)}
    text = text_of(signed_in(people.administrator).post(reverse(NEW, args=["high"]), given), 400)
    assert words in text and ("kept { file" in text or not raw.startswith(b"kept"))


def test_a_file_is_proposed(people, signed_in, content):
    content["checks"]["bias_score"]["settings"]["threshold"] = 0.01
    file = SimpleUploadedFile("policy.json", canonical(content))
    answer = signed_in(people.administrator).post(
        reverse(NEW, args=["limited"]), {"json": "1", "justification": "x", "text": "ignored", "file": file}
    )
    assert answer.status_code == 302 and AuditPolicy.objects.get(shipped=False).content == content


def test_an_unknown_class_and_an_unknown_policy_are_not_found(people, signed_in):
    client = signed_in(people.administrator)
    assert client.get(reverse(NEW, args=["none"])).status_code == 404
    assert client.get(reverse("policy", args=["0" * 8 + "-0000-0000-0000-" + "0" * 12])).status_code == 404


def test_a_decision_without_a_reason_stays_on_the_page(people, signed_in, proposal):
    answer = signed_in(people.officer_north).post(reverse("policy_decide", args=[proposal.id]), {"decision": "approve"})
    assert "This field is required" in text_of(answer, 400) and not proposal.decisions.exists()


def test_the_audit_page_leads_to_its_policy(version, people, signed_in):
    audit = make_audit(version)
    text = signed_in(people.auditor).get(reverse("audit", args=[audit.id])).content.decode()
    assert reverse("policy", args=[audit.approved_policy_id]) in text


def test_the_api_lists_proposes_decides_and_withdraws(people, signed_in, content):
    content["checks"]["bias_score"]["settings"]["threshold"] = 0.02
    given = {"risk_class": "limited", "content": content, "justification": "Smaller gaps."}
    admin, officer = signed_in(people.administrator), signed_in(people.officer_north)
    made = admin.post(reverse("api_policies"), given, content_type="application/json")
    assert made.status_code == 201 and made.json()["state"] == "under_review" and len(made.json()["missing"]) == 3
    pk = made.json()["id"]
    found = officer.get(reverse("api_policies"), {"state": "under_review"}).json()
    assert [row["id"] for row in found["results"]] == [pk]
    decided = officer.post(
        reverse("api_policy_decisions", args=[pk]), {"decision": "approve", "reason": "Read."},
        content_type="application/json",
    )  # fmt: skip
    assert decided.status_code == 201 and decided.json()["capacity"] == "ethics_officer"
    again = admin.post(reverse("api_policies"), given, content_type="application/json")
    assert again.status_code == 409 and "under review" in again.json()["message"]
    done = admin.post(reverse("api_policy_withdraw", args=[pk]), {}, content_type="application/json")
    assert done.status_code == 200 and done.json()["state"] == "withdrawn"
    assert officer.get(reverse("api_policy", args=[pk])).json()["decisions"][0]["decision"] == "approve"
    bad = admin.post(reverse("api_policies"), {**given, "content": {"checks": 3}}, content_type="application/json")
    assert bad.status_code == 400 and "expected an object" in bad.json()["message"]
