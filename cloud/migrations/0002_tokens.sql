-- Bearer tokens of people and programs. Only a token's hash is kept.
CREATE TABLE tokens (
    name       text PRIMARY KEY,
    sha256     bytea NOT NULL UNIQUE,
    role       text NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin', 'publisher')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
