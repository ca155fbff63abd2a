"""What a page does, the API does too. A new page without its address, or a reason why it has none, fails."""

from __future__ import annotations

from tests.qflethics.test_access_matrix import EXPECTED

SESSION = "belongs to the session of a browser: it signs in, or changes what signs in"
DRAWN = "a part of a page, drawn again; the figures stand in the API of the page"
PROBE = "for the operator's machines, at an address that they expect"
KEY = "hands a private key over once, to the operator who sits before the page and stores it"
HINTS = "hints on the home page, shown or put away there"
FORMAT = "a published format of its own (C2SP), for everybody"

# Page -> the address of the API that does the same, or why there is none.
SAME: dict[str, str] = {
    "home": "api_home", "login": SESSION, "logout": SESSION, "account_activate": SESSION,
    "account": "api_me", "session_end": SESSION, "password_change": SESSION, "language": SESSION,
    **dict.fromkeys(("account_login", "account_reauthenticate", "mfa_activate_totp", "mfa_add_webauthn"), SESSION),
    **dict.fromkeys(("mfa_authenticate", "mfa_deactivate_totp", "mfa_edit_webauthn", "mfa_index"), SESSION),
    **dict.fromkeys(("mfa_generate_recovery_codes", "mfa_list_webauthn", "mfa_login_webauthn"), SESSION),
    **dict.fromkeys(("mfa_reauthenticate", "mfa_reauthenticate_webauthn", "mfa_remove_webauthn"), SESSION),
    **dict.fromkeys(("mfa_view_recovery_codes", "openid_connect_callback", "openid_connect_login"), SESSION),
    **dict.fromkeys(("saml_login", "saml_back", "saml_in", "saml_metadata"), SESSION),
    "provider_unlink": SESSION, "report_html": "api_report_html", "report_xlsx": "api_report_xlsx",
    "report_package": "api_report_package",
    "factor_reset": "api_factor_reset", "factor_reset_grant": "api_factor_reset_grant",
    "machine_keys": "api_machine_keys", "machine_key_revoke": "api_machine_key_revoke",
    "health_live": PROBE, "health_ready": PROBE, "metrics": PROBE,
    "people": "api_people", "person_erase": "api_person_erase", "patient_erase": "api_patient_erase",
    "federations": "api_federations", "federation": "api_federation", "federation_map": "api_federation_map",
    "federation_traffic": "api_run_traffic", "federation_differences": "api_federation_differences",
    "federation_keys": "api_qkd_links", "qkd_check": "api_qkd_links", "qkd_rehearsal": "api_qkd_rehearsals",
    "influence_study": "api_influence_studies", "run_propose": "api_federation_runs",
    "agreement_record": "api_federation_agreements", "site_invite": "api_invitations",
    "site_uninvite": "api_invitation_withdraw", "run": "api_run", "run_compare": "api_run_compare",
    "run_compare_csv": "api_run_compare_csv", "run_compare_json": "api_run_compare", "run_live": DRAWN,
    "run_overlays": "api_run_overlays", "run_overlays_ask": "api_run_overlays", "run_terms": "api_run_terms",
    "run_consent": "api_run_consents", "reconsideration_decide": "api_reconsideration_decision",
    "run_start": "api_run_start", "run_pause": "api_run_pause", "run_resume": "api_run_resume",
    "run_abort": "api_run_abort", "budget_set": "api_budgets", "quantum": "api_quantum_devices",
    "quantum_limit": "api_quantum_limits", "quantum_jobs": "api_quantum_jobs", "quantum_job": "api_quantum_job",
    "quantum_cancel": "api_quantum_job_cancel", "quantum_retry": "api_quantum_job_retry",
    "quantum_look": "api_quantum_job_look",
    "quantum_order": "api_quantum_jobs", "quantum_consents": "api_quantum_consents",
    "quantum_consent": "api_quantum_consents",
    "models": "api_models", "model": "api_model", "version": "api_version", "card": "api_cards",
    "card_edition": "api_card", "card_edit": "api_cards", "card_changes": "api_card_changes",
    "card_export": "api_card_export", "card_publish": "api_card_publication",
    "card_unpublish": "api_card_publication", "public_cards": "api_public_cards", "public_card": "api_public_card",
    "public_card_file": "api_public_card", "public_card_proof": "api_public_card_proof",
    "public_verifier": "api_ledger_verifier",
    "approvals": "api_approval_requests", "approval": "api_approval_request",
    "approval_request": "api_approval_requests", "approval_decide": "api_approval_decisions",
    "approval_sign": "api_approval_statements", "approval_text": "api_approval_statements",
    "approval_comment": "api_approval_comments", "approval_keys": "api_approval_keys",
    "approval_key_revoke": "api_approval_key_revoke", "approval_absence": "api_approval_delegations",
    "approval_absence_end": "api_approval_delegation_end", "approval_withdraw": "api_approval_withdraw",
    "approval_deploy": "api_deployments",
    "audits": "api_audits", "audit": "api_audit", "audit_progress": DRAWN, "audit_start": "api_audits",
    "audit_stop": "api_audit_stop", "audit_new": "api_audit_estimates", "audit_compare": "api_audit_comparison",
    "thresholds_record": "api_audit_thresholds", "audit_result": "api_audit_result",
    "audit_report_pdf": "api_audit_report", "audit_report_json": "api_audit_report",
    "external_audits": "api_external_audits", "external_audit": "api_external_audit",
    "external_new": "api_external_audits", "external_upload": "api_external_data",
    "external_data_withdraw": "api_external_data_withdraw", "external_run": "api_external_runs",
    "external_finding": "api_external_findings", "external_file": "api_external_file",
    "external_close": "api_external_close", "external_revoke": "api_external_revoke",
    "policies": "api_policies", "policy": "api_policy", "policy_content": "api_policy", "policy_new": "api_policies",
    "policy_decide": "api_policy_decisions", "policy_withdraw": "api_policy_withdraw",
    "deployments": "api_deployments", "deployment": "api_deployment", "deployment_live": DRAWN,
    "deployment_halt": "api_halt", "deployment_amber": "api_amber", "deployment_reinstate": "api_reinstatements",
    "vote_withdraw": "api_vote_withdraw", "vote_evidence": "api_vote_evidence",
    "incidents": "api_incidents", "incident": "api_incident", "incident_assign": "api_incident_assign",
    "incident_facts": "api_incident_facts", "incident_clock": "api_incident_clocks",
    "incident_note": "api_incident_notes", "incident_task": "api_incident_tasks",
    "incident_advance": "api_incident_advance", "task_done": "api_incident_task_done",
    "look_back_change": "api_look_back_change", "look_back": "api_look_back",
    "look_back_mark": "api_look_back_marks", "look_back_find": "api_look_back_find",
    "look_back_csv": "api_look_back_csv", "notices": "api_notices", "notice_again": "api_notice_send",
    "webhooks": "api_webhooks", "webhook_revoke": "api_webhook_revoke",
    "bulk_predictions": "api_bulk_predictions", "bulk_prediction": "api_bulk_prediction",
    "bulk_prediction_cancel": "api_bulk_prediction_cancel", "bulk_prediction_csv": "api_bulk_prediction_answers",
    "bulk_prediction_jsonl": "api_bulk_prediction_answers",
    "prediction_find": "api_case_find", "prediction": "api_case", "prediction_review": "api_reviews",
    "prediction_contest": "api_appeals", "appeals": "api_appeals", "appeal": "api_appeal",
    "appeal_take": "api_appeal_take", "appeal_decide": "api_appeal_decision",
    "appeal_withdraw": "api_appeal_withdraw",
    "board_reviews": "api_board_reviews", "board_review": "api_board_review", "board_convene": "api_board_reviews",
    "board_declare": "api_board_declare", "board_find": "api_board_find", "board_sign": "api_board_sign",
    "board_follow": "api_board_follow", "reports": "api_reports", "report": "api_report",
    "report_create": "api_reports", "report_progress": DRAWN, "report_pdf": "api_report_pdf",
    "report_json": "api_report_json", "report_csv": "api_report_csv", "report_evidence": "api_report_evidence",
    "report_reissue": "api_report_reissue", "controls": "api_controls", "framework": "api_framework",
    "control": "api_control", "control_evidence_add": "api_control_evidence",
    "control_evidence_withdraw": "api_control_evidence_withdraw",
    "control_evidence_file": "api_control_evidence_file", "controls_export": "api_controls_export",
    "risks": "api_risks", "risk": "api_risk", "risk_new": "api_risks", "risk_edit": "api_risk",
    "ledger": "api_ledger_entries", "ledger_checkpoints": "api_ledger_checkpoints",
    "ledger_checkpoint": "api_ledger_checkpoint_at", "ledger_witnesses": "api_ledger_witnesses",
    "ledger_anchors": "api_ledger_anchors", "ledger_completeness": "api_ledger_completeness",
    "ledger_object": "api_ledger_object", "ledger_object_bundle": "api_ledger_bundle",
    "ledger_verifier": "api_ledger_verifier", "ledger_verification": "api_ledger_verification",
    "ledger_entry": "api_ledger_entry", "ledger_leaf": "api_ledger_entry", "ledger_proof": "api_ledger_proof",
    "assessment": "api_assessment", "assessment_begin": "api_assessments", "assessment_edit": "api_assessment",
    "assessment_pdf": "api_assessment_pdf", "assessment_sign": "api_assessment_sign", "assessments": "api_assessments",
    "breach": "api_breach", "breach_answer": "api_breach_answer", "breach_close": "api_breach_close",
    "breach_facts": "api_breach", "breach_new": "api_breaches", "breaches": "api_breaches",
    "continuity": "api_continuity", "hold_lift": "api_hold_lift", "hold_place": "api_holds",
    "processing_note": "api_processing_activity", "processing_record": "api_processing_record",
    "protection": "api_protection", "retention": "api_retention", "retention_execute": "api_retention_executions",
    "retention_preview": "api_retention_preview", "retention_rule": "api_retention_rule",
    "subject_erase": "api_subject_erase", "subject_json": "api_subject_json", "subject_object": "api_subject_object",
    "subject_pdf": "api_subject_pdf", "subject_request": "api_subject_request",
    "subject_request_new": "api_subject_requests", "subject_requests": "api_subject_requests",
    "subject_step": "api_subject_step",
    "report_keys": "api_report_keys", "report_schema": "api_report_schema", "report_sign": "api_report_sign",
    "sample": "api_sample", "sample_close": "api_sample_close", "sample_draw": "api_samples",
    "sample_file": "api_sample_file", "sample_find": "api_sample_find", "samples": "api_samples",
    "emergencies": "api_emergencies", "emergency_confirm": "api_emergency_confirm",
    "emergency_end": "api_emergency_end", "emergency_review": "api_emergency_review",
    "identity_provider": "api_identity_provider", "identity_providers": "api_identity_providers", "inbox": "api_inbox",
    "inbox_read": "api_inbox_read", "invitation_accept": "api_invitation_accept",
    "invitation_withdraw": "api_person_uninvite", "membership_end": "api_membership_end",
    "message_open": "api_message_read",
    "message_unread": "api_message_unread", "people_invite": "api_people_invite", "preferences": "api_preferences",
    "view_remove": "api_view_remove", "view_restore": "api_view_restore", "view_save": "api_views",
    "search": "api_search", "feature_study": "api_feature_studies", "contribution_study": "api_contributions",
    "site_passes": "api_site_passes", "pass_revoke": "api_site_pass_revoke",
    "first_steps": HINTS, "invitation_take": KEY,
    "log_checkpoint": FORMAT, "log_keys": FORMAT, "log_tile": FORMAT,
}  # fmt: skip
WHY = {SESSION, DRAWN, PROBE, KEY, HINTS, FORMAT}


def test_every_page_has_its_address_or_a_reason():
    pages = {name for name in EXPECTED if not name.startswith("api_")}
    assert pages == set(SAME)
    assert {told for told in SAME.values() if told not in WHY} <= set(EXPECTED)


def test_nobody_may_more_over_the_api_than_on_the_page():
    """Whoever may change something on a page may over the API, and nobody else may."""
    wrong = []
    for page, api in SAME.items():
        if api not in WHY and "POST" in EXPECTED[page] and page not in _ELSEWHERE:
            writes = {method: who for method, who in EXPECTED[api].items() if method != "GET"}
            if set(EXPECTED[page]["POST"]) not in [set(who) for who in writes.values()]:
                wrong.append(f"{page} {EXPECTED[page]} | {api} {writes}")
    assert not wrong, "\n".join(wrong)


# Pages with a button for what another address does: `ledger/verification`; a text that the statement already holds.
_ELSEWHERE = {"ledger_completeness", "approval_text"}
