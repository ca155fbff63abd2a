"""Every page: at most 200 kB, and as many queries for two of everything as for one. A new page needs a line here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audits.runtime.models import Prediction
from provenance.checkpoints import checkpoint_sign
from provenance.models import Entry
from provenance.sequencing import load_frontier, sequence
from tests.factories.federation import make_federation
from tests.factories.lives import Life, add_to, make_life
from tests.factories.people import make_people
from tests.qflethics.test_access_matrix import ADDRESSES, BACKEND, EXPECTED, PUBLIC, ROLES

pytestmark = pytest.mark.django_db
MOST_BYTES = 200_000

# Addresses that answer with files, data or a redirection, and pages that need a factor just proved.
NO_PAGE = {
    "health_live", "health_ready", "metrics", "log_checkpoint", "log_keys", "log_tile", "account_activate",
    "run_compare_csv", "run_compare_json", "card_export", "public_card_file", "public_card_proof", "public_verifier",
    "audit_result", "audit_report_pdf", "audit_report_json", "external_file", "policy_content", "look_back_csv",
    "vote_evidence", "bulk_prediction_csv", "bulk_prediction_jsonl", "report_pdf", "report_json", "report_csv",
    "report_progress",
    "control_evidence_file", "controls_export", "ledger_object_bundle", "ledger_verifier", "ledger_leaf",
    "ledger_proof", "public_card", "bulk_prediction", "assessment_pdf", "subject_pdf", "subject_json", "sample_file",
    "report_html", "report_xlsx", "report_package", "report_keys", "report_schema", "openid_connect_login",
    "openid_connect_callback", "mfa_view_recovery_codes", "mfa_edit_webauthn", "mfa_remove_webauthn",
    "saml_login", "saml_in", "saml_metadata", "mfa_deactivate_totp", "mfa_activate_totp", "mfa_add_webauthn",
    "mfa_generate_recovery_codes",
}  # fmt: skip

# Pages of one thing: where they are, of a life.
OF: dict[str, Callable[[Life], list[Any]]] = {
    "person_erase": lambda life: [life.run.requested_by_id],
    "factor_reset": lambda life: [life.run.requested_by_id],
    "federation": lambda life: [life.run.federation_id],
    "federation_map": lambda life: [life.run.federation_id],
    "federation_traffic": lambda life: [life.run.federation_id],
    "federation_differences": lambda life: [life.run.federation_id],
    "federation_keys": lambda life: [life.run.federation_id],
    "site_invite": lambda life: [life.run.federation_id],
    "run": lambda life: [life.run.id],
    "run_live": lambda life: [life.run.id],
    "run_overlays": lambda life: [life.run.id],
    "run_terms": lambda life: [life.run.id],
    "quantum_job": lambda life: [life.job.id],
    "model": lambda life: [life.version.model_id],
    "version": lambda life: [life.version.id],
    "card": lambda life: [life.version.id],
    "card_edit": lambda life: [life.version.id],
    "card_edition": lambda life: [life.version.id, 1],
    "card_changes": lambda life: [life.version.id],
    "approval": lambda life: [life.request.id],
    "audit": lambda life: [life.audit.id],
    "audit_progress": lambda life: [life.audit.id],
    "audit_compare": lambda life: [life.audit.id],
    "audit_new": lambda life: [life.version.id],
    "external_new": lambda life: [life.version.id],
    "external_audit": lambda life: [life.external.id],
    "policy": lambda life: [life.audit.approved_policy_id],
    "policy_new": lambda life: ["limited"],
    "deployment": lambda life: [life.served.id],
    "deployment_live": lambda life: [life.served.id],
    "bulk_predictions": lambda life: [life.served.id],
    "incident": lambda life: [life.halt.incident.id],
    "look_back": lambda life: [life.halt.incident.id],
    "prediction": lambda life: [life.served.id, *Prediction.objects.filter(deployment_id=life.served.id).values_list(
        "batch_id", "batch_index").first()],
    "appeal": lambda life: [life.appeal.id],
    "board_review": lambda life: [life.review.id],
    "report": lambda life: [life.report.id],
    "report_evidence": lambda life: [life.report.id],
    "framework": lambda life: ["gdpr"],
    "control": lambda life: ["gdpr", "art-5-1c"],
    "risk": lambda life: [life.risk.id],
    "risk_edit": lambda life: [life.risk.id],
    "assessment": lambda life: [life.registers.assessment.id],
    "assessment_edit": lambda life: [life.registers.assessment.id],
    "breach": lambda life: [life.registers.breach.id],
    "subject_request": lambda life: [life.registers.request.id],
    "processing_note": lambda life: ["prediction"],
    "retention_rule": lambda life: ["sign_ins"],
    "sample": lambda life: [life.registers.sample.id],
    "identity_provider": lambda life: [life.registers.provider.id],
    "site_passes": lambda life: [life.run.federation_id],
    "ledger_checkpoint": lambda life: [Entry.objects.count()],
    "ledger_object": lambda life: [life.version.id],
    "ledger_entry": lambda life: [1],
}  # fmt: skip
GROWS_WITH_THE_LOG = {"ledger_entry"}  # by its logarithm: the path of a proof
# Keys as young as this test's transaction are read for each text; otherwise once for all (core.vault).
NOT_COUNTED = re.compile("core_subjectkey|SAVEPOINT|set_config")
SEARCHES = {"search": "?q=ward"}


def pages() -> list[str]:
    with_get = [name for name, methods in EXPECTED.items() if "GET" in methods and not name.startswith("api_")]
    return sorted(set(with_get) - NO_PAGE)


def test_every_page_is_named():
    takes = {name for name in pages() if ADDRESSES[name].pattern.converters}
    assert takes == set(OF), "a page of one thing has no line in OF, or a line has no page"


def test_pages_stay_small_and_ask_no_more_for_more_rows():
    world = make_federation(make_people())
    first = make_life(world, 1)
    clients = {letter: signed_in(getattr(world.people, who)) for letter, who in ROLES.items()}
    entered()
    for _ in looked_at(first, clients):  # what is read once for all (content of files) is not the page's
        pass
    one = {key: asked for key, (asked, _) in looked_at(first, clients)}
    make_life(world, 2)
    add_to(world, first)
    entered()
    wrong = []
    for (name, letter), (asked, size) in looked_at(first, clients):
        if size > MOST_BYTES:
            wrong.append(f"{name} as {ROLES.get(letter, letter)}: {size:,} bytes, expected at most {MOST_BYTES:,}")
        if len(asked) > len(one[name, letter]) and name not in GROWS_WITH_THE_LOG:
            more = [sql for sql in asked if asked.count(sql) > one[name, letter].count(sql)]
            told = "\n    ".join(dict.fromkeys(sql[:230] for sql in more))
            wrong.append(
                f"{name} as {ROLES.get(letter, letter)}: {len(one[name, letter])} queries for one, {len(asked)} for "
                f"two\n    {told}"
            )
    assert not wrong, "\n".join(wrong)


def signed_in(who: Any) -> Client:
    client = Client()
    client.force_login(who, backend=BACKEND)
    return client


def entered() -> None:
    frontier = load_frontier()
    while sequence(frontier):
        pass
    checkpoint_sign(frontier)


def looked_at(life: Life, clients: dict[str, Client]):
    """Each page as somebody who may see it, and for lists as everybody: its statements and its size."""
    for name in pages():
        who = EXPECTED[name]["GET"]
        letters = ["A" if "A" in who else who[0]] if who != PUBLIC else ["-"]
        if name == "home":
            letters = list(who)
        args = OF[name](life) if name in OF else []
        for letter in letters:
            client = clients[letter] if letter in clients else Client()
            path = reverse(name, args=args) + SEARCHES.get(name, "")
            with CaptureQueriesContext(connection) as found:
                answer = client.get(path)
            assert answer.status_code in {200, 302}, f"{name} as {letter}: {answer.status_code}"
            asked = [shape(query["sql"]) for query in found.captured_queries if not NOT_COUNTED.search(query["sql"])]
            yield (name, letter), (asked, len(answer.content))


def shape(sql: str) -> str:
    """A statement without its values, so that two of one kind are alike."""
    return re.sub(r"'[^']*'|\d+", "#", sql).split(" WHERE ")[0]
