-- Groups and labels, certificates that follow one another, revocation, factories, twins and commands.

ALTER TABLE devices
    ADD COLUMN group_name        text NOT NULL DEFAULT '',  -- '': in none
    ADD COLUMN decommissioned_at timestamptz;
CREATE INDEX devices_by_group ON devices (group_name, id);

CREATE TABLE device_labels (
    device_id text NOT NULL REFERENCES devices ON DELETE CASCADE,
    name      text NOT NULL,
    value     text NOT NULL,
    PRIMARY KEY (device_id, name)
);
CREATE INDEX device_labels_by_value ON device_labels (name, value, device_id);

ALTER TABLE claims ADD COLUMN group_name text NOT NULL DEFAULT '';  -- where the device goes when it enrols
CREATE INDEX claims_by_device ON claims (device_id) WHERE used_at IS NULL;

ALTER TABLE certificates
    ADD COLUMN replaces    text REFERENCES certificates,  -- the one it was asked for with
    ADD COLUMN used_at     timestamptz,                   -- when the device first said that it works
    ADD COLUMN revoked_why text NOT NULL DEFAULT '';
CREATE INDEX certificates_revoked ON certificates (expires_at) WHERE revoked_at IS NOT NULL;

-- The one revocation list in force. Each new one has the next number.
CREATE TABLE revocation_list (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    number    bigint NOT NULL,
    issued_at timestamptz,  -- null: none was issued yet
    der       bytea
);
INSERT INTO revocation_list (number) VALUES (0);

CREATE TABLE factory_authorities (
    name       text PRIMARY KEY,
    sha256     bytea NOT NULL UNIQUE,  -- of the certificate
    der        bytea NOT NULL,
    board      text,                   -- null: any board
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- What a device's settings should be, and what it says of them.
CREATE TABLE twins (
    device_id        text PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    desired          jsonb NOT NULL DEFAULT '{}',
    version          bigint NOT NULL DEFAULT 0,  -- of desired; each change has the next
    desired_at       timestamptz,
    sent_version     bigint NOT NULL DEFAULT 0,  -- that the broker keeps for the device
    reported         jsonb NOT NULL DEFAULT '{}',
    reported_version bigint NOT NULL DEFAULT 0,  -- the desired version that the device has applied
    refused          jsonb NOT NULL DEFAULT '{}',  -- setting: why not
    reported_at      timestamptz
);
CREATE INDEX twins_to_send ON twins (device_id) WHERE sent_version < version;

CREATE TABLE commands (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id  text NOT NULL REFERENCES devices ON DELETE CASCADE,
    name       text NOT NULL,
    status     text NOT NULL DEFAULT 'QUEUED' CHECK (status IN
        ('QUEUED', 'SUCCEEDED', 'FAILED', 'REJECTED', 'TIMED_OUT', 'CANCELED')),
    detail     text NOT NULL DEFAULT '',
    result     jsonb,
    asked_by   text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sent_at    timestamptz,  -- last; again while there is no answer
    ended_at   timestamptz
);
CREATE INDEX commands_by_device ON commands (device_id, id DESC);
CREATE INDEX commands_queued ON commands (expires_at) WHERE status = 'QUEUED';
