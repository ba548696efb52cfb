-- oldest: 0006
-- The trace in which a campaign was made (W3C traceparent), so that its jobs go on with it; and what metrics count by.
ALTER TABLE campaigns ADD COLUMN trace text NOT NULL DEFAULT '';
CREATE INDEX certificates_in_force ON certificates (expires_at, device_id) WHERE revoked_at IS NULL;
