-- Campaigns of any size: nobody is a member before his job is made, and jobs are counted as they move.

-- Releases ----------------------------------------------------------------------------------------------------------

ALTER TABLE releases
    ADD COLUMN status text NOT NULL DEFAULT 'CANDIDATE' CHECK (status IN ('CANDIDATE', 'PROMOTED', 'WITHDRAWN')),
    ADD COLUMN status_why text NOT NULL DEFAULT '';

-- What a campaign with releases of this kind needs.
CREATE TABLE policies (
    kind          text PRIMARY KEY CHECK (kind IN ('app', 'runtime')),
    approvals     integer NOT NULL DEFAULT 0 CHECK (approvals BETWEEN 0 AND 5), -- of others than who made it
    promoted_only boolean NOT NULL DEFAULT false
);
INSERT INTO policies (kind) VALUES ('app'), ('runtime');

-- Campaigns ---------------------------------------------------------------------------------------------------------

ALTER TABLE campaigns
    DROP CONSTRAINT campaigns_status_check,
    ADD CONSTRAINT campaigns_status_check
        CHECK (status IN ('PENDING', 'RUNNING', 'PAUSED', 'SUCCEEDED', 'HALTED', 'ABORTED')),
    ADD COLUMN created_by         text NOT NULL DEFAULT '',
    ADD COLUMN approvals          integer NOT NULL DEFAULT 0,      -- that it needs; PENDING until it has them
    ADD COLUMN error_after        integer,                         -- so many ended jobs say enough of a group
    ADD COLUMN deferral_timeout_s integer NOT NULL DEFAULT 604800, -- silence of a device that deferred its job
    ADD COLUMN retries            integer NOT NULL DEFAULT 0,
    ADD COLUMN rollback           boolean NOT NULL DEFAULT false;  -- a halt brings updated devices back

CREATE TABLE approvals (
    campaign_id bigint NOT NULL REFERENCES campaigns,
    who         text NOT NULL,
    digest      text NOT NULL,                                     -- of the manifest that was approved
    at          timestamptz NOT NULL,
    why         text NOT NULL DEFAULT '',
    PRIMARY KEY (campaign_id, who)
);

-- Where a group is in its walk over the fleet (cloud/ota/admission.py), and what it asks for.
ALTER TABLE campaign_groups
    ADD COLUMN success_threshold double precision,                 -- null: the campaign's
    ADD COLUMN error_threshold   double precision,
    ADD COLUMN soak_s            integer NOT NULL DEFAULT 0,
    ADD COLUMN rate_per_min      double precision,                 -- null: no limit
    ADD COLUMN window_from       time,                             -- UTC
    ADD COLUMN window_to         time,
    ADD COLUMN confirm           boolean NOT NULL DEFAULT false,   -- a person lets the next group go
    ADD COLUMN open_ended        boolean NOT NULL DEFAULT false,   -- who comes to match later joins
    ADD COLUMN reached_at        timestamptz,                      -- its success threshold
    ADD COLUMN rate_from         timestamptz,                      -- admissions are paid for up to here
    ADD COLUMN walk_phase        integer NOT NULL DEFAULT 0,
    ADD COLUMN walk_at           bigint,                           -- hash of the last device looked at
    ADD COLUMN walk_again_at     timestamptz;                      -- after the last phase

DROP TABLE campaign_members;
CREATE INDEX devices_shuffled ON devices (hashtextextended(id, 0));
CREATE INDEX devices_decommissioned ON devices (id) WHERE decommissioned_at IS NOT NULL;
CREATE INDEX presence_came ON presence (received_at) WHERE online;

-- Jobs --------------------------------------------------------------------------------------------------------------

ALTER TABLE jobs
    ADD COLUMN action       text NOT NULL DEFAULT 'install' CHECK (action IN ('install', 'back')),
    ADD COLUMN attempt      integer NOT NULL DEFAULT 1,
    ADD COLUMN deferred     text NOT NULL DEFAULT '',              -- why the device puts it off
    ADD COLUMN from_version text NOT NULL DEFAULT '',              -- what it ran when the job was made
    ADD COLUMN look_at      timestamptz,                           -- when it is to be told; null: when it comes
    DROP CONSTRAINT jobs_campaign_id_device_id_key,
    ADD UNIQUE (campaign_id, device_id, action);
UPDATE jobs SET look_at = coalesce(notified_at, created_at) WHERE status = 'QUEUED';

DROP INDEX jobs_queued, jobs_by_silence;
CREATE INDEX jobs_queued ON jobs (campaign_id, look_at) WHERE status = 'QUEUED';
CREATE INDEX jobs_by_silence ON jobs (campaign_id, heard_at) WHERE status = 'IN_PROGRESS';
CREATE INDEX jobs_listed ON jobs (campaign_id, group_number, id);
CREATE INDEX jobs_unsuccessful ON jobs (campaign_id, id) WHERE status IN ('FAILED', 'TIMED_OUT', 'REJECTED');
CREATE INDEX jobs_by_device ON jobs (device_id, id);

-- How often a device failed a release; at the third time it is parked.
CREATE TABLE failures (
    device_id      text NOT NULL REFERENCES devices ON DELETE CASCADE,
    release_digest text NOT NULL REFERENCES releases,
    failures       integer NOT NULL,
    last_at        timestamptz NOT NULL,
    why            text NOT NULL DEFAULT '',
    PRIMARY KEY (device_id, release_digest)
);
CREATE INDEX failures_parked ON failures (release_digest, device_id) WHERE failures >= 3;

-- Counts by state. Changes are appended, so that no two writers wait for each other; the scheduler adds them up.
CREATE TABLE job_counts (
    campaign_id  bigint NOT NULL,
    group_number integer NOT NULL,
    action       text NOT NULL,
    status       text NOT NULL,
    told         boolean NOT NULL,
    deferred     boolean NOT NULL,
    n            bigint NOT NULL,
    PRIMARY KEY (campaign_id, group_number, action, status, told, deferred)
);
CREATE TABLE job_changes (LIKE job_counts);

CREATE FUNCTION count_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO job_changes
        SELECT campaign_id, group_number, action, status, notified_at IS NOT NULL, deferred <> '', count(*)
        FROM new_jobs GROUP BY 1, 2, 3, 4, 5, 6;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO job_changes
        SELECT campaign_id, group_number, action, status, notified_at IS NOT NULL, deferred <> '', -count(*)
        FROM old_jobs GROUP BY 1, 2, 3, 4, 5, 6;
    ELSE
        INSERT INTO job_changes
        SELECT campaign_id, group_number, action, status, told, deferred, sum(n) FROM (
            SELECT campaign_id, group_number, action, status, notified_at IS NOT NULL AS told,
                deferred <> '' AS deferred, 1 AS n FROM new_jobs
            UNION ALL
            SELECT campaign_id, group_number, action, status, notified_at IS NOT NULL, deferred <> '', -1
            FROM old_jobs) both_ways
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0;
        INSERT INTO failures AS f (device_id, release_digest, failures, last_at, why)
        SELECT n.device_id, c.release_digest, count(*), max(n.ended_at), max(n.detail)
        FROM new_jobs n JOIN old_jobs o ON o.id = n.id JOIN campaigns c ON c.id = n.campaign_id
        WHERE n.action = 'install' AND n.status IN ('FAILED', 'TIMED_OUT', 'REJECTED')
            AND o.status IN ('QUEUED', 'IN_PROGRESS')
        GROUP BY 1, 2
        ON CONFLICT (device_id, release_digest) DO UPDATE
            SET failures = f.failures + EXCLUDED.failures, last_at = EXCLUDED.last_at, why = EXCLUDED.why;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs REFERENCING NEW TABLE AS new_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER jobs_updated AFTER UPDATE ON jobs REFERENCING NEW TABLE AS new_jobs OLD TABLE AS old_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();
CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs REFERENCING OLD TABLE AS old_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION count_jobs();

INSERT INTO job_counts
SELECT campaign_id, group_number, action, status, notified_at IS NOT NULL, deferred <> '', count(*)
FROM jobs GROUP BY 1, 2, 3, 4, 5, 6;
INSERT INTO failures
SELECT j.device_id, c.release_digest, count(*), max(j.ended_at), max(j.detail)
FROM jobs j JOIN campaigns c ON c.id = j.campaign_id
WHERE j.status IN ('FAILED', 'TIMED_OUT', 'REJECTED') GROUP BY 1, 2;

CREATE VIEW jobs_counted AS
SELECT campaign_id, group_number, action, status, told, deferred, sum(n)::bigint AS n
FROM (SELECT * FROM job_counts UNION ALL SELECT * FROM job_changes) c
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0;

CREATE OR REPLACE VIEW group_progress AS
SELECT g.campaign_id, g.number, g.name, g.status, g.size,
    coalesce(sum(j.n) FILTER (WHERE j.status = 'SUCCEEDED'), 0)::bigint AS succeeded,
    coalesce(sum(j.n) FILTER (WHERE j.status IN ('FAILED', 'TIMED_OUT', 'REJECTED')), 0)::bigint AS failed,
    coalesce(sum(j.n) FILTER (WHERE j.status IN ('REMOVED', 'CANCELED')), 0)::bigint AS gone,
    coalesce(sum(j.n) FILTER (WHERE j.status IN ('QUEUED', 'IN_PROGRESS')), 0)::bigint AS active
FROM campaign_groups g
LEFT JOIN jobs_counted j ON j.campaign_id = g.campaign_id AND j.group_number = g.number AND j.action = 'install'
GROUP BY g.campaign_id, g.number;

-- The audit log: each row is sealed by a hash over itself and the one before (cloud/audit.py) --------------------------

ALTER TABLE audit ADD COLUMN seal bigint UNIQUE, ADD COLUMN hash bytea;
CREATE INDEX audit_unsealed ON audit (id) WHERE seal IS NULL;

CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seal IS NULL
        AND (NEW.id, NEW.at, NEW.who, NEW.what, NEW.subject, NEW.why)
            = (OLD.id, OLD.at, OLD.who, OLD.what, OLD.subject, OLD.why) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to';
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_kept_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
