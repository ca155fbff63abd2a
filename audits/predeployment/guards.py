"""The rules of policies and of outside boards once more, in the database, where no service can go around them.

The numbers are written out: a trigger is schema, and changing the rule is a migration that somebody reviews.
"""

from models_registry.guards import decision_is_independent, needs_quorum

POLICY_BEGINS = """
BEGIN
    IF NOT (NEW.shipped AND NEW.state = 'approved' OR NOT NEW.shipped AND NEW.state = 'under_review') THEN
        RAISE EXCEPTION 'a policy begins under review, or approved if it comes with the platform'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""

POLICY_NEEDS_QUORUM = (
    """
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
"""
    + needs_quorum("policy", "audits_predeployment_policydecision")
    + """    RETURN NEW;
END;
"""
)

POLICY_DECISION_IS_INDEPENDENT = decision_is_independent(
    "policy", "audits_predeployment_auditpolicy",
    also="""    IF NEW.institution_id IS NOT NULL THEN
        PERFORM 1 FROM federation_participant p WHERE p.institution_id = NEW.institution_id AND p.is_active;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the institution of the decider takes part in no federation'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
""",
)  # fmt: skip

EXTERNAL_STAYS = """
BEGIN
    IF (NEW.id, NEW.created_at, NEW.version_id, NEW.board_id, NEW.auditor_id, NEW.policy, NEW.expires_at,
        NEW.invited_by_id)
        IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.version_id, OLD.board_id, OLD.auditor_id, OLD.policy,
                          OLD.expires_at, OLD.invited_by_id) THEN
        RAISE EXCEPTION 'an invitation never changes; revoke it and make a new one' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'open' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'an external audit that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""

# Rows of boards are theirs alone, and of the time that they were given.
EXTERNAL_IS_OPEN = """
DECLARE
    invitation audits_predeployment_externalaudit%ROWTYPE;
    author text;
BEGIN
    SELECT * INTO invitation FROM audits_predeployment_externalaudit WHERE id = NEW.external_id FOR SHARE;
    IF invitation.state <> 'open' OR invitation.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the external audit is not open any more' USING ERRCODE = 'check_violation';
    END IF;
    author := coalesce(to_jsonb(NEW) ->> 'uploaded_by_id', to_jsonb(NEW) ->> 'requested_by_id',
                       to_jsonb(NEW) ->> 'author_id');
    IF author IS DISTINCT FROM invitation.auditor_id::text THEN
        RAISE EXCEPTION 'only the invited auditor adds to an external audit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""

EXTERNAL_DATA_STAY = """
BEGIN
    IF (NEW.id, NEW.created_at, NEW.external_id, NEW.site, NEW.digest, NEW.stored, NEW.size, NEW.uploaded_by_id)
        IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.external_id, OLD.site, OLD.digest, OLD.stored, OLD.size,
                          OLD.uploaded_by_id) THEN
        RAISE EXCEPTION 'an uploaded data set never changes; upload another' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'withdrawn' OR OLD.state <> 'checking' AND NEW.state NOT IN (OLD.state, 'withdrawn') THEN
        RAISE EXCEPTION 'a data set that is % cannot become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""
