-- oldest: 0008
-- Which revoked certificates the revocation list in force has: one list takes in all that were revoked since the last.
ALTER TABLE certificates ADD COLUMN listed boolean NOT NULL DEFAULT false;
CREATE INDEX certificates_unlisted ON certificates (expires_at) WHERE revoked_at IS NOT NULL AND NOT listed;

-- U+001F in `why` is the mark of what changed (cloud/db.py), and never in the words of a device.
CREATE FUNCTION unmark_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.why := translate(NEW.why, E'\x1f', ' ');
    RETURN NEW;
END $$;
CREATE TRIGGER audit_unmarked BEFORE INSERT ON audit FOR EACH ROW
    WHEN (NEW.before IS NULL AND NEW.after IS NULL AND strpos(NEW.why, E'\x1f') > 0) EXECUTE FUNCTION unmark_audit();
