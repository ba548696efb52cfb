"""The statements of the scheduler's tick, in their order. Each over all campaigns, each with its own audit rows.

Parameters: `ids` of the campaigns that were RUNNING when the tick began, `now`, `who`, and `limit` of jobs.
"""

from cloud.ota.retries import PENDING

JOBS_AT_ONCE = 10_000

# What was appended by the jobs' triggers is added up.
_FOLD = """
WITH changes AS (DELETE FROM job_changes RETURNING *)
INSERT INTO job_counts AS c
SELECT campaign_id, group_number, action, status, told, deferred, sum(n) FROM changes
GROUP BY campaign_id, group_number, action, status, told, deferred HAVING sum(n) <> 0
ON CONFLICT (campaign_id, group_number, action, status, told, deferred) DO UPDATE SET n = c.n + EXCLUDED.n
"""

# Silence is failure, but only of a device that took the job, and whatever has become of its campaign. One that has
# said why it puts the job off may be silent for longer.
_TIME_OUT = """
WITH silent AS (
    SELECT s.* FROM campaigns c CROSS JOIN LATERAL (
        SELECT j.id, CASE j.deferred WHEN ''
                THEN format('silent for %%s s in step %%s', c.step_timeout_s, coalesce(nullif(j.step, ''), 'none'))
                ELSE format('deferred (%%s), then silent for %%s s', j.deferred, c.deferral_timeout_s) END AS detail
        FROM jobs j
        WHERE j.campaign_id = c.id AND j.status = 'IN_PROGRESS'
            AND j.heard_at <= %(now)s - c.step_timeout_s * interval '1 s'
            AND (j.deferred = '' OR j.heard_at <= %(now)s - c.deferral_timeout_s * interval '1 s')
        LIMIT %(limit)s
    ) s LIMIT %(limit)s
), changed AS (
    UPDATE jobs j SET status = 'TIMED_OUT', ended_at = %(now)s, deferred = '', detail = left(s.detail, 500)
    FROM silent s WHERE j.id = s.id AND j.status = 'IN_PROGRESS' RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.TIMED_OUT', 'job:' || id, detail FROM changed
"""

_REMOVE_LATE = """
WITH late AS (
    SELECT j.id FROM jobs j JOIN campaigns c ON c.id = j.campaign_id
    WHERE c.id = ANY(%(ids)s) AND c.deadline <= %(now)s AND j.status = 'QUEUED' LIMIT %(limit)s
), changed AS (
    UPDATE jobs j SET status = 'REMOVED', ended_at = %(now)s, deferred = '',
        detail = left('not taken before the deadline' || coalesce(': ' || nullif(j.deferred, ''), ''), 500)
    FROM late WHERE j.id = late.id AND j.status = 'QUEUED' RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.REMOVED', 'job:' || id, detail FROM changed
"""

_REMOVE_DECOMMISSIONED = """
WITH changed AS (
    UPDATE jobs j SET status = 'REMOVED', ended_at = %(now)s, deferred = '', detail = 'device decommissioned'
    FROM devices d
    WHERE d.decommissioned_at IS NOT NULL AND d.id = j.device_id AND j.status IN ('QUEUED', 'IN_PROGRESS')
    RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.REMOVED', 'job:' || id, detail FROM changed
"""

# An open-ended group is as large as it has become. It ends with its campaign's deadline, and not before.
_GROW = """
UPDATE campaign_groups g SET size = p.succeeded + p.failed + p.gone + p.active
FROM group_progress p
WHERE (g.campaign_id, g.number) = (p.campaign_id, p.number) AND g.campaign_id = ANY(%(ids)s) AND g.open_ended
    AND g.size <> p.succeeded + p.failed + p.gone + p.active
"""

_REACH = """
UPDATE campaign_groups g SET reached_at = CASE WHEN p.enough THEN %(now)s::timestamptz END
FROM (
    SELECT p.*, p.succeeded >= coalesce(g.success_threshold, c.success_threshold) * (p.size - p.gone)
        AND (NOT g.open_ended OR c.deadline <= %(now)s) AS enough
    FROM campaigns c JOIN group_progress p ON p.campaign_id = c.id
    JOIN campaign_groups g ON (g.campaign_id, g.number) = (p.campaign_id, p.number)
    WHERE c.id = ANY(%(ids)s) AND p.status = 'RUNNING'
) p
WHERE (g.campaign_id, g.number) = (p.campaign_id, p.number) AND p.enough IS DISTINCT FROM (g.reached_at IS NOT NULL)
"""

_SUCCEED_GROUPS = """
WITH changed AS (
    UPDATE campaign_groups g SET status = 'SUCCEEDED'
    FROM group_progress p
    WHERE (g.campaign_id, g.number) = (p.campaign_id, p.number) AND g.campaign_id = ANY(%(ids)s)
        AND g.status = 'RUNNING' AND g.reached_at <= %(now)s - g.soak_s * interval '1 s'
    RETURNING g.campaign_id, g.number, g.name, g.confirm, p.succeeded, p.size
), waits AS (
    UPDATE campaigns c SET status = 'PAUSED',
        reason = format('group %%s succeeded: a person lets the next one go', d.name)
    FROM changed d WHERE d.confirm AND c.id = d.campaign_id
        AND EXISTS (SELECT FROM campaign_groups n WHERE n.campaign_id = c.id AND n.number > d.number)
    RETURNING c.id, c.reason
), paused AS (
    INSERT INTO audit (at, who, what, subject, why)
    SELECT %(now)s, %(who)s, 'campaign.PAUSED', 'campaign:' || id, reason FROM waits
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'group.SUCCEEDED', 'campaign:' || campaign_id,
    format('group %%s: %%s of %%s jobs succeeded', name, succeeded, size) FROM changed
"""

# Also a group that has succeeded may still bring the failures that halt its campaign. A group is `short` by what
# is in the tables now: since the statement before, its last job may have succeeded.
_HALT = f"""
WITH judged AS (
    SELECT p.*, coalesce(g.error_threshold, c.error_threshold) AS error_threshold, c.error_after,
        coalesce(g.success_threshold, c.success_threshold) AS success_threshold, c.deadline <= %(now)s AS late,
        g.open_ended,
        p.succeeded < coalesce(g.success_threshold, c.success_threshold) * (p.size - p.gone) AS short
    FROM campaigns c JOIN group_progress p ON p.campaign_id = c.id
    JOIN campaign_groups g ON (g.campaign_id, g.number) = (p.campaign_id, p.number)
    WHERE c.id = ANY(%(ids)s) AND c.status IN ('RUNNING', 'PAUSED') AND NOT {PENDING}
), reasons AS (
    SELECT campaign_id, number, CASE
        WHEN failed > 0 AND failed >= error_threshold * size
            THEN format('group %%s: %%s of %%s jobs failed, %%s %%%% halt', name, failed, size,
                        trim_scale(error_threshold::numeric * 100))
        WHEN failed > 0 AND succeeded + failed >= error_after AND failed >= error_threshold * (succeeded + failed)
            THEN format('group %%s: %%s of the first %%s jobs failed, %%s %%%% halt', name, failed, succeeded + failed,
                        trim_scale(error_threshold::numeric * 100))
        WHEN status = 'RUNNING' AND short AND active = 0 AND succeeded + failed + gone >= size
                AND (NOT open_ended OR late)
            THEN format('group %%s ended with %%s of %%s jobs succeeded, %%s %%%% are needed', name, succeeded,
                        size, trim_scale(success_threshold::numeric * 100))
        WHEN status <> 'SUCCEEDED' AND short AND active = 0 AND late
            THEN format('deadline passed with group %%s at %%s of %%s jobs succeeded', name, succeeded, size)
        END AS reason
    FROM judged
), changed AS (
    UPDATE campaigns c SET status = 'HALTED', reason = r.reason, ended_at = %(now)s
    FROM (SELECT DISTINCT ON (campaign_id) * FROM reasons WHERE reason IS NOT NULL
          ORDER BY campaign_id, number) r
    WHERE r.campaign_id = c.id
    RETURNING c.id, c.reason
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'campaign.HALTED', 'campaign:' || id, reason FROM changed
"""

# Of all campaigns that were stopped, not only of those of this tick: there may be more jobs than one tick takes back.
_TAKE_BACK = """
WITH left_over AS (
    SELECT q.id, c.status FROM campaigns c CROSS JOIN LATERAL (
        SELECT j.id FROM jobs j WHERE j.campaign_id = c.id AND j.status = 'QUEUED' AND j.action = 'install'
        LIMIT %(limit)s
    ) q
    WHERE c.status IN ('HALTED', 'ABORTED'){only} LIMIT %(limit)s
), changed AS (
    UPDATE jobs j SET status = 'CANCELED', ended_at = %(now)s, deferred = '', detail = 'campaign ' || lower(l.status)
    FROM left_over l WHERE j.id = l.id AND j.status = 'QUEUED' RETURNING j.id, j.detail
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'job.CANCELED', 'job:' || id, detail FROM changed
"""

CANCEL_JOBS = _TAKE_BACK.replace("{only}", " AND c.id = ANY(%(ids)s)")

END_GROUPS = """
WITH changed AS (
    UPDATE campaign_groups g SET status = c.status
    FROM campaigns c
    WHERE c.id = g.campaign_id AND c.id = ANY(%(ids)s) AND c.status IN ('HALTED', 'ABORTED')
        AND g.status IN ('WAITING', 'RUNNING')
    RETURNING g.campaign_id, g.name, g.status
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'group.' || status, 'campaign:' || campaign_id, 'group ' || name FROM changed
"""

# Whoever was updated by a campaign that halted goes back, if the campaign says so, and nothing else is under way.
_BRING_BACK = """
WITH updated AS (
    SELECT u.* FROM campaigns c CROSS JOIN LATERAL (
        SELECT j.campaign_id, j.group_number, j.device_id, j.kind, j.from_version FROM jobs j
        WHERE j.campaign_id = c.id AND j.action = 'install' AND j.status = 'SUCCEEDED' AND j.from_version <> ''
            AND NOT EXISTS (SELECT FROM jobs b WHERE b.campaign_id = c.id AND b.device_id = j.device_id
                AND b.action = 'back')
            AND NOT EXISTS (SELECT FROM jobs a WHERE a.device_id = j.device_id AND a.kind = j.kind
                AND a.status IN ('QUEUED', 'IN_PROGRESS'))
        LIMIT %(limit)s
    ) u
    WHERE c.status = 'HALTED' AND c.rollback AND c.ended_at > %(now)s - interval '30 days'
        AND (SELECT sum(CASE action WHEN 'back' THEN -n ELSE n END) FROM jobs_counted n
             WHERE n.campaign_id = c.id AND (n.action = 'back' OR n.status = 'SUCCEEDED')) > 0
    LIMIT %(limit)s
), made AS (
    INSERT INTO jobs (campaign_id, group_number, device_id, kind, action, from_version, created_at, look_at)
    SELECT campaign_id, group_number, device_id, kind, 'back', from_version, %(now)s, %(now)s FROM updated
    ON CONFLICT DO NOTHING
    RETURNING campaign_id
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'jobs.BACK', 'campaign:' || campaign_id, format('%%s devices go back', count(*))
FROM made GROUP BY campaign_id
"""

_START_GROUPS = """
WITH changed AS (
    UPDATE campaign_groups g SET status = 'RUNNING'
    FROM campaigns c
    WHERE c.id = g.campaign_id AND c.id = ANY(%(ids)s) AND c.status = 'RUNNING' AND g.status = 'WAITING'
        AND NOT EXISTS (SELECT FROM campaign_groups earlier WHERE earlier.campaign_id = g.campaign_id
                        AND earlier.number < g.number AND earlier.status <> 'SUCCEEDED')
    RETURNING g.campaign_id, g.name, g.size
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'group.RUNNING', 'campaign:' || campaign_id,
    format('group %%s: %%s devices', name, size) FROM changed
"""

_SUCCEED_CAMPAIGNS = f"""
WITH changed AS (
    UPDATE campaigns c SET status = 'SUCCEEDED', ended_at = %(now)s
    WHERE c.id = ANY(%(ids)s) AND c.status = 'RUNNING' AND NOT {PENDING}
        AND NOT EXISTS (
            SELECT FROM group_progress p
            WHERE p.campaign_id = c.id AND (p.status <> 'SUCCEEDED' OR p.active > 0
                OR (p.succeeded + p.failed + p.gone < p.size AND (c.deadline > %(now)s) IS NOT FALSE))
        )
    RETURNING c.id
)
INSERT INTO audit (at, who, what, subject, why)
SELECT %(now)s, %(who)s, 'campaign.SUCCEEDED', 'campaign:' || id, '' FROM changed
"""

ENDINGS = (_FOLD, _TIME_OUT, _REMOVE_LATE, _REMOVE_DECOMMISSIONED)
# a failed job that is tried again is none that a group is judged by
JUDGEMENT = (
    _GROW,
    _REACH,
    _SUCCEED_GROUPS,
    _HALT,
    _TAKE_BACK.replace("{only}", ""),
    END_GROUPS,
    _BRING_BACK,
    _START_GROUPS,
)
# then new jobs are made
SUCCESS = (_SUCCEED_CAMPAIGNS,)
