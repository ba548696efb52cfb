-- Heartbeats in a table a day, so that old ones go with their table. What is there already becomes the first one,
-- up to the next midnight; those of the days to come are made by the service, ahead of time.
ALTER TABLE heartbeats RENAME TO heartbeats_first;
ALTER INDEX heartbeats_by_device RENAME TO heartbeats_first_by_device;

CREATE TABLE heartbeats (LIKE heartbeats_first INCLUDING DEFAULTS) PARTITION BY RANGE (received_at);
CREATE INDEX heartbeats_by_device ON heartbeats (device_id, received_at DESC);

DO $$
DECLARE
    midnight timestamptz := (SELECT date_trunc('day', greatest(now(), max(received_at)), 'UTC') + interval '1 day'
                             FROM heartbeats_first);
BEGIN
    EXECUTE format('ALTER TABLE heartbeats ATTACH PARTITION heartbeats_first FOR VALUES FROM (MINVALUE) TO (%L)',
                   midnight);
END $$;
