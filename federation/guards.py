"""The two-person rule of consent once more, in the database, where no service and no shell can go around it."""

TWO_PEOPLE_SIGN = """
BEGIN
    PERFORM 1 FROM federation_consent c WHERE c.run_id = NEW.run_id AND c.participant_id = NEW.participant_id
        AND c.decided_by_id = NEW.decided_by_id AND c.capacity <> NEW.capacity;
    IF FOUND THEN
        RAISE EXCEPTION 'one person must not sign a run as operator and as officer' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
"""
