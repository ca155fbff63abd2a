"""What the database itself refuses about a reinstatement, whoever writes the row."""

from __future__ import annotations

VOTE_IS_INDEPENDENT = """
IF NEW.withdrawn_at IS NOT NULL THEN
    RAISE EXCEPTION 'a vote is given before it is withdrawn' USING ERRCODE = 'check_violation';
END IF;
IF NEW.evidence_digest !~ '^[0-9a-f]{64}$' THEN
    RAISE EXCEPTION 'a vote names its evidence by a SHA-256 digest' USING ERRCODE = 'check_violation';
END IF;
IF EXISTS (SELECT 1 FROM audits_runtime_reinstatement r
           WHERE r.halt_id = NEW.halt_id AND r.withdrawn_at IS NULL AND r.evidence_digest <> NEW.evidence_digest) THEN
    RAISE EXCEPTION 'all votes on a halt name the same evidence' USING ERRCODE = 'check_violation';
END IF;
IF EXISTS (SELECT 1 FROM audits_runtime_halt h
           JOIN models_registry_deployment d ON d.id = h.deployment_id
           JOIN models_registry_approvalrequest a ON a.id = d.approval_id
           WHERE h.id = NEW.halt_id
             AND (NEW.officer_id IN (d.deployed_by_id, a.requested_by_id)
                  OR NEW.officer_id IS NOT DISTINCT FROM h.halted_by_id
                  OR EXISTS (SELECT 1 FROM models_registry_approvaldecision x
                             WHERE x.request_id = a.id AND x.decided_by_id = NEW.officer_id))) THEN
    RAISE EXCEPTION 'who deployed it, or halted it, does not vote to reinstate it' USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""

# Nothing of a vote changes but that it is withdrawn: once, and while the halt is open.
VOTE_STAYS = """
IF (to_jsonb(OLD) - 'withdrawn_at' - 'withdrawn_by_id' - 'withdrawn_why')
   IS DISTINCT FROM (to_jsonb(NEW) - 'withdrawn_at' - 'withdrawn_by_id' - 'withdrawn_why') THEN
    RAISE EXCEPTION 'a vote does not change' USING ERRCODE = 'check_violation';
END IF;
IF OLD.withdrawn_at IS NOT NULL THEN
    RAISE EXCEPTION 'a vote is withdrawn once' USING ERRCODE = 'check_violation';
END IF;
IF EXISTS (SELECT 1 FROM audits_runtime_halt h WHERE h.id = NEW.halt_id AND h.closed_at IS NOT NULL) THEN
    RAISE EXCEPTION 'the halt is closed, so its votes stand' USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""
