"""Every address × role × method. A new address without an expectation here fails, and so does a right nobody meant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.urls.converters import IntConverter, UUIDConverter

from tests.factories.people import make_people

pytestmark = pytest.mark.django_db

BACKEND = "django.contrib.auth.backends.ModelBackend"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROLES = {"A": "administrator", "O": "officer_north", "U": "auditor", "S": "operator_north", "C": "clinician",
         "X": "external"}  # fmt: skip
ALL, STAFF = "AOUSC", "AOUS"
EVERYBODY = "AOUSCX"
PUBLIC = "public"
DOOR = {"login", "account_login", "mfa_authenticate", "mfa_login_webauthn", "language"}

# Address name -> method -> who may (A administrator, O ethics officer, U auditor, S site operator, C clinician,
# X external auditor).
# Written out and not derived from core.roles, so that a slip there shows here. A method that is not named is refused.
EXPECTED: dict[str, dict[str, str]] = {
    "login": {"GET": PUBLIC, "POST": PUBLIC},
    "logout": {"POST": EVERYBODY},
    "account_login": {"GET": PUBLIC, "POST": PUBLIC},
    "mfa_authenticate": {"GET": PUBLIC, "POST": PUBLIC},
    "mfa_login_webauthn": {"GET": PUBLIC, "POST": PUBLIC},
    "openid_connect_login": {"GET": PUBLIC},
    "openid_connect_callback": {"GET": PUBLIC},
    "saml_login": {"GET": PUBLIC},
    "saml_back": {"POST": PUBLIC},
    "saml_in": {"GET": PUBLIC},
    "saml_metadata": {"GET": PUBLIC},
    "account": {"GET": EVERYBODY},
    "session_end": {"POST": EVERYBODY},
    "password_change": {"GET": EVERYBODY, "POST": EVERYBODY},
    "account_reauthenticate": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_reauthenticate": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_reauthenticate_webauthn": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_index": {"GET": EVERYBODY},
    "mfa_activate_totp": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_deactivate_totp": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_list_webauthn": {"GET": EVERYBODY},
    "mfa_add_webauthn": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_edit_webauthn": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_remove_webauthn": {"GET": EVERYBODY, "POST": EVERYBODY},
    "mfa_view_recovery_codes": {"GET": EVERYBODY},
    "mfa_generate_recovery_codes": {"GET": EVERYBODY, "POST": EVERYBODY},
    "provider_unlink": {"POST": EVERYBODY},
    "invitation_accept": {"POST": EVERYBODY},
    "people_invite": {"GET": "A", "POST": "A"},
    "invitation_withdraw": {"POST": "A"},
    "membership_end": {"POST": "A"},
    "identity_providers": {"GET": "A", "POST": "A"},
    "identity_provider": {"GET": "A", "POST": "A"},
    "emergencies": {"GET": ALL, "POST": "SC"},  # of an institution; the administrator here is of the platform
    "emergency_confirm": {"POST": "AOSC"},
    "emergency_end": {"POST": ALL},
    "emergency_review": {"POST": "OU"},
    "factor_reset": {"GET": "A", "POST": "A"},
    "factor_reset_grant": {"POST": "A"},
    "machine_keys": {"GET": "A", "POST": "A"},
    "machine_key_revoke": {"POST": "A"},
    "health_live": {"GET": PUBLIC},
    "health_ready": {"GET": PUBLIC},
    "metrics": {"GET": PUBLIC},  # from this machine, as the test is; tests/provenance/test_metrics.py has the rest
    "home": {"GET": EVERYBODY},
    "search": {"GET": EVERYBODY},
    "language": {"POST": PUBLIC},
    "preferences": {"GET": EVERYBODY, "POST": EVERYBODY},
    "first_steps": {"POST": EVERYBODY},
    "inbox": {"GET": EVERYBODY},
    "inbox_read": {"POST": EVERYBODY},
    "message_open": {"POST": EVERYBODY},
    "message_unread": {"POST": EVERYBODY},
    "view_save": {"POST": EVERYBODY},
    "view_remove": {"POST": EVERYBODY},
    "view_restore": {"POST": EVERYBODY},
    "account_activate": {"GET": PUBLIC, "POST": PUBLIC},
    "people": {"GET": "AU"},
    "person_erase": {"GET": "A", "POST": "A"},
    "patient_erase": {"GET": "A", "POST": "A"},
    "protection": {"GET": "AOU"},
    "processing_record": {"GET": "AOU"},
    "processing_note": {"GET": "AO", "POST": "AO"},
    "continuity": {"GET": "AOU"},
    "assessments": {"GET": "AOU"},
    "assessment_begin": {"POST": "AO"},
    "assessment": {"GET": "AOU"},
    "assessment_edit": {"GET": "AO", "POST": "AO"},
    "assessment_sign": {"POST": "O"},
    "assessment_pdf": {"GET": "AOU"},
    "subject_requests": {"GET": "AOU"},
    "subject_request_new": {"GET": "O", "POST": "O"},
    "subject_request": {"GET": "AOU"},
    "subject_step": {"POST": "O"},
    "subject_object": {"POST": "O"},
    "subject_erase": {"POST": "A"},
    "subject_json": {"GET": "O"},
    "subject_pdf": {"GET": "O"},
    "breaches": {"GET": "AOU"},
    "breach_new": {"GET": "AO", "POST": "AO"},
    "breach": {"GET": "AOU"},
    "breach_facts": {"POST": "AO"},
    "breach_answer": {"POST": "AO"},
    "breach_close": {"POST": "AO"},
    "retention": {"GET": "AOU"},
    "retention_preview": {"GET": "AOU"},
    "retention_execute": {"POST": "A"},
    "retention_rule": {"GET": "A", "POST": "A"},
    "hold_place": {"POST": "AO"},
    "hold_lift": {"POST": "AO"},
    "federations": {"GET": STAFF},
    "federation": {"GET": STAFF},
    "federation_map": {"GET": STAFF},
    "federation_traffic": {"GET": STAFF},
    "federation_differences": {"GET": STAFF},
    "federation_keys": {"GET": STAFF},
    "qkd_check": {"POST": "A"},
    "qkd_rehearsal": {"POST": "A"},
    "influence_study": {"POST": "A"},
    "feature_study": {"POST": "A"},
    "contribution_study": {"POST": "A"},
    "run_propose": {"POST": "A"},
    "agreement_record": {"POST": "A"},
    "site_invite": {"GET": "A", "POST": "A"},
    "site_uninvite": {"POST": "A"},
    "invitation_take": {"POST": "S"},
    "site_passes": {"GET": STAFF},
    "pass_revoke": {"POST": "A"},
    "run": {"GET": STAFF},
    "run_compare": {"GET": STAFF},
    "run_compare_csv": {"GET": STAFF},
    "run_compare_json": {"GET": STAFF},
    "run_live": {"GET": STAFF},
    "run_overlays": {"GET": STAFF},
    "run_overlays_ask": {"POST": "S"},
    "run_terms": {"GET": STAFF},
    "run_consent": {"POST": "SO"},
    "reconsideration_decide": {"POST": "AO"},
    "run_start": {"POST": "A"},
    "run_pause": {"POST": "A"},
    "run_resume": {"POST": "A"},
    "run_abort": {"POST": "A"},
    "budget_set": {"POST": "O"},
    "quantum": {"GET": STAFF},
    "quantum_limit": {"POST": "A"},
    "quantum_jobs": {"GET": STAFF},
    "quantum_job": {"GET": STAFF},
    "quantum_cancel": {"POST": "A"},
    "quantum_retry": {"POST": "A"},
    "quantum_look": {"POST": "A"},
    "quantum_order": {"GET": "A", "POST": "A"},
    "quantum_consents": {"GET": STAFF},
    "quantum_consent": {"POST": "S"},
    "models": {"GET": ALL},
    "model": {"GET": ALL},
    "version": {"GET": EVERYBODY},
    "card": {"GET": EVERYBODY},
    "card_edition": {"GET": EVERYBODY},
    "card_edit": {"GET": "A", "POST": "A"},
    "card_changes": {"GET": EVERYBODY},
    "card_export": {"GET": EVERYBODY},
    "public_cards": {"GET": PUBLIC},
    "public_card": {"GET": PUBLIC},
    "public_card_file": {"GET": PUBLIC},
    "public_card_proof": {"GET": PUBLIC},
    "public_verifier": {"GET": PUBLIC},
    "card_publish": {"POST": "A"},
    "card_unpublish": {"POST": "A"},
    "approvals": {"GET": STAFF},
    "approval": {"GET": STAFF},
    "approval_request": {"POST": "A"},
    "approval_decide": {"POST": "AO"},
    "approval_sign": {"POST": "AO"},
    "approval_text": {"POST": "AOU"},
    "approval_comment": {"POST": STAFF},
    "approval_keys": {"GET": "AOU", "POST": "AOU"},
    "approval_key_revoke": {"POST": "AOU"},
    "approval_absence": {"GET": "O", "POST": "O"},
    "approval_absence_end": {"POST": "O"},
    "approval_withdraw": {"POST": "A"},
    "approval_deploy": {"POST": "A"},
    "audits": {"GET": STAFF + "X"},
    "audit": {"GET": STAFF + "X"},
    "audit_progress": {"GET": STAFF + "X"},
    "audit_start": {"POST": "AO"},
    "audit_stop": {"POST": "AO"},
    "audit_new": {"GET": "AO"},
    "audit_compare": {"GET": STAFF + "X"},
    "thresholds_record": {"POST": "AO"},
    "audit_result": {"GET": STAFF + "X"},
    "audit_report_pdf": {"GET": STAFF + "X"},
    "audit_report_json": {"GET": STAFF + "X"},
    "external_audits": {"GET": STAFF + "X"},
    "external_audit": {"GET": STAFF + "X"},
    "external_new": {"GET": "A", "POST": "A"},
    "external_upload": {"POST": "X"},
    "external_data_withdraw": {"POST": "X"},
    "external_run": {"POST": "X"},
    "external_finding": {"POST": "X"},
    "external_file": {"GET": STAFF + "X"},
    "external_close": {"POST": "X"},
    "external_revoke": {"POST": "A"},
    "policies": {"GET": STAFF},
    "policy": {"GET": STAFF},
    "policy_content": {"GET": STAFF},
    "policy_new": {"GET": "AO", "POST": "AO"},
    "policy_decide": {"POST": "AO"},
    "policy_withdraw": {"POST": "AO"},
    "deployments": {"GET": ALL},
    "deployment": {"GET": ALL},
    "deployment_live": {"GET": ALL},
    "deployment_halt": {"POST": "O"},
    "deployment_amber": {"POST": "O"},
    "deployment_reinstate": {"POST": "O"},
    "vote_withdraw": {"POST": "O"},
    "incidents": {"GET": ALL},
    "incident": {"GET": ALL},
    "incident_assign": {"POST": "O"},
    "incident_facts": {"POST": "O"},
    "incident_clock": {"POST": "O"},
    "incident_note": {"POST": "O"},
    "incident_task": {"POST": "O"},
    "incident_advance": {"POST": "O"},
    "task_done": {"POST": ALL},  # its owner may be anybody; tests/audits/runtime/test_incidents.py has the rest
    "look_back_change": {"POST": "O"},
    "look_back": {"GET": "OSC"},
    "look_back_mark": {"POST": "OC"},
    "look_back_find": {"POST": "OSC"},
    "look_back_csv": {"GET": "OSC"},
    "vote_evidence": {"GET": ALL},
    "notices": {"GET": "AOU"},
    "notice_again": {"POST": "AO"},
    "webhooks": {"GET": "A", "POST": "A"},
    "webhook_revoke": {"POST": "A"},
    "api_incidents": {"GET": ALL},
    "api_incident": {"GET": ALL},
    "api_incident_assign": {"POST": "O"},
    "api_incident_facts": {"POST": "O"},
    "api_incident_clocks": {"POST": "O"},
    "api_incident_notes": {"POST": "O"},
    "api_incident_tasks": {"POST": "O"},
    "api_incident_task_done": {"POST": ALL},
    "api_incident_advance": {"POST": "O"},
    "api_look_back_change": {"POST": "O"},
    "api_look_back": {"GET": "OSC"},
    "api_look_back_marks": {"POST": "OC"},
    "api_look_back_find": {"POST": "OSC"},
    "api_look_back_csv": {"GET": "OSC"},
    "api_notices": {"GET": "AOU"},
    "api_notice_send": {"POST": "AO"},
    "api_webhooks": {"GET": "A", "POST": "A"},
    "api_webhook_revoke": {"POST": "A"},
    "bulk_predictions": {"GET": "C", "POST": "C"},
    "bulk_prediction": {"GET": "C"},
    "bulk_prediction_cancel": {"POST": "C"},
    "bulk_prediction_csv": {"GET": "C"},
    "bulk_prediction_jsonl": {"GET": "C"},
    "prediction_find": {"POST": ALL},
    "prediction": {"GET": ALL},
    "prediction_review": {"POST": "C"},
    "prediction_contest": {"POST": "OC"},
    "appeals": {"GET": "AOUC"},
    "appeal": {"GET": "AOUC"},
    "appeal_take": {"POST": "OC"},
    "appeal_decide": {"POST": "OC"},
    "appeal_withdraw": {"POST": "OC"},
    "board_reviews": {"GET": STAFF + "X"},
    "board_review": {"GET": STAFF + "X"},
    "board_convene": {"POST": "U"},
    "board_declare": {"POST": "OUX"},
    "board_find": {"POST": "OUX"},
    "board_sign": {"POST": "OUX"},
    "board_follow": {"POST": STAFF},
    "reports": {"GET": STAFF},
    "report": {"GET": STAFF},
    "report_create": {"POST": "AOU"},
    "report_progress": {"GET": STAFF},
    "report_pdf": {"GET": STAFF},
    "report_json": {"GET": STAFF},
    "controls": {"GET": "AOU"},
    "framework": {"GET": "AOU"},
    "control": {"GET": "AOU"},
    "control_evidence_add": {"POST": "AO"},
    "control_evidence_withdraw": {"POST": "AO"},
    "control_evidence_file": {"GET": "AOU"},
    "controls_export": {"GET": "AOU"},
    "risks": {"GET": "AOU"},
    "risk": {"GET": "AOU"},
    "risk_new": {"GET": "AO", "POST": "AO"},
    "risk_edit": {"GET": "AO", "POST": "AO"},
    "report_csv": {"GET": STAFF},
    "report_evidence": {"GET": STAFF},
    "report_html": {"GET": STAFF},
    "samples": {"GET": "AOUX"},
    "sample": {"GET": "AOUX"},
    "sample_draw": {"POST": "X"},
    "sample_find": {"POST": "X"},
    "sample_close": {"POST": "X"},
    "sample_file": {"GET": "AOUX"},
    "report_xlsx": {"GET": STAFF},
    "report_package": {"GET": STAFF},
    "report_schema": {"GET": STAFF},
    "report_keys": {"GET": STAFF},
    "report_sign": {"POST": "OU"},
    "report_reissue": {"POST": "AOU"},
    "ledger": {"GET": STAFF},
    "ledger_checkpoints": {"GET": STAFF},
    "ledger_checkpoint": {"GET": STAFF},
    "ledger_witnesses": {"GET": STAFF},
    "ledger_anchors": {"GET": STAFF},
    "ledger_completeness": {"GET": STAFF, "POST": STAFF},
    "ledger_object": {"GET": STAFF},
    "ledger_object_bundle": {"GET": STAFF},
    "ledger_verifier": {"GET": STAFF},
    "ledger_verification": {"GET": STAFF, "POST": STAFF},
    "ledger_entry": {"GET": STAFF},
    "ledger_leaf": {"GET": STAFF},
    "ledger_proof": {"GET": STAFF},
    # The log is public by design: leaves commit to bodies and show none.
    "log_checkpoint": {"GET": PUBLIC},
    "log_keys": {"GET": PUBLIC},
    "log_tile": {"GET": PUBLIC},
    "api_federations": {"GET": STAFF},
    "api_federation": {"GET": STAFF},
    "api_federation_runs": {"GET": STAFF, "POST": "A"},
    "api_runs": {"GET": STAFF},
    "api_run_compare": {"GET": STAFF},
    "api_run": {"GET": STAFF},
    "api_run_consents": {"POST": "SO"},
    "api_federation_agreements": {"GET": STAFF, "POST": "A"},
    "api_reconsiderations": {"GET": STAFF},
    "api_reconsideration_decision": {"POST": "AO"},
    "api_run_start": {"POST": "A"},
    "api_run_pause": {"POST": "A"},
    "api_run_resume": {"POST": "A"},
    "api_run_abort": {"POST": "A"},
    "api_run_events": {"GET": STAFF},
    "api_budgets": {"GET": STAFF, "POST": "O"},
    "api_quantum_devices": {"GET": STAFF},
    "api_quantum_estimates": {"POST": "A"},
    "api_quantum_jobs": {"GET": STAFF, "POST": "A"},
    "api_quantum_job": {"GET": STAFF},
    "api_quantum_job_cancel": {"POST": "A"},
    "api_quantum_job_retry": {"POST": "A"},
    "api_quantum_job_look": {"POST": "A"},
    "api_quantum_consents": {"GET": STAFF, "POST": "S"},
    "api_models": {"GET": ALL},
    "api_model": {"GET": ALL},
    "api_versions": {"GET": EVERYBODY},
    "api_version": {"GET": EVERYBODY},
    "api_cards": {"GET": EVERYBODY, "POST": "A"},
    "api_card_drafts": {"GET": "A"},
    "api_card_changes": {"GET": EVERYBODY},
    "api_card_export": {"GET": EVERYBODY},
    "api_card_publication": {"POST": "A", "DELETE": "A"},
    "api_approval_requests": {"GET": STAFF, "POST": "A"},
    "api_approval_request": {"GET": STAFF},
    "api_approval_decisions": {"POST": "AO"},
    "api_approval_statements": {"POST": "AO"},
    "api_approval_comments": {"GET": STAFF, "POST": STAFF},
    "api_approval_keys": {"GET": "AOU", "POST": "AOU"},
    "api_approval_key_challenge": {"POST": "AOU"},
    "api_approval_key_revoke": {"POST": "AOU"},
    "api_approval_delegations": {"GET": "O", "POST": "O"},
    "api_approval_delegation_end": {"POST": "O"},
    "api_approval_withdraw": {"POST": "A"},
    "api_deployments": {"GET": ALL, "POST": "A"},
    "api_deployment": {"GET": ALL},
    "api_audits": {"GET": STAFF + "X", "POST": "AO"},
    "api_audit": {"GET": STAFF + "X"},
    "api_external_audits": {"GET": STAFF + "X", "POST": "A"},
    "api_external_audit": {"GET": STAFF + "X"},
    "api_external_data": {"POST": "X"},
    "api_external_data_withdraw": {"POST": "X"},
    "api_external_runs": {"POST": "X"},
    "api_external_findings": {"POST": "X"},
    "api_policies": {"GET": STAFF, "POST": "AO"},
    "api_policy": {"GET": STAFF},
    "api_policy_decisions": {"POST": "AO"},
    "api_policy_withdraw": {"POST": "AO"},
    "api_predictions": {"POST": "C"},
    "api_events": {"POST": "C"},
    "api_outcomes": {"POST": "C"},
    "api_reviews": {"GET": ALL, "POST": "C"},
    "api_appeals": {"GET": "AOUC", "POST": "OC"},
    "api_appeal": {"GET": "AOUC"},
    "api_appeal_take": {"POST": "OC"},
    "api_appeal_decision": {"POST": "OC"},
    "api_appeal_withdraw": {"POST": "OC"},
    "api_outcome": {"GET": ALL},
    "api_monitor": {"GET": ALL},
    "api_halts": {"GET": ALL},
    "api_halt": {"POST": "O"},
    "api_amber": {"GET": ALL, "POST": "O"},
    "api_reinstatements": {"POST": "O"},
    "api_vote_withdraw": {"POST": "O"},
    "api_board_reviews": {"GET": STAFF + "X", "POST": "U"},
    "api_board_review": {"GET": STAFF + "X"},
    "api_reports": {"GET": STAFF, "POST": "AOU"},
    "api_report": {"GET": STAFF},
    "api_report_pdf": {"GET": STAFF},
    "api_report_json": {"GET": STAFF},
    "api_controls": {"GET": "AOU"},
    "api_framework": {"GET": "AOU"},
    "api_control_evidence": {"POST": "AO"},
    "api_control_evidence_withdraw": {"POST": "AO"},
    "api_risks": {"GET": "AOU", "POST": "AO"},
    "api_report_csv": {"GET": STAFF},
    "api_report_html": {"GET": STAFF},
    "api_report_xlsx": {"GET": STAFF},
    "api_report_package": {"GET": STAFF},
    "api_ledger": {"GET": STAFF},
    "api_ledger_entries": {"GET": STAFF},
    "api_ledger_entry": {"GET": STAFF},
    "api_ledger_proof": {"GET": STAFF},
    "api_ledger_checkpoint": {"GET": STAFF},
    "api_ledger_verification": {"GET": STAFF, "POST": STAFF},
    "api_ledger_witnesses": {"GET": STAFF},
    "api_ledger_bundle": {"GET": STAFF},
    "api_prediction_proof": {"GET": ALL},
    "api_ledger_decisions": {"GET": STAFF, "POST": "AO"},
    "api_ledger_decision": {"GET": STAFF},
    "api_ledger_decision_typed_data": {"GET": "AO"},
    "api_ledger_decision_sign": {"POST": "AO"},
    "api_ledger_officer_keys": {"GET": STAFF, "POST": "AO"},
    "api_ledger_officer_key_challenge": {"POST": "AO"},
    "api_ledger_officer_key_revoke": {"POST": "AO"},
    "api_me": {"GET": EVERYBODY},
    "api_home": {"GET": EVERYBODY},
    "api_people": {"GET": "AU"},
    "api_person_erase": {"POST": "A"},
    "api_patient_erase": {"POST": "A"},
    "api_factor_reset": {"POST": "A"},
    "api_factor_reset_grant": {"POST": "A"},
    "api_machine_keys": {"GET": "A", "POST": "A"},
    "api_machine_key_revoke": {"POST": "A"},
    "api_federation_map": {"GET": STAFF},
    "api_federation_differences": {"GET": STAFF},
    "api_qkd_links": {"GET": STAFF, "POST": "A"},
    "api_qkd_rehearsals": {"GET": STAFF, "POST": "A"},
    "api_invitations": {"GET": "A", "POST": "A"},
    "api_invitation_withdraw": {"POST": "A"},
    "api_run_compare_csv": {"GET": STAFF},
    "api_run_terms": {"GET": STAFF},
    "api_run_overlays": {"GET": STAFF, "POST": "S"},
    "api_run_traffic": {"GET": STAFF},
    "api_influence_studies": {"GET": STAFF, "POST": "A"},
    "api_quantum_limits": {"GET": STAFF, "POST": "A"},
    "api_card": {"GET": EVERYBODY},
    "api_audit_stop": {"POST": "AO"},
    "api_audit_thresholds": {"POST": "AO"},
    "api_audit_comparison": {"GET": STAFF + "X"},
    "api_audit_report": {"GET": STAFF + "X"},
    "api_audit_result": {"GET": STAFF + "X"},
    "api_audit_estimates": {"GET": "AO"},
    "api_external_close": {"POST": "X"},
    "api_external_revoke": {"POST": "A"},
    "api_external_file": {"GET": STAFF + "X"},
    "api_bulk_predictions": {"GET": "C", "POST": "C"},
    "api_bulk_prediction": {"GET": "C"},
    "api_bulk_prediction_cancel": {"POST": "C"},
    "api_bulk_prediction_answers": {"GET": "C"},
    "api_case_find": {"POST": ALL},
    "api_case": {"GET": ALL},
    "api_vote_evidence": {"GET": ALL},
    "api_board_declare": {"POST": "OUX"},
    "api_board_find": {"POST": "OUX"},
    "api_board_sign": {"POST": "OUX"},
    "api_board_follow": {"POST": STAFF},
    "api_report_evidence": {"GET": STAFF},
    "api_report_reissue": {"POST": "AOU"},
    "api_control": {"GET": "AOU"},
    "api_control_evidence_file": {"GET": "AOU"},
    "api_controls_export": {"GET": "AOU"},
    "api_risk": {"GET": "AOU", "PUT": "AO"},
    "api_risk_suggestions": {"GET": "AOU"},
    "api_public_cards": {"GET": PUBLIC},
    "api_public_card": {"GET": PUBLIC},
    "api_public_card_proof": {"GET": PUBLIC},
    "api_ledger_checkpoints": {"GET": STAFF},
    "api_ledger_checkpoint_at": {"GET": STAFF},
    "api_ledger_anchors": {"GET": STAFF},
    "api_ledger_completeness": {"GET": STAFF},
    "api_ledger_object": {"GET": STAFF},
    "api_ledger_subject": {"GET": STAFF},
    "api_ledger_verifier": {"GET": STAFF},
    "api_protection": {"GET": "AOU"},
    "api_processing_record": {"GET": "AOU"},
    "api_processing_activity": {"GET": "AOU", "PUT": "AO"},
    "api_continuity": {"GET": "AOU"},
    "api_drills": {"GET": "AOU"},
    "api_backups": {"GET": "AOU"},
    "api_assessments": {"GET": "AOU", "POST": "AO"},
    "api_assessment": {"GET": "AOU", "PUT": "AO"},
    "api_assessment_sign": {"POST": "O"},
    "api_assessment_pdf": {"GET": "AOU"},
    "api_subject_requests": {"GET": "AOU", "POST": "O"},
    "api_subject_request": {"GET": "AOU"},
    "api_subject_step": {"POST": "O"},
    "api_subject_object": {"POST": "O"},
    "api_subject_erase": {"POST": "A"},
    "api_subject_json": {"GET": "O"},
    "api_subject_pdf": {"GET": "O"},
    "api_breaches": {"GET": "AOU", "POST": "AO"},
    "api_breach": {"GET": "AOU", "PUT": "AO"},
    "api_breach_answer": {"POST": "AO"},
    "api_breach_close": {"POST": "AO"},
    "api_retention": {"GET": "AOU"},
    "api_retention_preview": {"GET": "AOU"},
    "api_retention_executions": {"GET": "AOU", "POST": "A"},
    "api_retention_rule": {"POST": "A"},
    "api_holds": {"GET": "AOU", "POST": "AO"},
    "api_hold_lift": {"POST": "AO"},
    "api_report_schema": {"GET": STAFF},
    "api_report_keys": {"GET": STAFF},
    "api_report_statements": {"POST": "OU"},
    "api_report_sign": {"GET": STAFF, "POST": "OU"},
    "api_samples": {"GET": "AOUX", "POST": "X"},
    "api_sample": {"GET": "AOUX"},
    "api_sample_items": {"GET": "AOUX"},
    "api_sample_close": {"POST": "X"},
    "api_sample_find": {"POST": "X"},
    "api_sample_file": {"GET": "AOUX"},
    "api_emergencies": {"GET": ALL, "POST": "SC"},  # of an institution, as on the page
    "api_emergency_confirm": {"POST": "AOSC"},
    "api_emergency_end": {"POST": ALL},
    "api_emergency_review": {"POST": "OU"},
    "api_people_invite": {"GET": "A", "POST": "A"},
    "api_person_uninvite": {"POST": "A"},
    "api_membership_end": {"POST": "A"},
    "api_my_invitations": {"GET": EVERYBODY},
    "api_invitation_accept": {"POST": EVERYBODY},
    "api_identity_providers": {"GET": "A", "POST": "A"},
    "api_identity_provider": {"GET": "A", "PUT": "A"},
    "api_inbox": {"GET": EVERYBODY},
    "api_inbox_read": {"POST": EVERYBODY},
    "api_message_read": {"POST": EVERYBODY},
    "api_message_unread": {"POST": EVERYBODY},
    "api_preferences": {"GET": EVERYBODY, "PUT": EVERYBODY},
    "api_views": {"GET": EVERYBODY, "POST": EVERYBODY},
    "api_view_remove": {"POST": EVERYBODY},
    "api_view_restore": {"POST": EVERYBODY},
    "api_search": {"GET": EVERYBODY},
    "api_feature_studies": {"GET": STAFF, "POST": "A"},
    "api_contributions": {"GET": STAFF, "POST": "A"},
    "api_site_passes": {"GET": STAFF},
    "api_site_pass_revoke": {"POST": "A"},
    "api_docs": {"GET": PUBLIC},
    "api_docs_section": {"GET": PUBLIC},
    "api_schema": {"GET": PUBLIC},
}


def patterns(resolver=None) -> Iterator[URLPattern]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        else:
            yield from patterns(pattern)


def address(pattern: URLPattern) -> str:
    """The pattern's address, of things that do not exist."""
    samples = {UUIDConverter: uuid.UUID(int=7), IntConverter: 999_999}
    values = {name: samples.get(type(kind), "x") for name, kind in pattern.pattern.converters.items()}
    return reverse(pattern.name, kwargs=values)


ADDRESSES = {pattern.name: pattern for pattern in patterns()}


def test_every_address_has_an_expectation_and_no_expectation_is_stale():
    assert None not in ADDRESSES, "an address without a name"
    assert set(ADDRESSES) == set(EXPECTED)


def test_who_may():
    """Every address, as each role; the people are made once, and what one address did is undone before the next."""
    visitors = {"-": Visitor(None), **{letter: Visitor(who) for letter, who in signed_in().items()}}
    wrong = []
    for name in sorted(EXPECTED):
        with transaction.atomic():
            wrong += told_wrongly(name, visitors)
            transaction.set_rollback(True)
    assert not wrong, "\n".join(wrong)


def signed_in() -> dict[str, object]:
    people = make_people()
    return {letter: getattr(people, who) for letter, who in ROLES.items()}


class Visitor:
    """A browser that is as it was before each address: signed in, whatever the last address did to its session."""

    def __init__(self, who) -> None:
        self.client = Client(raise_request_exception=False)
        self._key = ""
        if who is not None:
            self.client.force_login(who, backend=BACKEND)
            self._key = self.client.cookies[settings.SESSION_COOKIE_NAME].value

    def status(self, method: str, path: str, *, as_json: bool) -> int:
        self.client.cookies.clear()
        if self._key:
            self.client.cookies[settings.SESSION_COOKIE_NAME] = self._key
        kind = {"content_type": "application/json"} if as_json else {}
        return self.client.generic(method, path, "{}" if kind else "", **kind).status_code


def told_wrongly(name: str, visitors: dict[str, Visitor]) -> Iterator[str]:
    """The answers of one address that its line in `EXPECTED` does not allow."""
    path, is_api = address(ADDRESSES[name]), name.startswith("api_")
    known = set().union(*EXPECTED[name].values()) if PUBLIC not in EXPECTED[name].values() else set(ROLES)
    for method in METHODS:
        allowed = EXPECTED[name].get(method, "")
        if not allowed and not handles(ADDRESSES[name], method):
            continue  # nobody is let in: there is nothing to answer with
        for letter in sorted(visitors, key=lambda letter: letter != "-" and letter not in known):
            with transaction.atomic():
                status = visitors[letter].status(method, path, as_json=is_api and method != "GET")
                transaction.set_rollback(True)
            if not fits(name, letter, allowed, status, is_api):
                who = ROLES.get(letter, "anonymous")
                yield f"{method} {path} as {who}: {status}, allowed to {allowed or 'nobody'}"
            if letter in known and not allowed and status == 405:
                break  # who may come in is told that there is no such method: nobody needs to be asked after him


def handles(pattern: URLPattern, method: str) -> bool:
    """Whether the address could answer the method at all; of a plain function nobody knows before asking."""
    view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    return view is None or hasattr(view, method.lower())


def fits(name: str, letter: str, allowed: str, status: int, is_api: bool) -> bool:
    if status >= 500:
        return False
    if allowed == PUBLIC or letter in allowed:
        return status not in {401, 403, 405} and (allowed != PUBLIC or status != 302 or name in DOOR)
    if letter == "-":
        return status in ({401, 403, 405} if is_api or PUBLIC in EXPECTED.get(name, {}).values() else {302, 405})
    return status in {403, 405} or (name in DOOR and status == 302)  # signed in already: sent home


@pytest.mark.parametrize(
    ("letter", "allowed", "status", "is_api", "right"),
    [
        ("O", "O", 200, False, True), ("O", "O", 403, False, False), ("C", "O", 403, False, True),
        ("C", "O", 404, False, False), ("C", "O", 200, True, False), ("O", "O", 500, False, False),
        ("-", "O", 302, False, True), ("-", "O", 401, True, True), ("-", "O", 200, True, False),
        ("-", "O", 302, True, False),
    ],
)  # fmt: skip
def test_an_answer_that_lets_in_or_keeps_out_the_wrong_people_is_told(letter, allowed, status, is_api, right):
    assert fits("halt_create", letter, allowed, status, is_api) is right
