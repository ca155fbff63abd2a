"""Every operation of the platform, a method each. Written by clients/generate.py from clients/openapi.json: change neither by hand."""

from __future__ import annotations

from typing import Any, Literal

from qfl_ethics_client import shapes
from qfl_ethics_client.transport import Transport, Upload


class Operations(Transport):
    """What a client can ask. Each method is named as the operation in the description."""

    def api_keys_list(
        self,
        *,
        active: bool | None = None,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.MachineKeyOutput]:
        """Keys of machines, newest first; POST issues one.

        Needs the right `key.manage`: Administrator.
        """

        return self.ask(
            "GET",
            "/api/v1/api-keys",
            query={"active": active, "institution": institution, "limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def key_issue(
        self,
        body: shapes.MachineKeyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.NewMachineKeyOutput:
        """Issue a key. Its secret is in this answer and kept nowhere.

        Needs the right `key.manage`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/api-keys",
            headers={"If-Match": if_match},
            json=body,
        )

    def key_revoke(
        self,
        key_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.MachineKeyOutput:
        """End a key at once: no request is answered with it any more.

        Needs the right `key.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/api-keys/{self.part(key_id)}/revoke",
            headers={"If-Match": if_match},
        )

    def appeals_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        state: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.AppealOutput]:
        """The queue, overdue ones first; POST contests a prediction of your site.

        Needs the right `appeal.view`: Administrator, Auditor, Clinician, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/appeals",
            query={"limit": limit, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def appeal_file(
        self,
        body: shapes.AppealInput,
        *,
        state: str | None = None,
        if_match: str | None = None,
    ) -> shapes.AppealOutput:
        """Contest a prediction of your site.

        Needs the right `appeal.file`: Clinician, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/appeals",
            query={"state": state},
            headers={"If-Match": if_match},
            json=body,
        )

    def appeals_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.AppealOutput:
        """One appeal, and what became of it.

        Needs the right `appeal.view`: Administrator, Auditor, Clinician, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/appeals/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def appeal_decide(
        self,
        id: str,
        body: shapes.AppealDecisionInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AppealOutput:
        """Decide an appeal: the prediction is upheld or changed. A change is told to the monitor.

        Needs the right `appeal.decide`: Clinician, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/appeals/{self.part(id)}/decision",
            headers={"If-Match": if_match},
            json=body,
        )

    def appeal_take(
        self,
        id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.AppealOutput:
        """Take an appeal under review.

        Needs the right `appeal.decide`: Clinician, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/appeals/{self.part(id)}/take",
            headers={"If-Match": if_match},
        )

    def appeal_withdraw(
        self,
        id: str,
        body: shapes.ReasonInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AppealOutput:
        """Withdraw an appeal that is not decided.

        Needs the right `appeal.file`: Clinician, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/appeals/{self.part(id)}/withdraw",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_delegations_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.DelegationOutput]:
        """Those that you gave; POST lets a colleague decide in your place.

        Needs the right `approval.delegate`: Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/approval-delegations",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def approval_delegations_create(
        self,
        body: shapes.DelegationInput,
        *,
        if_match: str | None = None,
    ) -> shapes.DelegationOutput:
        """Those that you gave; POST lets a colleague decide in your place.

        Needs the right `approval.delegate`: Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/approval-delegations",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_delegations_end(
        self,
        id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.DelegationOutput:
        """End a delegation before its day.

        Needs the right `approval.delegate`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/approval-delegations/{self.part(id)}/end",
            headers={"If-Match": if_match},
        )

    def approval_keys_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ReviewerKeyOutput]:
        """Your keys; POST registers one of the signing program.

        Needs the right `key.hold`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/approval-keys",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def approval_keys_create(
        self,
        body: shapes.ReviewerKeyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReviewerKeyOutput:
        """Your keys; POST registers one of the signing program.

        Needs the right `key.hold`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/approval-keys",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_keys_revoke(
        self,
        id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.ReviewerKeyOutput:
        """Revoke one of your keys: nothing is signed with it any more.

        Needs the right `key.hold`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/approval-keys/{self.part(id)}/revoke",
            headers={"If-Match": if_match},
        )

    def approval_keys_challenge(
        self,
        body: shapes.ReviewerKeyChallengeInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReviewerKeyChallengeOutput:
        """What a key signs to show that you have it.

        Needs the right `key.hold`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/approval-keys/challenge",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_requests_list(
        self,
        *,
        kind: Literal["clinical", "shadow"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["under_review", "approved", "rejected", "withdrawn", "voided", "change_requested", "expired"] | None = None,
        version: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ApprovalOutput]:
        """Requests for approval, newest first; POST makes one.

        Needs the right `approval.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/approval-requests",
            query={"kind": kind, "limit": limit, "offset": offset, "state": state, "version": version},
            headers={"If-None-Match": if_none_match},
        )

    def approval_requests_create(
        self,
        body: shapes.ApprovalInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ApprovalOutput:
        """Requests for approval, newest first; POST makes one.

        Needs the right `approval.request`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/approval-requests",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_requests_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ApprovalOutput:
        """One request: what it binds, who decided, and what is missing.

        Needs the right `approval.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/approval-requests/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def approval_requests_comments_list(
        self,
        id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.CommentOutput]:
        """What was said about a request, oldest first; POST adds to it.

        Needs the right `approval.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/approval-requests/{self.part(id)}/comments",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def approval_requests_comments_create(
        self,
        id: str,
        body: shapes.CommentInput,
        *,
        if_match: str | None = None,
    ) -> shapes.CommentOutput:
        """What was said about a request, oldest first; POST adds to it.

        Needs the right `approval.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/approval-requests/{self.part(id)}/comments",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_requests_decisions(
        self,
        id: str,
        body: shapes.DecisionInput,
        *,
        if_match: str | None = None,
    ) -> shapes.DecisionOutput:
        """Decide, with your password once more; signed, if you have registered a key.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/approval-requests/{self.part(id)}/decisions",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_requests_statements(
        self,
        id: str,
        body: shapes.StatementInput,
        *,
        if_match: str | None = None,
    ) -> shapes.StatementOutput:
        """The statement that you sign for a decision. Nothing is recorded.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/approval-requests/{self.part(id)}/statements",
            headers={"If-Match": if_match},
            json=body,
        )

    def approval_requests_withdraw(
        self,
        id: str,
        body: shapes.WithdrawInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ApprovalOutput:
        """Take a request back before it is decided.

        Needs the right `approval.request`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/approval-requests/{self.part(id)}/withdraw",
            headers={"If-Match": if_match},
            json=body,
        )

    def audit_policies_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        risk_class: Literal["limited", "high"] | None = None,
        state: Literal["under_review", "approved", "rejected", "withdrawn"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.PolicyOutput]:
        """Policies of audits, newest first of each class of risk; POST proposes one.

        Needs the right `policy.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/audit-policies",
            query={"limit": limit, "offset": offset, "risk_class": risk_class, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def policy_propose(
        self,
        body: shapes.PolicyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.PolicyOutput:
        """Propose a policy. It holds once officers of two institutions and an administrator approve.

        Needs the right `policy.propose`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/audit-policies",
            headers={"If-Match": if_match},
            json=body,
        )

    def audit_policies_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.PolicyOutput:
        """One policy: its content, who decided, and what is missing.

        Needs the right `policy.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/audit-policies/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def audit_policies_decisions(
        self,
        id: str,
        body: shapes.PolicyDecisionInput,
        *,
        if_match: str | None = None,
    ) -> shapes.PolicyDecisionOutput:
        """Approve or reject a proposed policy, with a reason.

        Needs the right `policy.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/audit-policies/{self.part(id)}/decisions",
            headers={"If-Match": if_match},
            json=body,
        )

    def audit_policies_withdraw(
        self,
        id: str,
        body: shapes.PolicyWithdrawInput,
        *,
        if_match: str | None = None,
    ) -> shapes.PolicyOutput:
        """Take a proposal back before it is decided.

        Needs the right `policy.propose`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/audit-policies/{self.part(id)}/withdraw",
            headers={"If-Match": if_match},
            json=body,
        )

    def audits_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["running", "finished", "failed"] | None = None,
        tier: Literal["quick", "certification"] | None = None,
        verdict: Literal["pass", "fail", "inconclusive", "not_assessable"] | None = None,
        version: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.AuditOutput]:
        """Audits that the caller may see, newest first; POST starts one, quick unless it says otherwise.

        Needs the right `audit.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/audits",
            query={"limit": limit, "offset": offset, "state": state, "tier": tier, "verdict": verdict, "version": version},
            headers={"If-None-Match": if_none_match},
        )

    def audit_start(
        self,
        body: shapes.AuditInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AuditOutput:
        """Start an audit of a version: every site is asked.

        Needs the right `audit.start`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/audits",
            headers={"If-Match": if_match},
            json=body,
        )

    def audits_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.AuditDetailOutput:
        """One audit with every check and its evidence.

        Needs the right `audit.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/audits/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def audit_compare(
        self,
        id: str,
        *,
        other: str,
        if_none_match: str | None = None,
    ) -> shapes.ComparisonOutput:
        """Two finished audits of a model side by side, check by check.

        Needs the right `audit.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/audits/{self.part(id)}/comparison",
            query={"other": other},
            headers={"If-None-Match": if_none_match},
        )

    def audit_report(
        self,
        id: str,
        kind: Literal["json", "pdf"],
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The whole audit as one file, to be kept, printed and checked elsewhere. The reading is recorded.

        Needs the right `audit.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/audits/{self.part(id)}/report.{self.part(kind)}",
            headers={"If-None-Match": if_none_match},
        )

    def audit_result(
        self,
        id: str,
        check_id: str,
        *,
        if_none_match: str | None = None,
    ) -> dict[str, Any]:
        """One result as the canonical JSON whose SHA-256 is its digest.

        Needs the right `audit.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/audits/{self.part(id)}/results/{self.part(check_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def audit_stop(
        self,
        id: str,
        body: shapes.StopInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AuditOutput:
        """Stop a running audit, with a reason. A fail that it had found stands.

        Needs the right `audit.start`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/audits/{self.part(id)}/stop",
            headers={"If-Match": if_match},
            json=body,
        )

    def thresholds_record(
        self,
        id: str,
        body: shapes.ThresholdsInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ThresholdsOutput:
        """Keep the thresholds that a finished audit proposes as evidence about the version.

        Needs the right `thresholds.record`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/audits/{self.part(id)}/thresholds",
            headers={"If-Match": if_match},
            json=body,
        )

    def board_follow(
        self,
        finding_id: str,
        body: shapes.FollowInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BoardFindingOutput:
        """Take a finding one step on: its owner works on it, an auditor who does not own it closes or reopens it.

        Needs the right `board.follow`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/board-findings/{self.part(finding_id)}/steps",
            headers={"If-Match": if_match},
            json=body,
        )

    def board_reviews_list(
        self,
        *,
        board: str | None = None,
        limit: int | None = None,
        month: str | None = None,
        offset: int | None = None,
        state: Literal["open", "signed"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.BoardReviewOutput]:
        """Reviews of the board that the caller may see, newest first.

        Needs the right `board.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/board-reviews",
            query={"board": board, "limit": limit, "month": month, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def board_convene(
        self,
        body: shapes.BoardReviewInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BoardReviewOutput:
        """Convene a review with its members; the agenda is what is open at this moment.

        Needs the right `board.convene`: Auditor.
        """

        return self.ask(
            "POST",
            "/api/v1/board-reviews",
            headers={"If-Match": if_match},
            json=body,
        )

    def board_reviews_retrieve(
        self,
        review_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.BoardReviewOutput:
        """One review: agenda, and the findings within your reach.

        Needs the right `board.view`: Administrator, Auditor, Ethics officer, External auditor, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/board-reviews/{self.part(review_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def board_declare(
        self,
        review_id: str,
        body: shapes.DeclarationInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BoardReviewOutput:
        """Declare a conflict of interest, or that you have none. It never changes.

        Needs the right `board.hold`: Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/board-reviews/{self.part(review_id)}/declarations",
            headers={"If-Match": if_match},
            json=body,
        )

    def board_find(
        self,
        review_id: str,
        body: shapes.BoardFindingInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BoardFindingOutput:
        """Keep a finding. A blocking one stands in the way of new deployments until it is closed.

        Needs the right `board.hold`: Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/board-reviews/{self.part(review_id)}/findings",
            headers={"If-Match": if_match},
            json=body,
        )

    def board_sign(
        self,
        review_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.BoardReviewOutput:
        """Sign a review off, after every member has declared: an auditor of its members.

        Needs the right `board.hold`: Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/board-reviews/{self.part(review_id)}/signature",
            headers={"If-Match": if_match},
        )

    def controls_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.FrameworkOutput]:
        """All frameworks with their evidence coverage.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/controls",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def controls_framework(
        self,
        key: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.FrameworkDetailOutput:
        """A framework's controls with what is on record for each.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/controls/{self.part(key)}",
            headers={"If-None-Match": if_none_match},
        )

    def controls_control(
        self,
        key: str,
        control: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ControlOutput:
        """One control, with what the platform measures for it and the files that people brought.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/controls/{self.part(key)}/{self.part(control)}",
            headers={"If-None-Match": if_none_match},
        )

    def controls_evidence_add(
        self,
        key: str,
        control: str,
        body: dict[str, str | Upload],
        *,
        if_match: str | None = None,
    ) -> shapes.ControlFileOutput:
        """Bring a file as evidence for a control.

        Needs the right `control.evidence`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/controls/{self.part(key)}/{self.part(control)}/evidence",
            headers={"If-Match": if_match},
            form=body,
        )

    def controls_export(
        self,
        key: str,
        kind: Literal["oscal", "xlsx"],
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """One framework, or `all`, with its evidence coverage: XLSX for people, OSCAL for programs.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.fetch(
            "GET",
            f"/api/v1/controls/{self.part(key)}/exports/{self.part(kind)}",
            headers={"If-None-Match": if_none_match},
        )

    def controls_evidence_file(
        self,
        evidence_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """A file that was brought, as it came. The reading is recorded.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.fetch(
            "GET",
            f"/api/v1/controls/evidence/{self.part(evidence_id)}/file",
            headers={"If-None-Match": if_none_match},
        )

    def controls_evidence_withdraw(
        self,
        evidence_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.ControlFileOutput:
        """Take a file back: it counts no more, and stays on record.

        Needs the right `control.evidence`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/controls/evidence/{self.part(evidence_id)}/withdraw",
            headers={"If-Match": if_match},
        )

    def deployments_list(
        self,
        *,
        kind: Literal["clinical", "shadow"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["active", "halted", "revoked"] | None = None,
        version: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.DeploymentOutput]:
        """Deployments within your reach, newest first; POST deploys an approved version.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/deployments",
            query={"kind": kind, "limit": limit, "offset": offset, "state": state, "version": version},
            headers={"If-None-Match": if_none_match},
        )

    def deployments_create(
        self,
        body: shapes.DeploymentInput,
        *,
        if_match: str | None = None,
    ) -> shapes.DeploymentOutput:
        """Deployments within your reach, newest first; POST deploys an approved version.

        Needs the right `deployment.create`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/deployments",
            headers={"If-Match": if_match},
            json=body,
        )

    def deployments_amber_list(
        self,
        deployment_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.AmberOutput]:
        """What was asked and decided, newest first; POST answers the open question.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/amber",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def amber_decide(
        self,
        deployment_id: str,
        body: shapes.AmberInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AmberOutput:
        """What was asked and decided, newest first; POST answers the open question.

        Needs the right `deployment.halt`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/amber",
            headers={"If-Match": if_match},
            json=body,
        )

    def case(
        self,
        deployment_id: str,
        batch_id: str,
        index: int,
        *,
        if_none_match: str | None = None,
    ) -> shapes.PredictedCaseOutput:
        """One prediction of your site. The reading is recorded.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/cases/{self.part(batch_id)}/{self.part(index)}",
            headers={"If-None-Match": if_none_match},
        )

    def case_find(
        self,
        deployment_id: str,
        body: shapes.CaseInput,
        *,
        if_match: str | None = None,
    ) -> shapes.CasePlaceOutput:
        """From the name of a case of your site to its address. Sent in the body: addresses stand in logs.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/cases/find",
            headers={"If-Match": if_match},
            json=body,
        )

    def events_create(
        self,
        deployment_id: str,
        body: shapes.EventsInput,
        *,
        partial: Literal[0, 1] | None = None,
        content_encoding: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> shapes.EventsOutput:
        """Record predictions that a model elsewhere has made. Taken also while the deployment is halted.

        Needs the right `event.record`: Clinician.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/events",
            query={"partial": partial},
            headers={"Content-Encoding": content_encoding, "Idempotency-Key": idempotency_key, "If-Match": if_match},
            json=body,
        )

    def deployments_files_list(
        self,
        deployment_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["queued", "running", "finished", "cancelled", "stopped"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.BulkOutput]:
        """Your own files for a deployment, newest first.

        Needs the right `prediction.request`: Clinician.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/files",
            query={"limit": limit, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def bulk_prediction_start(
        self,
        deployment_id: str,
        body: dict[str, str | Upload],
        *,
        if_match: str | None = None,
    ) -> shapes.BulkOutput:
        """Send a file of cases; they are predicted in the background.

        Needs the right `prediction.request`: Clinician.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/files",
            headers={"If-Match": if_match},
            form=body,
        )

    def halt_create(
        self,
        deployment_id: str,
        body: shapes.HaltInput,
        *,
        if_match: str | None = None,
    ) -> shapes.HaltOutput:
        """Halt a deployment at once, everywhere or at one site. A halt opens an incident.

        Needs the right `deployment.halt`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/halt",
            headers={"If-Match": if_match},
            json=body,
        )

    def deployments_halts_list(
        self,
        deployment_id: str,
        *,
        automatic: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        open: bool | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.HaltOutput]:
        """The halts of a deployment with the votes to reinstate it, newest first.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/halts",
            query={"automatic": automatic, "limit": limit, "offset": offset, "open": open},
            headers={"If-None-Match": if_none_match},
        )

    def monitor_retrieve(
        self,
        deployment_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.MonitorOutput:
        """What the monitor has found up to now.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/monitor",
            headers={"If-None-Match": if_none_match},
        )

    def outcomes_create(
        self,
        deployment_id: str,
        body: shapes.OutcomesInput,
        *,
        partial: Literal[0, 1] | None = None,
        content_encoding: str | None = None,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> shapes.OutcomesOutput:
        """Record what turned out to be true, or correct what was told earlier.

        Needs the right `outcome.record`: Clinician.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/outcomes",
            query={"partial": partial},
            headers={"Content-Encoding": content_encoding, "Idempotency-Key": idempotency_key, "If-Match": if_match},
            json=body,
        )

    def outcome_history(
        self,
        deployment_id: str,
        event_key: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.OutcomeRowOutput]:
        """Every row about a case of your site: its outcome and each correction. The reading is recorded.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/outcomes/{self.part(event_key)}",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def predictions_create(
        self,
        deployment_id: str,
        body: shapes.PredictionsInput,
        *,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> shapes.PredictionsOutput:
        """Have cases predicted. Served means committed: a halted deployment answers 423 and serves nothing.

        Needs the right `prediction.request`: Clinician.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/predictions",
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
            json=body,
        )

    def prediction_proof(
        self,
        deployment_id: str,
        event_key: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.PredictionProofOutput:
        """Prove one prediction of your site against the ledger. The reading is recorded.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/predictions/{self.part(event_key)}/proof",
            headers={"If-None-Match": if_none_match},
        )

    def reinstatement_create(
        self,
        deployment_id: str,
        body: shapes.VoteInput,
        *,
        if_match: str | None = None,
    ) -> shapes.VoteOutput:
        """Vote to reinstate. The first vote brings evidence; two officers of two institutions close the halt.

        Needs the right `deployment.reinstate`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/reinstatements",
            headers={"If-Match": if_match},
            json=body,
        )

    def reinstatement_withdraw(
        self,
        deployment_id: str,
        vote_id: str,
        body: shapes.ReasonInput,
        *,
        if_match: str | None = None,
    ) -> shapes.VoteOutput:
        """Take back a vote before the halt is closed; it stays on record and counts no more.

        Needs the right `deployment.reinstate`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/reinstatements/{self.part(vote_id)}/withdraw",
            headers={"If-Match": if_match},
            json=body,
        )

    def reliance_list(
        self,
        deployment_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.RelianceOutput]:
        """How far each site relies on the model.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(deployment_id)}/reviews",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def reviews_create(
        self,
        deployment_id: str,
        body: shapes.ReviewsInput,
        *,
        idempotency_key: str | None = None,
        if_match: str | None = None,
    ) -> shapes.ReviewsOutput:
        """Record what was done with a batch of predictions of your site.

        Needs the right `review.record`: Clinician.
        """

        return self.ask(
            "POST",
            f"/api/v1/deployments/{self.part(deployment_id)}/reviews",
            headers={"Idempotency-Key": idempotency_key, "If-Match": if_match},
            json=body,
        )

    def deployments_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.DeploymentOutput:
        """One deployment and the policy that was approved for it.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/deployments/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def emergencies_list(
        self,
        *,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        unjudged: bool | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.EmergencyOutput]:
        """Emergency accesses that the caller may see, newest first.

        Needs the right `emergency.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/emergencies",
            query={"institution": institution, "limit": limit, "offset": offset, "unjudged": unjudged},
            headers={"If-None-Match": if_none_match},
        )

    def emergency_request(
        self,
        body: shapes.EmergencyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.EmergencyOutput:
        """Ask for the rights, with your password once more. They are lent to this session when another confirms.

        Needs the right `emergency.request`: Administrator, Clinician, Site operator.
        """

        return self.ask(
            "POST",
            "/api/v1/emergencies",
            headers={"If-Match": if_match},
            json=body,
        )

    def emergency_confirm(
        self,
        access_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.EmergencyOutput:
        """Confirm what another asked for, within ten minutes: from now on the rights are lent, for an hour.

        Needs the right `emergency.confirm`: Administrator, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/emergencies/{self.part(access_id)}/confirm",
            headers={"If-Match": if_match},
        )

    def emergency_end(
        self,
        access_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.EmergencyOutput:
        """End it before the hour is over, or take the request back.

        Needs the right `emergency.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/emergencies/{self.part(access_id)}/end",
            headers={"If-Match": if_match},
        )

    def emergency_review(
        self,
        access_id: str,
        body: shapes.EmergencyReviewInput,
        *,
        if_match: str | None = None,
    ) -> shapes.EmergencyOutput:
        """Say afterwards whether it was right: by somebody who neither asked nor confirmed.

        Needs the right `emergency.review`: Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/emergencies/{self.part(access_id)}/review",
            headers={"If-Match": if_match},
            json=body,
        )

    def external_audits_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["open", "closed", "revoked", "expired"] | None = None,
        version: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ExternalOutput]:
        """Audits by outside boards, newest first.

        Needs the right `external.view`: Administrator, Auditor, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/external-audits",
            query={"limit": limit, "offset": offset, "state": state, "version": version},
            headers={"If-None-Match": if_none_match},
        )

    def external_invite(
        self,
        body: shapes.InviteInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalOutput:
        """Invite a person of an outside board to audit one version.

        Needs the right `external.invite`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/external-audits",
            headers={"If-Match": if_match},
            json=body,
        )

    def external_audits_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ExternalDetailOutput:
        """One of them, with every result and finding.

        Needs the right `external.view`: Administrator, Auditor, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/external-audits/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def external_close(
        self,
        id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalOutput:
        """The board has finished: its data are removed, what it found stays on record.

        Needs the right `external.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/external-audits/{self.part(id)}/close",
            headers={"If-Match": if_match},
        )

    def external_data_upload(
        self,
        id: str,
        body: dict[str, str | Upload],
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalDataOutput:
        """Bring patients. They are read in the background: GET the audit until the data set is ready or refused.

        Needs the right `external.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/external-audits/{self.part(id)}/data",
            headers={"If-Match": if_match},
            form=body,
        )

    def external_data_withdraw(
        self,
        id: str,
        data_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalDataOutput:
        """Take the patients back: the bytes are removed, the digest stays on record.

        Needs the right `external.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/external-audits/{self.part(id)}/data/{self.part(data_id)}/withdraw",
            headers={"If-Match": if_match},
        )

    def external_finding_add(
        self,
        id: str,
        body: dict[str, str | Upload],
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalFindingOutput:
        """Say what was found. It is shown to those who approve, and never changed.

        Needs the right `external.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/external-audits/{self.part(id)}/findings",
            headers={"If-Match": if_match},
            form=body,
        )

    def external_file(
        self,
        id: str,
        finding_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """A finding's file, as it came.

        Needs the right `external.view`: Administrator, Auditor, Ethics officer, External auditor, Site
        operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/external-audits/{self.part(id)}/findings/{self.part(finding_id)}/file",
            headers={"If-None-Match": if_none_match},
        )

    def external_revoke(
        self,
        id: str,
        body: shapes.ExternalRevokeInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalOutput:
        """End a board's access before its day. What it found stays.

        Needs the right `external.invite`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/external-audits/{self.part(id)}/revoke",
            headers={"If-Match": if_match},
            json=body,
        )

    def external_run_start(
        self,
        id: str,
        body: shapes.ExternalRunInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ExternalRunOutput:
        """Run some of the allowed checks on a data set that is ready.

        Needs the right `external.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/external-audits/{self.part(id)}/runs",
            headers={"If-Match": if_match},
            json=body,
        )

    def factor_reset_grant(
        self,
        reset_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.ResetOutput:
        """Grant what another administrator asked for: the person is signed out everywhere.

        Needs the right `factor.reset`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/factor-resets/{self.part(reset_id)}/grant",
            headers={"If-Match": if_match},
        )

    def federations_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        synthetic: bool | None = None,
        task: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.FederationOutput]:
        """The federations that the caller's institution takes part in.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/federations",
            query={"limit": limit, "offset": offset, "synthetic": synthetic, "task": task},
            headers={"If-None-Match": if_none_match},
        )

    def federations_retrieve(
        self,
        federation_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.FederationDetailOutput:
        """One federation with its sites and what they hold.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def federations_agreements_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        role: Literal["controller", "joint_controller", "processor"] | None = None,
        site: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.AgreementOutput]:
        """The agreements of a federation's institutions, the newest first; POST records one, which replaces the
        last.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/agreements",
            query={"limit": limit, "offset": offset, "role": role, "site": site},
            headers={"If-None-Match": if_none_match},
        )

    def federations_agreements_create(
        self,
        federation_id: str,
        body: shapes.AgreementInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AgreementOutput:
        """Record what an institution has signed.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/agreements",
            headers={"If-Match": if_match},
            json=body,
        )

    def federations_budgets_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.BudgetOutput]:
        """Privacy budgets of the sites of a federation; POST sets that of the caller's own institution.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/budgets",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def federations_budgets_create(
        self,
        federation_id: str,
        body: shapes.BudgetInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BudgetOutput:
        """Set the privacy budget of your own institution, with a reason.

        Needs the right `budget.set`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/budgets",
            headers={"If-Match": if_match},
            json=body,
        )

    def federations_differences_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ComparedOutput]:
        """How unlike the sites are, from what they have released: labels, then each group that the manifests
        count.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/differences",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def federations_feature_studies_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.FeatureStudyOutput]:
        """How the sites' features are distributed, newest question first; POST asks anew.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/feature-studies",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def feature_study(
        self,
        federation_id: str,
        body: shapes.FeatureStudyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.FeatureStudyOutput:
        """Ask every site. It is charged to each budget first; GET shows the answers as they come.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/feature-studies",
            headers={"If-Match": if_match},
            json=body,
        )

    def federations_invitations_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.InvitationOutput]:
        """Invitations to hospitals, newest first; POST issues one.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/invitations",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def site_invite(
        self,
        federation_id: str,
        body: shapes.InvitationInput,
        *,
        if_match: str | None = None,
    ) -> shapes.NewInvitationOutput:
        """Invite a hospital. The file is in the answer to this request and nowhere else.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/invitations",
            headers={"If-Match": if_match},
            json=body,
        )

    def federations_map_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.PlaceOutput]:
        """Who is connected, how healthy each site's worker is, and what it runs.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/map",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def federations_qkd_links_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.LinkOutput]:
        """Links of quantum keys as the sites last told; POST asks every active site anew.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/qkd-links",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def qkd_check(
        self,
        federation_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.AskedOutput:
        """Ask every active site how its links are; GET shows their answers.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/qkd-links",
            headers={"If-Match": if_match},
        )

    def federations_qkd_rehearsals_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.RehearsalOutput]:
        """Rehearsals of an eavesdropper on the simulated link, newest first; POST starts one.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/qkd-rehearsals",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def qkd_rehearsal(
        self,
        federation_id: str,
        body: shapes.RehearsalInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RehearsalOutput:
        """Run the simulated link under a growing eavesdropper. A job computes it.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/qkd-rehearsals",
            headers={"If-Match": if_match},
            json=body,
        )

    def federations_runs_list(
        self,
        federation_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["proposed", "approved", "running", "paused", "finished", "aborted", "failed"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.RunOutput]:
        """The runs of a federation; POST proposes one, frozen by its hash.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/runs",
            query={"limit": limit, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def federations_runs_create(
        self,
        federation_id: str,
        body: shapes.RunInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RunDetailOutput:
        """Propose a run. It is frozen by its hash; each site consents to that hash.

        Needs the right `run.start`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/federations/{self.part(federation_id)}/runs",
            headers={"If-Match": if_match},
            json=body,
        )

    def federations_site_passes_list(
        self,
        federation_id: str,
        *,
        kind: Literal["door", "flare"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        site: str | None = None,
        unrevoked: bool | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.SitePassOutput]:
        """Certificates of the sites' machines, newest first. No key is in them.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/federations/{self.part(federation_id)}/site-passes",
            query={"kind": kind, "limit": limit, "offset": offset, "site": site, "unrevoked": unrevoked},
            headers={"If-None-Match": if_none_match},
        )

    def home(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.HomeOutput:
        """What waits for you, most urgent first, and how much there is.

        Needs the right `home.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/home",
            headers={"If-None-Match": if_none_match},
        )

    def identity_providers_list(
        self,
        *,
        active: bool | None = None,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.IdentityProviderOutput]:
        """Identity providers of the institutions that you administer, by name.

        Needs the right `provider.manage`: Administrator.
        """

        return self.ask(
            "GET",
            "/api/v1/identity-providers",
            query={"active": active, "institution": institution, "limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def identity_provider_add(
        self,
        body: shapes.IdentityProviderInput,
        *,
        if_match: str | None = None,
    ) -> shapes.IdentityProviderOutput:
        """Set up the sign-in service of an institution (OpenID Connect, or SAML 2.0).

        Needs the right `provider.manage`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/identity-providers",
            headers={"If-Match": if_match},
            json=body,
        )

    def identity_providers_retrieve(
        self,
        provider_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.IdentityProviderOutput:
        """One provider.

        Needs the right `provider.manage`: Administrator.
        """

        return self.ask(
            "GET",
            f"/api/v1/identity-providers/{self.part(provider_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def identity_provider_change(
        self,
        provider_id: str,
        body: shapes.IdentityProviderChangeInput,
        *,
        if_match: str | None = None,
    ) -> shapes.IdentityProviderOutput:
        """Change a provider. Its institution, protocol and short name stay.

        Needs the right `provider.manage`: Administrator.
        """

        return self.ask(
            "PUT",
            f"/api/v1/identity-providers/{self.part(provider_id)}",
            headers={"If-Match": if_match},
            json=body,
        )

    def incidents_list(
        self,
        *,
        deployment: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        responsible: str | None = None,
        state: Literal["open", "contained", "resolved", "closed"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.IncidentOutput]:
        """Incidents within your reach: each halt opens one.

        Needs the right `incident.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/incidents",
            query={"deployment": deployment, "limit": limit, "offset": offset, "responsible": responsible, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def incident_retrieve(
        self,
        incident_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.IncidentDetailOutput:
        """One incident: what is known, the clocks, the tasks, the look-back.

        Needs the right `incident.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/incidents/{self.part(incident_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def incident_advance(
        self,
        incident_id: str,
        body: shapes.AdvanceInput,
        *,
        if_match: str | None = None,
    ) -> shapes.IncidentOutput:
        """Take the incident to its next state; `missing` of the incident says what that still needs.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/advance",
            headers={"If-Match": if_match},
            json=body,
        )

    def incident_assign(
        self,
        incident_id: str,
        body: shapes.AssignInput,
        *,
        if_match: str | None = None,
    ) -> shapes.IncidentOutput:
        """Name the ethics officer who answers for an incident.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/assign",
            headers={"If-Match": if_match},
            json=body,
        )

    def incident_clock(
        self,
        incident_id: str,
        body: shapes.ClockInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RecordOutput:
        """Answer one of the clocks: told, not to be told, or why later.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/clocks",
            headers={"If-Match": if_match},
            json=body,
        )

    def incident_facts(
        self,
        incident_id: str,
        body: shapes.FactsInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RecordOutput:
        """Say what is known: when the organisation became aware, and which facts the clocks of the law depend on.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/facts",
            headers={"If-Match": if_match},
            json=body,
        )

    def incidents_look_back_list(
        self,
        incident_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.CaseOutput]:
        """The cases of the caller's own site.

        Needs the right `lookback.view`: Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/incidents/{self.part(incident_id)}/look-back",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def look_back_export(
        self,
        incident_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """Your site's whole list as CSV. The reading is recorded.

        Needs the right `lookback.view`: Clinician, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/incidents/{self.part(incident_id)}/look-back.csv",
            headers={"If-None-Match": if_none_match},
        )

    def look_back_find(
        self,
        incident_id: str,
        body: shapes.NamesInput,
        *,
        if_match: str | None = None,
    ) -> dict[str, Any]:
        """Which of your names of cases are on your list. The names are compared and not kept.

        Needs the right `lookback.view`: Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/look-back/find",
            headers={"If-Match": if_match},
            json=body,
        )

    def look_back_mark(
        self,
        incident_id: str,
        body: shapes.MarkInput,
        *,
        if_match: str | None = None,
    ) -> shapes.MarkedOutput:
        """Say of cases of your own site that they were read again, or disclosed.

        Needs the right `lookback.mark`: Clinician, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/look-back/marks",
            headers={"If-Match": if_match},
            json=body,
        )

    def incident_note(
        self,
        incident_id: str,
        body: shapes.NoteInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RecordOutput:
        """Keep a note, a cause or a corrective action.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/notes",
            headers={"If-Match": if_match},
            json=body,
        )

    def look_back_change(
        self,
        incident_id: str,
        body: shapes.PeriodInput,
        *,
        if_match: str | None = None,
    ) -> shapes.LookBackOutput:
        """Change from when on predictions are looked back at, or for whom.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/period",
            headers={"If-Match": if_match},
            json=body,
        )

    def incident_task(
        self,
        incident_id: str,
        body: shapes.TaskInput,
        *,
        if_match: str | None = None,
    ) -> shapes.TaskOutput:
        """Give somebody a task with a day.

        Needs the right `incident.manage`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/tasks",
            headers={"If-Match": if_match},
            json=body,
        )

    def incident_task_done(
        self,
        incident_id: str,
        task_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.TaskOutput:
        """Say that a task is done: its owner.

        Needs the right `incident.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/incidents/{self.part(incident_id)}/tasks/{self.part(task_id)}/done",
            headers={"If-Match": if_match},
        )

    def site_uninvite(
        self,
        invitation_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.InvitationOutput:
        """Withdraw an open invitation: it opens nothing any more.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/invitations/{self.part(invitation_id)}/withdraw",
            headers={"If-Match": if_match},
        )

    def ledger_status(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.StatusOutput:
        """Sizes, keys, the newest checkpoint, and how far the chain has it.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_anchors_list(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.AnchorOutput]:
        """Anchors on the chain, oldest first, each with what is kept to show it without the chain.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/anchors",
            query={"after": after, "limit": limit},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_checkpoint(
        self,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The newest signed checkpoint (C2SP tlog-checkpoint); keep it, and nothing before it can be changed
        unseen.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            "/api/v1/ledger/checkpoint",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_checkpoints_list(
        self,
        *,
        after: int | None = None,
        limit: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.CheckpointOutput]:
        """Signed checkpoints, oldest first.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/checkpoints",
            query={"after": after, "limit": limit},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_checkpoint_at(
        self,
        size: int,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """A signed checkpoint with the witnesses' cosignatures, for keeping elsewhere.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/ledger/checkpoints/{self.part(size)}",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_completeness(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.CompletenessOutput:
        """How much of what happened stands in the log, as last measured; POST to `ledger/verification` measures
        it.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/completeness",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_decisions_list(
        self,
        *,
        limit: int | None = None,
        object: str | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ChainDecisionOutput]:
        """Decisions on what you may see, newest first; with `object`, those on it.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/decisions",
            query={"limit": limit, "object": object, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_decision_open(
        self,
        body: shapes.ProposeInput,
        *,
        object: str | None = None,
        if_match: str | None = None,
    ) -> shapes.ChainDecisionOutput:
        """Open a decision for signing. Administrators propose; ethics officers approve, halt, resume and revoke.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/ledger/decisions",
            query={"object": object},
            headers={"If-Match": if_match},
            json=body,
        )

    def ledger_decision(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ChainDecisionOutput:
        """One decision, with who has signed it and what became of it.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/ledger/decisions/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_decision_sign(
        self,
        id: str,
        body: shapes.SignatureInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ChainDecisionOutput:
        """Add your signature of a decision. With the last one needed, the anchor worker carries it to the chain.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/ledger/decisions/{self.part(id)}/signatures",
            headers={"If-Match": if_match},
            json=body,
        )

    def ledger_decision_typed_data(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> dict[str, Any]:
        """What to sign, for `python -m provenance.chain.officer sign`: EIP-712 typed data, and what it commits to.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/ledger/decisions/{self.part(id)}/typed-data",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_entries_list(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        after: int | None = None,
        limit: int | None = None,
        object: str | None = None,
        operation: str | None = None,
        request: str | None = None,
        since: str | None = None,
        table: str | None = None,
        until: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.EntryOutput]:
        """Entries in their order, after a number. Bodies are read one by one, and each reading is recorded.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/entries",
            query={"action": action, "actor": actor, "after": after, "limit": limit, "object": object, "operation": operation, "request": request, "since": since, "table": table, "until": until},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_entry(
        self,
        seq: int,
        *,
        if_none_match: str | None = None,
    ) -> shapes.DetailOutput:
        """One entry with its proof checked now, and its body if it lies within your reach (recorded as read).

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/ledger/entries/{self.part(seq)}",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_entry_proof(
        self,
        seq: int,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The entry's inclusion as a C2SP tlog-proof file.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/ledger/entries/{self.part(seq)}/proof",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_object_bundle(
        self,
        object_id: str,
        *,
        table: str | None = None,
        if_none_match: str | None = None,
    ) -> bytes:
        """The evidence about one object, to be checked offline with the verifier. What you may not read is
        withheld.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/ledger/objects/{self.part(object_id)}/bundle",
            query={"table": table},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_objects_entries_list(
        self,
        object_id: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.EntryOutput]:
        """Everything the log has about one object, in its order.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/ledger/objects/{self.part(object_id)}/entries",
            query={"after": after, "limit": limit},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_officer_keys_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.KeyOutput]:
        """Whose address is whose: the register that the chain's offices follow.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/officer-keys",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_officer_key_register(
        self,
        body: shapes.KeyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.KeyOutput:
        """Register the address of your key, with the challenge signed by it.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/ledger/officer-keys",
            headers={"If-Match": if_match},
            json=body,
        )

    def ledger_officer_key_revoke(
        self,
        id: str,
        body: shapes.RevokeInput,
        *,
        if_match: str | None = None,
    ) -> shapes.KeyOutput:
        """Revoke a key: your own, or as an administrator one of your institution's. The chain soon follows.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/ledger/officer-keys/{self.part(id)}/revoke",
            headers={"If-Match": if_match},
            json=body,
        )

    def ledger_officer_key_challenge(
        self,
        body: shapes.AddressInput,
        *,
        if_match: str | None = None,
    ) -> dict[str, Any]:
        """The text that your key signs to show that you have it; good for a quarter hour.

        Needs the right `approval.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/ledger/officer-keys/challenge",
            headers={"If-Match": if_match},
            json=body,
        )

    def ledger_decision_subject(
        self,
        *,
        object: str,
        if_none_match: str | None = None,
    ) -> shapes.SubjectOutput:
        """Where an object stands on the chain, by the platform's mirror of it.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/subjects",
            query={"object": object},
            headers={"If-None-Match": if_none_match},
        )

    def ledger_verification(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.VerificationOutput:
        """What the newest check of the whole ledger found.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/verification",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_verify(
        self,
        *,
        if_match: str | None = None,
    ) -> shapes.VerificationOutput:
        """Check the whole ledger: a short one at once (200), a long one as a job (202; GET shows the result).

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            "/api/v1/ledger/verification",
            headers={"If-Match": if_match},
        )

    def ledger_verifier(
        self,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The offline verifier as one file: it checks bundles, proofs and checkpoints without us.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            "/api/v1/ledger/verifier",
            headers={"If-None-Match": if_none_match},
        )

    def ledger_witnesses_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.WitnessOutput]:
        """Who has witnessed the log, up to where, and what they found.

        Needs the right `ledger.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/ledger/witnesses",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def me(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.CallerOutput:
        """Who you are to the platform, and what you may do."""

        return self.ask(
            "GET",
            "/api/v1/me",
            headers={"If-None-Match": if_none_match},
        )

    def me_inbox_list(
        self,
        *,
        kind: Literal["amber", "appeal", "approval", "audit", "halt", "ledger", "overdue", "retrain", "work"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        unread: bool | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.MessageOutput]:
        """What you were told, newest first.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/me/inbox",
            query={"kind": kind, "limit": limit, "offset": offset, "unread": unread},
            headers={"If-None-Match": if_none_match},
        )

    def message_read(
        self,
        message_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.MessageOutput:
        """Mark a message as read.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/me/inbox/{self.part(message_id)}/read",
            headers={"If-Match": if_match},
        )

    def message_unread(
        self,
        message_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.MessageOutput:
        """Take "read" back.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/me/inbox/{self.part(message_id)}/unread",
            headers={"If-Match": if_match},
        )

    def inbox_read(
        self,
        *,
        if_match: str | None = None,
    ) -> shapes.ReadOutput:
        """Mark all that is unread as read.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            "/api/v1/me/inbox/read",
            headers={"If-Match": if_match},
        )

    def me_invitations_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.PersonInvitationOutput]:
        """Roles that wait for you, newest first.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/me/invitations",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def invitation_accept(
        self,
        invitation_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.PersonInvitationOutput:
        """Take a further role that waits for you.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/me/invitations/{self.part(invitation_id)}/accept",
            headers={"If-Match": if_match},
        )

    def preferences(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.PreferencesOutput:
        """Language, time zone, shortcuts, and how you hear of things.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/me/preferences",
            headers={"If-None-Match": if_none_match},
        )

    def preferences_save(
        self,
        body: shapes.PreferencesInput,
        *,
        if_match: str | None = None,
    ) -> shapes.PreferencesOutput:
        """Choose them. What is always sent cannot be turned off.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "PUT",
            "/api/v1/me/preferences",
            headers={"If-Match": if_match},
            json=body,
        )

    def me_views_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        path: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.SavedViewOutput]:
        """Your saved views, and those that others share within your institution, by name.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/me/views",
            query={"limit": limit, "offset": offset, "path": path},
            headers={"If-None-Match": if_none_match},
        )

    def view_save(
        self,
        body: shapes.SavedViewInput,
        *,
        if_match: str | None = None,
    ) -> shapes.SavedViewOutput:
        """Keep a page with its filters under a name.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            "/api/v1/me/views",
            headers={"If-Match": if_match},
            json=body,
        )

    def view_remove(
        self,
        view_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.SavedViewOutput:
        """Remove a view of yours; within a day it can be brought back.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/me/views/{self.part(view_id)}/remove",
            headers={"If-Match": if_match},
        )

    def view_restore(
        self,
        view_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.SavedViewOutput:
        """Bring a removed view back.

        Needs the right `account.own`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/me/views/{self.part(view_id)}/restore",
            headers={"If-Match": if_match},
        )

    def models_list(
        self,
        *,
        federation: str | None = None,
        limit: int | None = None,
        name: str | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ModelOutput]:
        """Models within your reach, by name.

        Needs the right `model.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/models",
            query={"federation": federation, "limit": limit, "name": name, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def models_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ModelOutput:
        """One model and what it is intended for.

        Needs the right `model.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/models/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def notices_list(
        self,
        *,
        event: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["queued", "sent", "dead"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.NoticeOutput]:
        """Notices to people and webhooks, and whether they arrived.

        Needs the right `notice.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/notices",
            query={"event": event, "limit": limit, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def notice_send(
        self,
        notice_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.NoticeOutput:
        """Try a notice again that gave up.

        Needs the right `notice.send`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/notices/{self.part(notice_id)}/send",
            headers={"If-Match": if_match},
        )

    def patient_erase(
        self,
        body: shapes.PatientErasureInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReceiptOutput:
        """Erase a patient. The number is neither stored nor written to the ledger.

        Needs the right `people.erase`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/patient-erasures",
            headers={"If-Match": if_match},
            json=body,
        )

    def people_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.PersonOutput]:
        """Who is on the platform, as far as you may see, by name.

        Needs the right `people.view`: Administrator, Auditor.
        """

        return self.ask(
            "GET",
            "/api/v1/people",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def person_erase(
        self,
        user_id: str,
        body: shapes.ErasureInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReceiptOutput:
        """Erase a person (GDPR Art. 17). Nobody can bring it back; the receipt is in this answer alone.

        Needs the right `people.erase`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/people/{self.part(user_id)}/erasure",
            headers={"If-Match": if_match},
            json=body,
        )

    def factor_reset(
        self,
        user_id: str,
        body: shapes.ResetInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ResetOutput:
        """Ask that somebody's second factor is reset, who lost the device. Another administrator grants it.

        Needs the right `factor.reset`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/people/{self.part(user_id)}/factor-resets",
            headers={"If-Match": if_match},
            json=body,
        )

    def people_invitations_list(
        self,
        *,
        accepted: bool | None = None,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        role: Literal["administrator", "ethics_officer", "auditor", "site_operator", "clinician"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.PersonInvitationOutput]:
        """Invitations of people, newest first.

        Needs the right `people.invite`: Administrator.
        """

        return self.ask(
            "GET",
            "/api/v1/people/invitations",
            query={"accepted": accepted, "institution": institution, "limit": limit, "offset": offset, "role": role},
            headers={"If-None-Match": if_none_match},
        )

    def person_invite(
        self,
        body: shapes.PersonInvitationInput,
        *,
        if_match: str | None = None,
    ) -> shapes.NewPersonInvitationOutput:
        """Invite an address to a role. The link stands in this answer alone.

        Needs the right `people.invite`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/people/invitations",
            headers={"If-Match": if_match},
            json=body,
        )

    def person_uninvite(
        self,
        invitation_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.PersonInvitationOutput:
        """Take an invitation back that was not accepted.

        Needs the right `people.invite`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/people/invitations/{self.part(invitation_id)}/withdraw",
            headers={"If-Match": if_match},
        )

    def membership_end(
        self,
        membership_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.MembershipOutput:
        """Take a role away from a person, from this moment on.

        Needs the right `people.invite`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/people/roles/{self.part(membership_id)}/end",
            headers={"If-Match": if_match},
        )

    def bulk_prediction(
        self,
        bulk_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.BulkOutput:
        """How far one of your files is.

        Needs the right `prediction.request`: Clinician.
        """

        return self.ask(
            "GET",
            f"/api/v1/prediction-files/{self.part(bulk_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def bulk_prediction_answers(
        self,
        bulk_id: str,
        *,
        form: Literal["csv", "jsonl"] | None = None,
        if_none_match: str | None = None,
    ) -> bytes:
        """The answers so far as a file. The reading is recorded.

        Needs the right `prediction.request`: Clinician.
        """

        return self.fetch(
            "GET",
            f"/api/v1/prediction-files/{self.part(bulk_id)}/answers",
            query={"form": form},
            headers={"If-None-Match": if_none_match},
        )

    def bulk_prediction_cancel(
        self,
        bulk_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.BulkOutput:
        """Stop after the cases in hand; what was predicted was served and stays.

        Needs the right `prediction.request`: Clinician.
        """

        return self.ask(
            "POST",
            f"/api/v1/prediction-files/{self.part(bulk_id)}/cancel",
            headers={"If-Match": if_match},
        )

    def protection(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.OverviewOutput:
        """How data protection stands, and what of it waits for you.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection",
            headers={"If-None-Match": if_none_match},
        )

    def protection_assessments_list(
        self,
        *,
        limit: int | None = None,
        model: str | None = None,
        offset: int | None = None,
        review_before: str | None = None,
        state: Literal["draft", "signed"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.AssessmentOutput]:
        """Editions of impact assessments, newest first.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/assessments",
            query={"limit": limit, "model": model, "offset": offset, "review_before": review_before, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def assessment_begin(
        self,
        body: shapes.AssessmentInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AssessmentDetailOutput:
        """Begin the next edition of a model's impact assessment (GDPR Art. 35).

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/protection/assessments",
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_assessments_retrieve(
        self,
        assessment_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.AssessmentDetailOutput:
        """One edition: its sections, what is missing, and the facts of the platform.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/protection/assessments/{self.part(assessment_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def assessment_save(
        self,
        assessment_id: str,
        body: shapes.SectionsInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AssessmentDetailOutput:
        """Save the sections of a draft. Who saves has written it, and does not sign it.

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "PUT",
            f"/api/v1/protection/assessments/{self.part(assessment_id)}",
            headers={"If-Match": if_match},
            json=body,
        )

    def assessment_pdf(
        self,
        assessment_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """An edition as PDF, with its content as JSON attached.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.fetch(
            "GET",
            f"/api/v1/protection/assessments/{self.part(assessment_id)}/pdf",
            headers={"If-None-Match": if_none_match},
        )

    def assessment_sign(
        self,
        assessment_id: str,
        body: shapes.AssessmentSignatureInput,
        *,
        if_match: str | None = None,
    ) -> shapes.AssessmentDetailOutput:
        """Sign a complete draft that somebody else wrote; with your password once more. It stays as it is.

        Needs the right `assessment.sign`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/assessments/{self.part(assessment_id)}/signature",
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_backups_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.BackupOutput]:
        """Backups that were made, newest first. The files lie elsewhere.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/backups",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def protection_breaches_list(
        self,
        *,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        open: bool | None = None,
        since: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.BreachOutput]:
        """Breaches of personal data, newest first.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/breaches",
            query={"institution": institution, "limit": limit, "offset": offset, "open": open, "since": since},
            headers={"If-None-Match": if_none_match},
        )

    def breach_open(
        self,
        body: shapes.BreachInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BreachDetailOutput:
        """Enter a breach in the register; its clocks run from the moment of awareness.

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/protection/breaches",
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_breaches_retrieve(
        self,
        breach_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.BreachDetailOutput:
        """One breach: facts, duties with their clocks, and what was answered.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/protection/breaches/{self.part(breach_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def breach_facts(
        self,
        breach_id: str,
        body: shapes.FactsChangeInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BreachDetailOutput:
        """Correct or complete the facts; the duties follow from them.

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "PUT",
            f"/api/v1/protection/breaches/{self.part(breach_id)}",
            headers={"If-Match": if_match},
            json=body,
        )

    def breach_answer(
        self,
        breach_id: str,
        body: shapes.AnswerInput,
        *,
        if_match: str | None = None,
    ) -> shapes.BreachDetailOutput:
        """Record that somebody was notified, that it was decided not to, or a remark.

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/breaches/{self.part(breach_id)}/answers",
            headers={"If-Match": if_match},
            json=body,
        )

    def breach_close(
        self,
        breach_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.BreachDetailOutput:
        """Close a breach of which every duty was answered. It stays on the register.

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/breaches/{self.part(breach_id)}/close",
            headers={"If-Match": if_match},
        )

    def continuity(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ContinuityOutput:
        """The newest backup and drill, and what is overdue.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/continuity",
            headers={"If-None-Match": if_none_match},
        )

    def protection_drills_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        outcome: Literal["passed", "failed"] | None = None,
        since: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.DrillOutput]:
        """Restore drills, newest first.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/drills",
            query={"limit": limit, "offset": offset, "outcome": outcome, "since": since},
            headers={"If-None-Match": if_none_match},
        )

    def protection_holds_list(
        self,
        *,
        lifted: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
        record_class: Literal["predictions", "bulk_files", "external_data", "look_backs", "notices", "mail_files", "sessions", "sign_in_details", "sign_ins", "kept_answers", "request_numbers"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.HoldOutput]:
        """Legal holds, newest first, those that have ended too.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/holds",
            query={"lifted": lifted, "limit": limit, "offset": offset, "record_class": record_class},
            headers={"If-None-Match": if_none_match},
        )

    def hold_place(
        self,
        body: shapes.HoldInput,
        *,
        if_match: str | None = None,
    ) -> shapes.HoldOutput:
        """Suspend the removal of a class, or of everything, until a day.

        Needs the right `hold.place`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/protection/holds",
            headers={"If-Match": if_match},
            json=body,
        )

    def hold_lift(
        self,
        hold_id: str,
        body: shapes.LiftInput,
        *,
        if_match: str | None = None,
    ) -> shapes.HoldOutput:
        """End a hold before its day: by whoever placed it, or an administrator.

        Needs the right `hold.place`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/holds/{self.part(hold_id)}/lift",
            headers={"If-Match": if_match},
            json=body,
        )

    def processing_record(
        self,
        *,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ActivityOutput]:
        """The record of processing (GDPR Art. 30) of one institution, or of the platform.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/record",
            query={"institution": institution, "limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def processing_activity(
        self,
        key: str,
        *,
        institution: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.ActivityOutput:
        """One processing activity, as an institution or the platform records it.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/protection/record/{self.part(key)}",
            query={"institution": institution},
            headers={"If-None-Match": if_none_match},
        )

    def processing_note_save(
        self,
        key: str,
        body: shapes.ProcessingNoteInput,
        *,
        institution: str | None = None,
        if_match: str | None = None,
    ) -> shapes.ActivityOutput:
        """Say what the platform cannot know of an activity. Each revision stays on record.

        Needs the right `protection.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "PUT",
            f"/api/v1/protection/record/{self.part(key)}",
            query={"institution": institution},
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_requests_list(
        self,
        *,
        due_before: str | None = None,
        institution: str | None = None,
        kind: Literal["access", "rectification", "erasure", "restriction", "objection"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        open: bool | None = None,
        state: Literal["received", "confirmed", "granted", "fulfilled", "refused", "withdrawn"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.SubjectRequestOutput]:
        """Patients' requests, those that are due first.

        Needs the right `subject.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/requests",
            query={"due_before": due_before, "institution": institution, "kind": kind, "limit": limit, "offset": offset, "open": open, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def subject_request_record(
        self,
        body: shapes.SubjectRequestInput,
        *,
        if_match: str | None = None,
    ) -> shapes.SubjectRequestDetailOutput:
        """Enter a request that came in (GDPR Art. 15 to 22).

        Needs the right `subject.handle`: Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/protection/requests",
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_requests_retrieve(
        self,
        request_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.SubjectRequestDetailOutput:
        """One request, and each step of it.

        Needs the right `subject.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/protection/requests/{self.part(request_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def subject_erase(
        self,
        request_id: str,
        body: shapes.GrantedErasureInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReceiptOutput:
        """Carry out an erasure that the hospital granted. The receipt is in this answer alone.

        Needs the right `people.erase`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/requests/{self.part(request_id)}/erasure",
            headers={"If-Match": if_match},
            json=body,
        )

    def subject_json(
        self,
        request_id: str,
        *,
        if_none_match: str | None = None,
    ) -> dict[str, Any]:
        """Everything about the patient, for the patient. The reading is recorded.

        Needs the right `subject.handle`: Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/protection/requests/{self.part(request_id)}/json",
            headers={"If-None-Match": if_none_match},
        )

    def subject_object(
        self,
        request_id: str,
        body: shapes.ObjectionInput,
        *,
        if_match: str | None = None,
    ) -> shapes.SubjectRequestDetailOutput:
        """File an objection as an appeal: somebody else decides (Art. 22(3)).

        Needs the right `subject.handle`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/requests/{self.part(request_id)}/objection",
            headers={"If-Match": if_match},
            json=body,
        )

    def subject_pdf(
        self,
        request_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The same as PDF. The reading is recorded.

        Needs the right `subject.handle`: Ethics officer.
        """

        return self.fetch(
            "GET",
            f"/api/v1/protection/requests/{self.part(request_id)}/pdf",
            headers={"If-None-Match": if_none_match},
        )

    def subject_step(
        self,
        request_id: str,
        body: shapes.StepInput,
        *,
        if_match: str | None = None,
    ) -> shapes.SubjectRequestDetailOutput:
        """Take a request one step on.

        Needs the right `subject.handle`: Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/requests/{self.part(request_id)}/steps",
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_retention_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ClassOutput]:
        """Every class of records, and how long it is kept.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/retention",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def retention_rule_set(
        self,
        key: str,
        body: shapes.RuleInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ClassOutput:
        """Set the house's own period for a class, not under what the law says.

        Needs the right `retention.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/protection/retention/{self.part(key)}/rules",
            headers={"If-Match": if_match},
            json=body,
        )

    def protection_retention_due_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.DueOutput]:
        """What an execution would remove now; nothing is removed.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/retention/due",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def protection_retention_executions_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        record_class: Literal["predictions", "bulk_files", "external_data", "look_backs", "notices", "mail_files", "sessions", "sign_in_details", "sign_ins", "kept_answers", "request_numbers"] | None = None,
        since: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ExecutionOutput]:
        """What was carried out, newest first; POST carries the schedule out now.

        Needs the right `protection.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/protection/retention/executions",
            query={"limit": limit, "offset": offset, "record_class": record_class, "since": since},
            headers={"If-None-Match": if_none_match},
        )

    def retention_execute(
        self,
        *,
        if_match: str | None = None,
    ) -> shapes.ExecutedOutput:
        """Carry the schedule out, each class by itself; one that fails says why in `error`.

        Needs the right `retention.manage`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/protection/retention/executions",
            headers={"If-Match": if_match},
        )

    def public_cards_list(
        self,
        *,
        limit: int | None = None,
        model: str | None = None,
        offset: int | None = None,
        version: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.PublicCardOutput]:
        """Published cards, by the name of the model."""

        return self.ask(
            "GET",
            "/api/v1/public-cards",
            query={"limit": limit, "model": model, "offset": offset, "version": version},
            headers={"If-None-Match": if_none_match},
        )

    def public_cards_retrieve(
        self,
        publication_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.PublicCardDetailOutput:
        """One published card with its whole content."""

        return self.ask(
            "GET",
            f"/api/v1/public-cards/{self.part(publication_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def public_card_proof(
        self,
        publication_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The evidence that the ledger knows this card; the verifier checks it without us."""

        return self.fetch(
            "GET",
            f"/api/v1/public-cards/{self.part(publication_id)}/proof",
            headers={"If-None-Match": if_none_match},
        )

    def quantum_consents_list(
        self,
        *,
        decision: Literal["given", "refused", "withdrawn"] | None = None,
        device: Literal["simulator", "lightning.qubit", "default.mixed", "aer", "ibm", "azure"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        run: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.DeviceConsentOutput]:
        """Answers of sites to cloud devices, the newest first; POST answers for the caller's own site.

        Needs the right `quantum.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/quantum/consents",
            query={"decision": decision, "device": device, "limit": limit, "offset": offset, "run": run},
            headers={"If-None-Match": if_none_match},
        )

    def quantum_consents_create(
        self,
        body: shapes.DeviceConsentInput,
        *,
        if_match: str | None = None,
    ) -> shapes.DeviceConsentOutput:
        """Answers of sites to cloud devices, the newest first; POST answers for the caller's own site.

        Needs the right `consent.give`: Site operator.
        """

        return self.ask(
            "POST",
            "/api/v1/quantum/consents",
            headers={"If-Match": if_match},
            json=body,
        )

    def quantum_devices_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.DeviceOutput]:
        """Every device: what it can, what is missing here, and its newest measured health.

        Needs the right `quantum.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/quantum/devices",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def quantum_estimates(
        self,
        body: shapes.QuantumOrderInput,
        *,
        if_match: str | None = None,
    ) -> shapes.QuantumEstimateOutput:
        """What an order would take, and whether it would be refused. Nothing is ordered.

        Needs the right `quantum.order`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/quantum/estimates",
            headers={"If-Match": if_match},
            json=body,
        )

    def quantum_jobs_list(
        self,
        *,
        device: Literal["simulator", "lightning.qubit", "default.mixed", "aer", "ibm", "azure"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        purpose: Literal["evaluation", "readout", "quantum_volume"] | None = None,
        state: Literal["queued", "submitted", "running", "finished", "failed", "cancelled"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.QuantumJobOutput]:
        """Runs on devices, the newest first; POST orders one.

        Needs the right `quantum.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/quantum/jobs",
            query={"device": device, "limit": limit, "offset": offset, "purpose": purpose, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def quantum_jobs_create(
        self,
        body: shapes.QuantumOrderInput,
        *,
        if_match: str | None = None,
    ) -> shapes.QuantumJobOutput:
        """Runs on devices, the newest first; POST orders one.

        Needs the right `quantum.order`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/quantum/jobs",
            headers={"If-Match": if_match},
            json=body,
        )

    def quantum_jobs_retrieve(
        self,
        job_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.QuantumJobOutput:
        """One run on a device: order, estimate, state, result.

        Needs the right `quantum.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/quantum/jobs/{self.part(job_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def quantum_jobs_cancel(
        self,
        job_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.QuantumJobOutput:
        """Cancel an open run, here and at the provider.

        Needs the right `quantum.order`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/quantum/jobs/{self.part(job_id)}/cancel",
            headers={"If-Match": if_match},
        )

    def quantum_jobs_look(
        self,
        job_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.QuantumJobOutput:
        """Ask the provider now where the tasks stand, or what became of those that were cancelled.

        Needs the right `quantum.order`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/quantum/jobs/{self.part(job_id)}/look",
            headers={"If-Match": if_match},
        )

    def quantum_jobs_retry(
        self,
        job_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.QuantumJobOutput:
        """Order a failed or cancelled run again; answers with the new one.

        Needs the right `quantum.order`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/quantum/jobs/{self.part(job_id)}/retry",
            headers={"If-Match": if_match},
        )

    def quantum_limits_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.UseOutput]:
        """Use and limits of this month; POST sets the limits of an institution, or of the platform.

        Needs the right `quantum.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/quantum/limits",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def quantum_limit(
        self,
        body: shapes.LimitInput,
        *,
        if_match: str | None = None,
    ) -> shapes.UseOutput:
        """Set the limits of the month. They hold for what is ordered already, too.

        Needs the right `quantum.order`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/quantum/limits",
            headers={"If-Match": if_match},
            json=body,
        )

    def reconsiderations_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        run: str | None = None,
        waiting: bool | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ReconsiderationOutput]:
        """Decisions to retrain or retire: those that wait first, by their day.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/reconsiderations",
            query={"limit": limit, "offset": offset, "run": run, "waiting": waiting},
            headers={"If-None-Match": if_none_match},
        )

    def reconsiderations_decision(
        self,
        matter_id: str,
        body: shapes.ReconsiderationInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReconsiderationOutput:
        """Retrain or retire, with reasons; once.

        Needs the right `retrain.decide`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/reconsiderations/{self.part(matter_id)}/decision",
            headers={"If-Match": if_match},
            json=body,
        )

    def vote_evidence(
        self,
        vote_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The document that a vote names, as it was brought, checked against its digest.

        Needs the right `deployment.view`: Administrator, Auditor, Clinician, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/reinstatements/{self.part(vote_id)}/evidence",
            headers={"If-None-Match": if_none_match},
        )

    def reports_list(
        self,
        *,
        institution: str | None = None,
        kind: Literal["biannual", "monthly", "custom"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        since: str | None = None,
        state: Literal["queued", "finished", "failed"] | None = None,
        until: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ReportOutput]:
        """Reports, newest first; POST asks for one.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/reports",
            query={"institution": institution, "kind": kind, "limit": limit, "offset": offset, "since": since, "state": state, "until": until},
            headers={"If-None-Match": if_none_match},
        )

    def reports_create(
        self,
        body: shapes.ReportInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReportOutput:
        """Ask for a report. A job renders it; GET its address until `state` is finished or failed.

        Needs the right `report.create`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/reports",
            headers={"If-Match": if_match},
            json=body,
        )

    def reports_retrieve(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ReportOutput:
        """One report: its period, its state, and the digests of its files.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def report_csv(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """Every figure and item of the report, one a row, each with its row and entry in the ledger.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/csv",
            headers={"If-None-Match": if_none_match},
        )

    def report_evidence(
        self,
        report_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        section: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.EvidenceItemOutput]:
        """The figures of a finished report, and for each item behind them its row and entry in the ledger.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/evidence",
            query={"limit": limit, "offset": offset, "section": section},
            headers={"If-None-Match": if_none_match},
        )

    def report_html(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The report as one HTML file that needs nothing else.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/html",
            headers={"If-None-Match": if_none_match},
        )

    def report_reissue(
        self,
        report_id: str,
        body: shapes.ReissueInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReportOutput:
        """Issue a report again, from what is on record now. The earlier issue stays as it is.

        Needs the right `report.create`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/reports/{self.part(report_id)}/issues",
            headers={"If-Match": if_match},
            json=body,
        )

    def report_json(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> dict[str, Any]:
        """The canonical JSON that the PDF was made from: exactly the bytes that are digested.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/json",
            headers={"If-None-Match": if_none_match},
        )

    def report_package(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """All files with their manifest, signatures and ledger entries: `python -m provenance.verifier` checks it.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/package",
            headers={"If-None-Match": if_none_match},
        )

    def report_pdf(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The report as PDF/A-3A and PDF/UA-1, with its JSON attached.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/pdf",
            headers={"If-None-Match": if_none_match},
        )

    def reports_sign_offs_list(
        self,
        report_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ReportSignOffOutput]:
        """Who signed a report off, oldest first; POST signs it.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/sign-offs",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def report_sign(
        self,
        report_id: str,
        body: shapes.ReportSignOffInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReportSignOffOutput:
        """Sign a report off under your own key, which the platform never holds; with your password once more.

        Needs the right `report.sign`: Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/reports/{self.part(report_id)}/sign-offs",
            headers={"If-Match": if_match},
            json=body,
        )

    def report_statement(
        self,
        report_id: str,
        body: shapes.ReportStatementInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ReportStatementOutput:
        """The statement that you sign to sign a report off. Nothing is recorded.

        Needs the right `report.sign`: Auditor, Ethics officer.
        """

        return self.ask(
            "POST",
            f"/api/v1/reports/{self.part(report_id)}/statements",
            headers={"If-Match": if_match},
            json=body,
        )

    def report_xlsx(
        self,
        report_id: str,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """Figures, findings and every list of the report, a sheet each, with the evidence of each item.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/reports/{self.part(report_id)}/xlsx",
            headers={"If-None-Match": if_none_match},
        )

    def report_keys(
        self,
        *,
        if_none_match: str | None = None,
    ) -> shapes.ReportKeysOutput:
        """The keys under which reports of this platform are signed.

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/reports/keys",
            headers={"If-None-Match": if_none_match},
        )

    def report_schema(
        self,
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """The shape of a report's JSON, as JSON Schema (2020-12).

        Needs the right `report.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            "/api/v1/reports/schema",
            headers={"If-None-Match": if_none_match},
        )

    def risks_list(
        self,
        *,
        due_before: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        owner: str | None = None,
        state: Literal["open", "controlled", "accepted", "closed"] | None = None,
        version: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.RiskOutput]:
        """The register of risks, the next review first.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/risks",
            query={"due_before": due_before, "limit": limit, "offset": offset, "owner": owner, "state": state, "version": version},
            headers={"If-None-Match": if_none_match},
        )

    def risk_add(
        self,
        body: shapes.RiskNewInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RiskOutput:
        """Put a risk on the register.

        Needs the right `risk.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "POST",
            "/api/v1/risks",
            headers={"If-Match": if_match},
            json=body,
        )

    def risks_retrieve(
        self,
        risk_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.RiskOutput:
        """One risk, before and after its measures.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/risks/{self.part(risk_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def risk_edit(
        self,
        risk_id: str,
        body: shapes.RiskEditInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RiskOutput:
        """Change a risk. 409: somebody else has saved it since the revision that you send.

        Needs the right `risk.edit`: Administrator, Ethics officer.
        """

        return self.ask(
            "PUT",
            f"/api/v1/risks/{self.part(risk_id)}",
            headers={"If-Match": if_match},
            json=body,
        )

    def risks_suggestions_list(
        self,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.SuggestionOutput]:
        """What failed or was inconclusive in the newest audits, and stands on the register of no risk yet.

        Needs the right `control.view`: Administrator, Auditor, Ethics officer.
        """

        return self.ask(
            "GET",
            "/api/v1/risks/suggestions",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def runs_list(
        self,
        *,
        federation: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["proposed", "approved", "running", "paused", "finished", "aborted", "failed"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.RunOutput]:
        """All runs that the caller may see, the newest first.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/runs",
            query={"federation": federation, "limit": limit, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def runs_retrieve(
        self,
        run_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.RunDetailOutput:
        """One run: configuration, consents, rounds with metrics, privacy spent, and where it stands now.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def runs_abort(
        self,
        run_id: str,
        body: shapes.AbortInput,
        *,
        if_match: str | None = None,
    ) -> shapes.RunDetailOutput:
        """Stop for good, with a reason.

        Needs the right `run.control`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/abort",
            headers={"If-Match": if_match},
            json=body,
        )

    def runs_consents(
        self,
        run_id: str,
        body: shapes.ConsentInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ConsentOutput:
        """A signer's answer for the own institution, to exactly this configuration.

        Needs the right `consent.sign`: Ethics officer, Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/consents",
            headers={"If-Match": if_match},
            json=body,
        )

    def runs_contribution_studies_list(
        self,
        run_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ContributionStudyOutput]:
        """What each site gained a run's model, newest study first; POST starts one.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}/contribution-studies",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def contribution_study(
        self,
        run_id: str,
        body: shapes.ContributionStudyInput,
        *,
        if_match: str | None = None,
    ) -> shapes.ContributionStudyOutput:
        """Have the sites score a finished run's model with and without each of them. Not under masking.

        Noised scores are charged to each institution's budget first.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/contribution-studies",
            headers={"If-Match": if_match},
            json=body,
        )

    def runs_events_list(
        self,
        run_id: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.EventOutput]:
        """What happened in a run, oldest first. At the end ask again with the last id as `after`.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}/events",
            query={"after": after, "limit": limit},
            headers={"If-None-Match": if_none_match},
        )

    def runs_influence_studies_list(
        self,
        run_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.StudyOutput]:
        """How far each site moved a run's model, newest study first; POST starts one.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}/influence-studies",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def influence_study(
        self,
        run_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.StudyOutput:
        """Study a run without masking by leaving each site out. A job computes it; GET shows how far it is.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/influence-studies",
            headers={"If-Match": if_match},
        )

    def runs_overlays_list(
        self,
        run_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        site: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.OverlayOutput]:
        """Held-out patients of your own site, with the outlines of truth and prediction; POST asks the site for
        them.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}/overlays",
            query={"limit": limit, "offset": offset, "site": site},
            headers={"If-None-Match": if_none_match},
        )

    def run_overlays_ask(
        self,
        run_id: str,
        *,
        site: str | None = None,
        if_match: str | None = None,
    ) -> shapes.OverlayOrderOutput:
        """Ask your site's worker. It answers if its configuration lets pictures out.

        Needs the right `consent.give`: Site operator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/overlays",
            query={"site": site},
            headers={"If-Match": if_match},
        )

    def runs_pause(
        self,
        run_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.RunDetailOutput:
        """Finish the round in hand, then wait.

        Needs the right `run.control`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/pause",
            headers={"If-Match": if_match},
        )

    def runs_resume(
        self,
        run_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.RunDetailOutput:
        """Go on after a pause.

        Needs the right `run.control`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/resume",
            headers={"If-Match": if_match},
        )

    def runs_start(
        self,
        run_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.RunDetailOutput:
        """Start training; every site must have consented.

        Needs the right `run.start`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/runs/{self.part(run_id)}/start",
            headers={"If-Match": if_match},
        )

    def run_terms(
        self,
        run_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.TermsOutput:
        """All that a signature covers, in full: read it before you consent.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}/terms",
            headers={"If-None-Match": if_none_match},
        )

    def runs_traffic_list(
        self,
        run_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.VisitOutput]:
        """Bytes and seconds of each round and site, the newest round first, and who was missing.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/runs/{self.part(run_id)}/traffic",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def run_compare(
        self,
        *,
        run: list[str],
        if_none_match: str | None = None,
    ) -> dict[str, Any]:
        """Runs that are not comparable are answered with `comparable` false and the reasons in `refused`.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/runs/compare",
            query={"run": run},
            headers={"If-None-Match": if_none_match},
        )

    def run_compare_csv(
        self,
        *,
        run: list[str],
        if_none_match: str | None = None,
    ) -> bytes:
        """The comparison as CSV. Runs that are not comparable are refused with the reasons.

        Needs the right `federation.view`: Administrator, Auditor, Ethics officer, Site operator.
        """

        return self.fetch(
            "GET",
            "/api/v1/runs/compare.csv",
            query={"run": run},
            headers={"If-None-Match": if_none_match},
        )

    def samples_list(
        self,
        *,
        kind: Literal["controls", "decisions"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        state: Literal["open", "closed"] | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.SampleOutput]:
        """Samples that the caller may see, newest first.

        Needs the right `sample.view`: Administrator, Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "GET",
            "/api/v1/samples",
            query={"kind": kind, "limit": limit, "offset": offset, "state": state},
            headers={"If-None-Match": if_none_match},
        )

    def sample_draw(
        self,
        body: shapes.SampleInput,
        *,
        if_match: str | None = None,
    ) -> shapes.SampleDetailOutput:
        """Draw a sample. It is kept with its seed and population before anybody looks.

        Needs the right `sample.work`: External auditor.
        """

        return self.ask(
            "POST",
            "/api/v1/samples",
            headers={"If-Match": if_match},
            json=body,
        )

    def samples_retrieve(
        self,
        sample_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.SampleDetailOutput:
        """One sample: its seed, strata, and the rate once it is closed.

        Needs the right `sample.view`: Administrator, Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "GET",
            f"/api/v1/samples/{self.part(sample_id)}",
            headers={"If-None-Match": if_none_match},
        )

    def sample_close(
        self,
        sample_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.SampleDetailOutput:
        """Close a sample that has a finding for every item. Its rate stands from then on.

        Needs the right `sample.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/samples/{self.part(sample_id)}/close",
            headers={"If-Match": if_match},
        )

    def samples_items_list(
        self,
        sample_id: str,
        *,
        finding: Literal["conform", "minor", "major", "not_assessable"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        stratum: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ShownItemOutput]:
        """Items in the order of the draw, with what the platform has on record about each.

        Needs the right `sample.view`: Administrator, Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "GET",
            f"/api/v1/samples/{self.part(sample_id)}/items",
            query={"finding": finding, "limit": limit, "offset": offset, "stratum": stratum},
            headers={"If-None-Match": if_none_match},
        )

    def sample_file(
        self,
        item_id: str,
        *,
        if_none_match: str | None = None,
    ) -> str:
        """The file that shows a finding, as the auditor brought it. The reading is recorded.

        Needs the right `sample.view`: Administrator, Auditor, Ethics officer, External auditor.
        """

        return self.ask(
            "GET",
            f"/api/v1/samples/items/{self.part(item_id)}/file",
            headers={"If-None-Match": if_none_match},
        )

    def sample_find(
        self,
        item_id: str,
        body: dict[str, str | Upload],
        *,
        if_match: str | None = None,
    ) -> shapes.SampleItemOutput:
        """Record what was found about an item, once.

        Needs the right `sample.work`: External auditor.
        """

        return self.ask(
            "POST",
            f"/api/v1/samples/items/{self.part(item_id)}/finding",
            headers={"If-Match": if_match},
            form=body,
        )

    def search(
        self,
        *,
        q: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.SearchOutput:
        """Everything that you may open, by words, number, digest or identifier.

        Needs the right `home.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor, Site
        operator.
        """

        return self.ask(
            "GET",
            "/api/v1/search",
            query={"q": q},
            headers={"If-None-Match": if_none_match},
        )

    def site_pass_revoke(
        self,
        pass_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.SitePassOutput:
        """End a certificate: it opens nothing any more, also for a machine that is in.

        Needs the right `federation.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/site-passes/{self.part(pass_id)}/revoke",
            headers={"If-Match": if_match},
        )

    def versions_list(
        self,
        *,
        limit: int | None = None,
        model: str | None = None,
        offset: int | None = None,
        run: str | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.VersionOutput]:
        """Versions of models, newest first: each comes from a finished run.

        Needs the right `version.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor,
        Site operator.
        """

        return self.ask(
            "GET",
            "/api/v1/versions",
            query={"limit": limit, "model": model, "offset": offset, "run": run},
            headers={"If-None-Match": if_none_match},
        )

    def versions_retrieve(
        self,
        id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.VersionDetailOutput:
        """One version: configuration, newest audit evidence, card in short, and what may be requested.

        Needs the right `version.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor,
        Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/versions/{self.part(id)}",
            headers={"If-None-Match": if_none_match},
        )

    def versions_audit_estimates_list(
        self,
        version_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.EstimateOutput]:
        """What each tier of each class of risk would measure, and about how long that takes.

        Needs the right `audit.start`: Administrator, Ethics officer.
        """

        return self.ask(
            "GET",
            f"/api/v1/versions/{self.part(version_id)}/audit-estimates",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def versions_card_changes_list(
        self,
        version_id: str,
        *,
        after: int,
        before: int,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.ChangeOutput]:
        """What changed from one edition to another.

        Needs the right `version.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor,
        Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/versions/{self.part(version_id)}/card-changes",
            query={"after": after, "before": before, "limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def versions_card_drafts_retrieve(
        self,
        version_id: str,
        *,
        if_none_match: str | None = None,
    ) -> shapes.DraftsOutput:
        """Texts that the platform suggests, from what was measured; nothing is saved.

        Needs the right `card.edit`: Administrator.
        """

        return self.ask(
            "GET",
            f"/api/v1/versions/{self.part(version_id)}/card-drafts",
            headers={"If-None-Match": if_none_match},
        )

    def versions_cards_list(
        self,
        version_id: str,
        *,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.CardOutput]:
        """The editions of a version's card, newest first; POST writes a new one.

        Needs the right `version.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor,
        Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/versions/{self.part(version_id)}/cards",
            query={"limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def versions_cards_create(
        self,
        version_id: str,
        body: shapes.CardInput,
        *,
        if_match: str | None = None,
    ) -> shapes.CardOutput:
        """The editions of a version's card, newest first; POST writes a new one.

        Needs the right `card.edit`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/versions/{self.part(version_id)}/cards",
            headers={"If-Match": if_match},
            json=body,
        )

    def card(
        self,
        version_id: str,
        edition: int,
        *,
        if_none_match: str | None = None,
    ) -> shapes.CardOutput:
        """One edition of a card.

        Needs the right `version.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor,
        Site operator.
        """

        return self.ask(
            "GET",
            f"/api/v1/versions/{self.part(version_id)}/cards/{self.part(edition)}",
            headers={"If-None-Match": if_none_match},
        )

    def card_export(
        self,
        version_id: str,
        edition: int,
        kind: Literal["cdx.json", "html", "json", "md", "pdf", "pem", "sig", "xml"],
        *,
        if_none_match: str | None = None,
    ) -> bytes:
        """An edition of a card as a file.

        Needs the right `version.view`: Administrator, Auditor, Clinician, Ethics officer, External auditor,
        Site operator.
        """

        return self.fetch(
            "GET",
            f"/api/v1/versions/{self.part(version_id)}/cards/{self.part(edition)}/exports/{self.part(kind)}",
            headers={"If-None-Match": if_none_match},
        )

    def versions_cards_publication(
        self,
        version_id: str,
        edition: int,
        *,
        if_match: str | None = None,
    ) -> shapes.PublicationOutput:
        """POST shows an edition to everybody, DELETE takes the public one back.

        Needs the right `card.publish`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/versions/{self.part(version_id)}/cards/{self.part(edition)}/publication",
            headers={"If-Match": if_match},
        )

    def versions_cards_publication_destroy(
        self,
        version_id: str,
        edition: int,
        *,
        if_match: str | None = None,
    ) -> bytes:
        """POST shows an edition to everybody, DELETE takes the public one back.

        Needs the right `card.publish`: Administrator.
        """

        return self.fetch(
            "DELETE",
            f"/api/v1/versions/{self.part(version_id)}/cards/{self.part(edition)}/publication",
            headers={"If-Match": if_match},
        )

    def webhooks_list(
        self,
        *,
        active: bool | None = None,
        institution: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        if_none_match: str | None = None,
    ) -> shapes.Page[shapes.SubscriptionOutput]:
        """Systems that are told of halts and reinstatements.

        Needs the right `webhook.manage`: Administrator.
        """

        return self.ask(
            "GET",
            "/api/v1/webhooks",
            query={"active": active, "institution": institution, "limit": limit, "offset": offset},
            headers={"If-None-Match": if_none_match},
        )

    def webhook_create(
        self,
        body: shapes.SubscriptionInput,
        *,
        if_match: str | None = None,
    ) -> shapes.NewSubscriptionOutput:
        """Let a system be told. The secret that signs what is sent is shown once.

        Needs the right `webhook.manage`: Administrator.
        """

        return self.ask(
            "POST",
            "/api/v1/webhooks",
            headers={"If-Match": if_match},
            json=body,
        )

    def webhook_revoke(
        self,
        subscription_id: str,
        *,
        if_match: str | None = None,
    ) -> shapes.SubscriptionOutput:
        """Tell a system nothing more.

        Needs the right `webhook.manage`: Administrator.
        """

        return self.ask(
            "POST",
            f"/api/v1/webhooks/{self.part(subscription_id)}/revoke",
            headers={"If-Match": if_match},
        )
