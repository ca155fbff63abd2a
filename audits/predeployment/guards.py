"""The separation of duties of policies once more, in the database, where no service and no shell can go around it.

The numbers are written out: a trigger is schema, and changing the rule is a migration that somebody reviews.
"""

POLICY_BEGINS = """
BEGIN
    IF NOT (NEW.shipped AND NEW.state = 'approved' OR NOT NEW.shipped AND NEW.state = 'under_review') THEN
        RAISE EXCEPTION 'a policy begins under review, or approved if it comes with the platform'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""

POLICY_NEEDS_QUORUM = """
DECLARE
    officers integer; institutions integer; administrators integer;
BEGIN
    IF (NEW.id, NEW.created_at, NEW.risk_class, NEW.number, NEW.content, NEW.content_digest, NEW.shipped,
        NEW.requested_by_id)
        IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.risk_class, OLD.number, OLD.content, OLD.content_digest,
                          OLD.shipped, OLD.requested_by_id) THEN
        RAISE EXCEPTION 'a policy never changes; propose a new version' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF OLD.state <> 'under_review' THEN
        RAISE EXCEPTION 'a policy that is % cannot become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'approved' THEN
        SELECT count(*), count(DISTINCT institution_id) INTO officers, institutions
        FROM audits_predeployment_policydecision
        WHERE policy_id = NEW.id AND decision = 'approve' AND capacity = 'ethics_officer';
        SELECT count(*) INTO administrators FROM audits_predeployment_policydecision
        WHERE policy_id = NEW.id AND decision = 'approve' AND capacity = 'administrator';
        IF officers < 2 OR institutions < 2 OR administrators < 1 THEN
            RAISE EXCEPTION 'approval needs 2 officers of 2 institutions and an administrator, has % of % and %',
                officers, institutions, administrators USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END;
"""

POLICY_DECISION_IS_INDEPENDENT = """
DECLARE
    policy audits_predeployment_auditpolicy%ROWTYPE;
BEGIN
    SELECT * INTO policy FROM audits_predeployment_auditpolicy WHERE id = NEW.policy_id FOR SHARE;
    IF policy.state <> 'under_review' THEN
        RAISE EXCEPTION 'the policy is %, only one under review can be decided', policy.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.decided_by_id = policy.requested_by_id OR NEW.requested_by_id <> policy.requested_by_id THEN
        RAISE EXCEPTION 'the requester must not decide' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.content_digest <> policy.content_digest THEN
        RAISE EXCEPTION 'the decision is on other content than the policy' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.decided_by_id AND m.is_active
        AND m.role = NEW.capacity AND m.institution_id IS NOT DISTINCT FROM NEW.institution_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the decider does not hold the role % there', NEW.capacity USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.institution_id IS NOT NULL THEN
        PERFORM 1 FROM federation_participant p WHERE p.institution_id = NEW.institution_id AND p.is_active;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the institution of the decider takes part in no federation'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END;
"""
