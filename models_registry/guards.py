"""The separation of duties once more, in the database, where no service and no shell can go around it.

The numbers are written out: a trigger is schema, and changing the rule is a migration that somebody reviews.
"""

from __future__ import annotations

from models_registry.guards_approvals import DECISION_IS_SIGNED, OFFICE_IS_HELD

ROLE_IS_HELD = """    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.decided_by_id AND m.is_active
        AND m.role = NEW.capacity AND m.institution_id IS NOT DISTINCT FROM NEW.institution_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the decider does not hold the role % there', NEW.capacity USING ERRCODE = 'check_violation';
    END IF;
"""


def decision_is_independent(what: str, table: str, also: str = "", held: str = ROLE_IS_HELD) -> str:
    """Of a decision on a row of that table, which it calls `what`: by somebody else, in a role that is held, on its
    content. `also` is what else must hold. Policies of audits are decided by this rule too.
    """
    return f"""
DECLARE
    {what} {table}%ROWTYPE;
BEGIN
    SELECT * INTO {what} FROM {table} WHERE id = NEW.{what}_id FOR SHARE;
    IF {what}.state <> 'under_review' THEN
        RAISE EXCEPTION 'the {what} is %, only one under review can be decided', {what}.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.decided_by_id = {what}.requested_by_id OR NEW.requested_by_id <> {what}.requested_by_id THEN
        RAISE EXCEPTION 'the requester must not decide' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.content_digest <> {what}.content_digest THEN
        RAISE EXCEPTION 'the decision is on other content than the {what}' USING ERRCODE = 'check_violation';
    END IF;
{held}{also}    RETURN NEW;
END;
"""  # noqa: S608 - the names are those of our own tables


def needs_quorum(what: str, decisions: str) -> str:
    """The part of a trigger that lets nothing become approved without its officers and an administrator."""
    return f"""    IF NEW.state = 'approved' THEN
        SELECT count(*), count(DISTINCT institution_id) INTO officers, institutions
        FROM {decisions}
        WHERE {what}_id = NEW.id AND decision = 'approve' AND capacity = 'ethics_officer';
        SELECT count(*) INTO administrators FROM {decisions}
        WHERE {what}_id = NEW.id AND decision = 'approve' AND capacity = 'administrator';
        IF officers < 2 OR institutions < 2 OR administrators < 1 THEN
            RAISE EXCEPTION 'approval needs 2 officers of 2 institutions and an administrator, has % of % and %',
                officers, institutions, administrators USING ERRCODE = 'check_violation';
        END IF;
    END IF;
"""  # noqa: S608 - the names are those of our own tables


DECISION_IS_INDEPENDENT = decision_is_independent(
    "request", "models_registry_approvalrequest", also=DECISION_IS_SIGNED, held=OFFICE_IS_HELD
)

APPROVAL_NEEDS_QUORUM = (
    """
DECLARE
    officers integer; institutions integer; administrators integer;
BEGIN
    IF (NEW.version_id, NEW.kind, NEW.content, NEW.content_digest, NEW.policy, NEW.requested_by_id, NEW.expires_at)
        IS DISTINCT FROM (OLD.version_id, OLD.kind, OLD.content, OLD.content_digest, OLD.policy,
                          OLD.requested_by_id, OLD.expires_at) THEN
        RAISE EXCEPTION 'a request is bound to its content; make a new one' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF OLD.state <> 'under_review' AND NOT (OLD.state = 'approved' AND NEW.state = 'voided') THEN
        RAISE EXCEPTION 'a request that is % cannot become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
"""
    + needs_quorum("request", "models_registry_approvaldecision")
    + """    IF NEW.state = 'expired' AND NEW.expires_at > clock_timestamp() THEN
        RAISE EXCEPTION 'the request has not expired' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state IN ('rejected', 'change_requested') THEN
        PERFORM 1 FROM models_registry_approvaldecision d WHERE d.request_id = NEW.id
            AND d.decision = CASE NEW.state WHEN 'rejected' THEN 'reject' ELSE 'request_change' END;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'nobody decided that the request becomes %', NEW.state USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END;
"""
)

REQUEST_NEEDS_EVIDENCE = """
DECLARE
    latest text; newest jsonb; standing text;
BEGIN
    SELECT verdict, summary INTO latest, newest FROM models_registry_evidence
    WHERE version_id = NEW.version_id AND kind = 'predeployment_audit' ORDER BY created_at DESC LIMIT 1;
    IF latest IS NULL THEN
        RAISE EXCEPTION 'the version was never audited' USING ERRCODE = 'check_violation';
    END IF;
    IF latest = 'fail' OR (NEW.kind = 'clinical' AND latest <> 'pass') THEN
        RAISE EXCEPTION 'the audit says %, which does not allow a % request', latest, NEW.kind
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'clinical' AND newest ->> 'risk_class' = 'high'
        AND newest ->> 'tier' IS DISTINCT FROM 'certification' THEN
        RAISE EXCEPTION 'clinical use of a model of high risk needs a certification audit'
            USING ERRCODE = 'check_violation';
    END IF;
    -- A fail stands until an audit of its tier passes, the same check included, with as many patients (`fails`).
    SELECT coalesce(failed.row ->> 'title', 'the audit') INTO standing
    FROM models_registry_evidence f
    CROSS JOIN LATERAL (
        SELECT c AS row FROM jsonb_array_elements(coalesce(f.summary -> 'checks', '[]')) c
        WHERE c ->> 'verdict' = 'fail' AND c ->> 'decides' IS DISTINCT FROM 'informs'
        UNION ALL
        SELECT '{}' WHERE NOT EXISTS (
            SELECT 1 FROM jsonb_array_elements(coalesce(f.summary -> 'checks', '[]')) c
            WHERE c ->> 'verdict' = 'fail' AND c ->> 'decides' IS DISTINCT FROM 'informs')
    ) failed
    WHERE f.version_id = NEW.version_id AND f.kind = 'predeployment_audit' AND f.verdict = 'fail'
    AND NOT EXISTS (
        SELECT 1 FROM models_registry_evidence p
        WHERE p.version_id = f.version_id AND p.kind = f.kind AND p.verdict = 'pass' AND p.created_at > f.created_at
        AND (p.summary ->> 'tier' = 'certification' OR f.summary ->> 'tier' IS DISTINCT FROM 'certification')
        AND (failed.row = '{}' OR EXISTS (
            SELECT 1 FROM jsonb_array_elements(coalesce(p.summary -> 'checks', '[]')) q
            WHERE q ->> 'verdict' = 'pass' AND failed.row ->> 'check_id' IN (q ->> 'check_id', q ->> 'instead_of')
            AND coalesce((q ->> 'patients')::bigint, 0) >= coalesce((failed.row ->> 'patients')::bigint, 0))))
    ORDER BY f.created_at DESC LIMIT 1;
    IF standing IS NOT NULL THEN
        RAISE EXCEPTION 'a fail stands that no later audit has answered: %', standing
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM models_registry_evidence f
    WHERE f.version_id = NEW.version_id AND f.kind = 'predeployment_audit' AND f.verdict = 'fail';
    IF FOUND AND coalesce(NEW.content ->> 'fails', '') = '' THEN
        RAISE EXCEPTION 'the version failed in an earlier audit, and the request does not bind that'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""

DEPLOYMENT_IS_CLEARED = """
DECLARE
    finding jsonb;
BEGIN
    PERFORM 1 FROM models_registry_approvalrequest r
    WHERE r.id = NEW.approval_id AND r.state = 'approved' AND r.kind = NEW.kind AND r.version_id = NEW.version_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a deployment needs an approved request of its own kind and version'
            USING ERRCODE = 'check_violation';
    END IF;
    -- A board's finding blocks until one that answers it passes (`binding.blocked_by_board`).
    SELECT f.summary INTO finding FROM models_registry_evidence f
    WHERE f.version_id = NEW.version_id AND f.kind = 'external_board' AND f.verdict = 'fail' AND NOT EXISTS (
        SELECT FROM models_registry_evidence p
        WHERE p.version_id = f.version_id AND p.kind = f.kind AND p.verdict = 'pass'
        AND p.summary ->> 'finding' = f.summary ->> 'finding')
    ORDER BY f.created_at DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a % finding of % blocks the version', finding ->> 'severity', finding ->> 'board'
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM models_registry_assessment a JOIN models_registry_version v ON v.model_id = a.model_id
    WHERE v.id = NEW.version_id AND a.in_force_until >= (clock_timestamp() AT TIME ZONE 'UTC')::date;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no data protection impact assessment of the model is in force'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""
