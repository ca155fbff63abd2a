"""What else must hold of a decision on a request, in the database: keys, absence, time."""

from __future__ import annotations

# In the place of the membership that a decision of one's own needs.
OFFICE_IS_HELD = """    IF NEW.delegation_id IS NULL THEN
        PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.decided_by_id AND m.is_active
            AND m.role = NEW.capacity AND m.institution_id IS NOT DISTINCT FROM NEW.institution_id;
    ELSE
        PERFORM 1 FROM models_registry_delegation g
        JOIN accounts_membership o ON o.user_id = g.officer_id AND o.is_active AND o.role = 'ethics_officer'
            AND o.institution_id = g.institution_id
        JOIN accounts_membership d ON d.user_id = g.deputy_id AND d.is_active AND d.institution_id = g.institution_id
        WHERE g.id = NEW.delegation_id AND g.deputy_id = NEW.decided_by_id AND g.institution_id = NEW.institution_id
            AND NEW.capacity = 'ethics_officer' AND g.revoked_at IS NULL
            AND clock_timestamp() BETWEEN g.starts_at AND g.ends_at;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the decider does not hold the role % there', NEW.capacity USING ERRCODE = 'check_violation';
    END IF;
"""

DECISION_IS_SIGNED = """    IF request.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the request has expired' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM models_registry_approvaldecision d LEFT JOIN models_registry_delegation g ON g.id = d.delegation_id
    WHERE d.request_id = NEW.request_id AND (g.officer_id = NEW.decided_by_id OR d.decided_by_id = (
        SELECT officer_id FROM models_registry_delegation WHERE id = NEW.delegation_id));
    IF FOUND THEN
        RAISE EXCEPTION 'an officer and their deputy decide once between them' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.key_id IS NULL THEN
        PERFORM 1 FROM models_registry_reviewerkey k WHERE k.user_id = NEW.decided_by_id AND k.revoked_at IS NULL;
        IF FOUND THEN
            RAISE EXCEPTION 'the decider has a key, and the decision is not signed with it'
                USING ERRCODE = 'check_violation';
        END IF;
    ELSE
        PERFORM 1 FROM models_registry_reviewerkey k WHERE k.id = NEW.key_id AND k.user_id = NEW.decided_by_id
            AND k.revoked_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the key is not a live one of the decider' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.signature = '' OR NEW.statement = ''
            OR NEW.statement::jsonb ->> 'content_digest' IS DISTINCT FROM NEW.content_digest
            OR NEW.statement::jsonb ->> 'request' IS DISTINCT FROM NEW.request_id::text
            OR NEW.statement::jsonb ->> 'decision' IS DISTINCT FROM NEW.decision
            OR NEW.statement::jsonb ->> 'person' IS DISTINCT FROM NEW.decided_by_id::text THEN
            RAISE EXCEPTION 'the statement that was signed is not of this decision' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
"""

DELEGATION_IS_LOCAL = """
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.officer_id, NEW.deputy_id, NEW.institution_id, NEW.starts_at, NEW.ends_at)
            IS DISTINCT FROM (OLD.id, OLD.officer_id, OLD.deputy_id, OLD.institution_id, OLD.starts_at, OLD.ends_at)
            OR OLD.revoked_at IS NOT NULL THEN
            RAISE EXCEPTION 'a delegation is only revoked, once' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.officer_id AND m.is_active
        AND m.role = 'ethics_officer' AND m.institution_id = NEW.institution_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only an ethics officer of the institution delegates' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.deputy_id AND m.is_active
        AND m.institution_id = NEW.institution_id AND m.role IN ('clinician', 'auditor');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the deputy is a clinician or an auditor of the same institution'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.ends_at > NEW.starts_at + interval '60 days' THEN
        RAISE EXCEPTION 'a delegation lasts 60 days at most' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""
