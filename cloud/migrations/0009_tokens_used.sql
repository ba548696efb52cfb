-- oldest: 0008
-- When a program last showed its token, to the minute: an admin sees which ones nobody needs any more.
ALTER TABLE tokens ADD COLUMN used_at timestamptz;
