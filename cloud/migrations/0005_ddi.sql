-- Devices that poll in hawkBit's DDI: what is known of each, made when it gets a token or polls with its certificate.
CREATE TABLE ddi_targets (
    device_id       text PRIMARY KEY REFERENCES devices,
    token_sha256    bytea UNIQUE,              -- null: it comes with its certificate alone
    token_made_at   timestamptz,
    downloads       text NOT NULL DEFAULT 'here' CHECK (downloads IN ('here', 'store')),
    must_confirm    boolean NOT NULL DEFAULT false,
    auto_confirm    jsonb,                     -- {initiator, remark, at} while the device confirms whatever comes
    attributes      jsonb NOT NULL DEFAULT '{}',
    attributes_at   timestamptz,               -- null: it is asked for them
    polled_at       timestamptz
);

-- Jobs to which a device that must confirm has said something; the last word counts.
CREATE TABLE ddi_confirmations (
    job_id    bigint PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    confirmed boolean NOT NULL,
    at        timestamptz NOT NULL,
    details   text NOT NULL DEFAULT ''
);

-- Files as DDI offers them, with the hashes that only it asks for. Made when a device first asks for a release.
CREATE TABLE ddi_artifacts (
    source_key text NOT NULL,                  -- the object of the whole release
    filename   text NOT NULL,
    object_key text NOT NULL,                  -- the object of this file, sha256/HEX
    size       bigint NOT NULL,
    sha1       text NOT NULL,
    md5        text NOT NULL,
    PRIMARY KEY (source_key, filename)
);
