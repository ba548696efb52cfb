-- oldest: 0006
-- People who sign in, their sessions, what a change was from and to, and what the fleet is listed and counted by.
-- All of it is added: a process of the version before goes on beside it.

CREATE TABLE users (
    name          text PRIMARY KEY,
    password_hash text,                        -- argon2; null: by link or by the identity provider alone
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    subject       text UNIQUE,                 -- at the identity provider: ISSUER SUBJECT
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz
);

-- A session's token is a bearer token like any other. Only its hash is kept.
CREATE TABLE sessions (
    sha256     bytea PRIMARY KEY,
    user_name  text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);

-- A link signs one person in, once.
CREATE TABLE sign_in_links (
    sha256     bytea PRIMARY KEY,
    user_name  text NOT NULL REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

-- The last state of each device, as lists are filtered and charts are counted by it. Kept by registration, and only
-- when something has changed by more than a chart shows; rows are changed in place.
CREATE TABLE device_states (
    device_id   text PRIMARY KEY,
    state       text NOT NULL,
    vbat_mv     integer,
    soc_pct     integer,
    temp_decic  integer,
    slot        text NOT NULL,
    received_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX device_states_by_state ON device_states (state, device_id);

CREATE INDEX presence_online ON presence (device_id) WHERE online;
CREATE INDEX devices_by_app ON devices (app_version, id);
CREATE INDEX devices_by_runtime ON devices (runtime_version, id);
CREATE INDEX events_by_kind ON events (kind, id);
CREATE INDEX campaigns_by_release ON campaigns (release_digest, id);

-- What a change was from and to. The row's `why` ends in a hash of both (cloud/db.py), so that the chain covers them.
ALTER TABLE audit ADD COLUMN before jsonb, ADD COLUMN after jsonb;
CREATE INDEX audit_of_people ON audit (id) WHERE who NOT LIKE 'device:%' AND who NOT LIKE 'scheduler:%';
CREATE INDEX audit_by_who ON audit (who, id);

CREATE OR REPLACE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seal IS NULL
        AND (NEW.id, NEW.at, NEW.who, NEW.what, NEW.subject, NEW.why)
            = (OLD.id, OLD.at, OLD.who, OLD.what, OLD.subject, OLD.why)
        AND (NEW.before, NEW.after) IS NOT DISTINCT FROM (OLD.before, OLD.after) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to';
END $$;
