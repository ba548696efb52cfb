-- Everything that must last. Times come from the service's clock, so that one clock decides within a statement.

-- The fleet -------------------------------------------------------------------------------------------------------

CREATE TABLE devices (
    id              text PRIMARY KEY,
    board           text NOT NULL,
    app_version     text NOT NULL DEFAULT '',  -- what it last said it runs
    runtime_version text NOT NULL DEFAULT '',
    enrolled_at     timestamptz NOT NULL
);
CREATE INDEX devices_by_board ON devices (board, id);

CREATE TABLE certificates (
    serial      text PRIMARY KEY,              -- hex, as in the certificate
    device_id   text NOT NULL REFERENCES devices,
    der         bytea NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE INDEX certificates_by_device ON certificates (device_id);

-- A claim lets one device enrol once. Only the token's hash is kept.
CREATE TABLE claims (
    token_sha256 bytea PRIMARY KEY,
    device_id    text,                         -- null: any device that is not enrolled yet
    board        text,                         -- null: any board
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    used_by      text,
    serial       text REFERENCES certificates  -- of what it was used for
);

CREATE TABLE presence (
    device_id   text PRIMARY KEY,
    online      boolean NOT NULL,
    since       timestamptz,                   -- as the device said; null in a last will
    received_at timestamptz NOT NULL
);

-- Append only, and without a foreign key: one unknown device must not cost a whole batch.
CREATE TABLE heartbeats (
    device_id       text NOT NULL,
    received_at     timestamptz NOT NULL,
    state           text NOT NULL,
    vbat_mv         integer,
    soc_pct         integer,
    temp_decic      integer,
    app_version     text NOT NULL,
    runtime_version text NOT NULL,
    slot            text NOT NULL,
    uptime_s        bigint NOT NULL,
    mem_free        bigint NOT NULL,
    counters        jsonb NOT NULL
);
CREATE INDEX heartbeats_by_device ON heartbeats (device_id, received_at DESC);

CREATE TABLE events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id   text NOT NULL,
    received_at timestamptz NOT NULL,
    kind        text NOT NULL,
    body        jsonb NOT NULL                 -- the whole message; "at" in it is the device's clock
);
CREATE INDEX events_by_device ON events (device_id, id DESC);

-- Releases and campaigns --------------------------------------------------------------------------------------------

CREATE TABLE releases (
    digest           text PRIMARY KEY,         -- hex SHA-256 of the manifest
    kind             text NOT NULL CHECK (kind IN ('app', 'runtime')),
    name             text NOT NULL,
    version          text NOT NULL,
    security_version integer NOT NULL,
    boards           text[] NOT NULL,
    manifest         bytea NOT NULL,           -- the exact bytes that were signed
    signed_by        text[] NOT NULL,
    size             bigint NOT NULL,          -- of the .frel file
    object_key       text NOT NULL,
    published_at     timestamptz NOT NULL,
    UNIQUE (kind, name, version)
);

CREATE TABLE campaigns (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_digest    text NOT NULL REFERENCES releases,
    filter            jsonb NOT NULL,
    success_threshold double precision NOT NULL,
    error_threshold   double precision NOT NULL,
    step_timeout_s    integer NOT NULL,
    forced            boolean NOT NULL,
    deadline          timestamptz,
    status            text NOT NULL CHECK (status IN ('RUNNING', 'PAUSED', 'SUCCEEDED', 'HALTED', 'ABORTED')),
    reason            text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL,
    ended_at          timestamptz
);
CREATE INDEX campaigns_live ON campaigns (id) WHERE status IN ('RUNNING', 'PAUSED');

CREATE TABLE campaign_groups (
    campaign_id bigint NOT NULL REFERENCES campaigns,
    number      integer NOT NULL,              -- 0 is the canary
    name        text NOT NULL,
    size        integer NOT NULL,
    status      text NOT NULL DEFAULT 'WAITING'
        CHECK (status IN ('WAITING', 'RUNNING', 'SUCCEEDED', 'HALTED', 'ABORTED')),
    PRIMARY KEY (campaign_id, number)
);

CREATE TABLE campaign_members (
    campaign_id  bigint NOT NULL,
    device_id    text NOT NULL REFERENCES devices,
    group_number integer NOT NULL,
    PRIMARY KEY (campaign_id, device_id),
    FOREIGN KEY (campaign_id, group_number) REFERENCES campaign_groups
);
CREATE INDEX campaign_members_by_group ON campaign_members (campaign_id, group_number);

CREATE TABLE jobs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id  bigint NOT NULL REFERENCES campaigns,
    group_number integer NOT NULL,
    device_id    text NOT NULL REFERENCES devices,
    kind         text NOT NULL,
    status       text NOT NULL DEFAULT 'QUEUED' CHECK (status IN
        ('QUEUED', 'IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'REJECTED', 'REMOVED', 'CANCELED')),
    step         text NOT NULL DEFAULT '',
    progress_pct integer NOT NULL DEFAULT 0,
    detail       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    notified_at  timestamptz,
    heard_at     timestamptz,                  -- the device's last word about it; null: never took it
    ended_at     timestamptz,
    UNIQUE (campaign_id, device_id)
);
CREATE UNIQUE INDEX jobs_one_active ON jobs (device_id, kind) WHERE status IN ('QUEUED', 'IN_PROGRESS');
CREATE INDEX jobs_queued ON jobs (notified_at NULLS FIRST, id) WHERE status = 'QUEUED';
CREATE INDEX jobs_by_silence ON jobs (heard_at) WHERE status = 'IN_PROGRESS';
CREATE INDEX jobs_by_group ON jobs (campaign_id, group_number, status);

-- What thresholds are compared with. `gone` jobs count for nothing: they were taken back before a device took them.
CREATE VIEW group_progress AS
SELECT g.campaign_id, g.number, g.name, g.status, g.size,
    count(j.id) FILTER (WHERE j.status = 'SUCCEEDED') AS succeeded,
    count(j.id) FILTER (WHERE j.status IN ('FAILED', 'TIMED_OUT', 'REJECTED')) AS failed,
    count(j.id) FILTER (WHERE j.status IN ('REMOVED', 'CANCELED')) AS gone,
    count(j.id) FILTER (WHERE j.status IN ('QUEUED', 'IN_PROGRESS')) AS active
FROM campaign_groups g
LEFT JOIN jobs j ON j.campaign_id = g.campaign_id AND j.group_number = g.number
GROUP BY g.campaign_id, g.number;

-- Who acts, and what was done ---------------------------------------------------------------------------------------

-- The fence: whoever acts writes the revision under which it was elected, and nobody with a lower one acts again.
CREATE TABLE leaders (
    role     text PRIMARY KEY,
    revision bigint NOT NULL,
    holder   text NOT NULL
);
INSERT INTO leaders (role, revision, holder) VALUES ('campaigns', 0, '');

CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    who     text NOT NULL,                     -- admin, device:ID, scheduler:HOLDER
    what    text NOT NULL,                     -- campaign.created, job.SUCCEEDED, ...
    subject text NOT NULL,                     -- campaign:1, job:7, release:DIGEST, device:ID
    why     text NOT NULL DEFAULT ''
);
CREATE INDEX audit_by_subject ON audit (subject, id);
