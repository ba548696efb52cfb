-- oldest: 0010
-- The fault of a sensor that a device told of in its heartbeat; '' for none.
ALTER TABLE heartbeats ADD COLUMN fault text NOT NULL DEFAULT '';
