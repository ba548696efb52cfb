"""The statements that lists and pages are read with. Each has its index; none counts off what it leaves out."""

from typing import Any

from cloud.db import WHY

DEVICES = """
SELECT d.id, d.board, d.app_version, d.runtime_version, d.group_name AS "group", d.enrolled_at, d.decommissioned_at,
    coalesce(p.online, false) AS online, p.since, p.received_at AS seen_at, t.polled_at, s.state, s.vbat_mv, s.soc_pct,
    s.temp_decic, s.slot
FROM devices d
LEFT JOIN presence p ON p.device_id = d.id
LEFT JOIN device_states s ON s.device_id = d.id
LEFT JOIN ddi_targets t ON t.device_id = d.id
"""

LABELS_COUNTED = """
SELECT name, value, count(*)::integer AS devices FROM device_labels GROUP BY name, value
ORDER BY devices DESC, name, value LIMIT 200
"""

RELEASES = """
SELECT digest, kind, name, version, security_version, boards, size, signed_by, status, status_why, published_at,
    convert_from(manifest, 'UTF8')::jsonb -> 'requires' AS requires
FROM releases
"""

RELEASES_OF = """
WHERE (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY published_at DESC, digest LIMIT %(limit)s
"""

CAMPAIGN = """
SELECT c.id, r.kind, c.status, c.reason, c.release_digest, c.filter, c.success_threshold, c.error_threshold,
    c.error_after, c.step_timeout_s, c.deferral_timeout_s, c.forced, c.retries, c.rollback, c.deadline, c.created_by,
    c.created_at, c.ended_at, c.approvals AS approvals_needed
FROM campaigns c JOIN releases r ON r.digest = c.release_digest
"""

CAMPAIGNS = f"""{CAMPAIGN}
WHERE (%(before)s::bigint IS NULL OR c.id < %(before)s) AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)
    AND (%(statuses)s::text[] IS NULL OR c.status = ANY(%(statuses)s))
ORDER BY c.id DESC LIMIT %(limit)s
"""

# `not_reached`: never told, because they were never there.
GROUPS = """
SELECT g.campaign_id AS campaign, g.number, g.name, g.status, g.size,
    coalesce(g.success_threshold, c.success_threshold) AS success_threshold,
    coalesce(g.error_threshold, c.error_threshold) AS error_threshold, g.soak_s, g.rate_per_min,
    to_char(g.window_from, 'HH24:MI') AS window_start, to_char(g.window_to, 'HH24:MI') AS window_end,
    g.confirm, g.open_ended,
    CASE g.status WHEN 'RUNNING' THEN g.reached_at + g.soak_s * interval '1 s' END AS soaks_until,
    coalesce(j.jobs, '{}') AS jobs, coalesce(j.back, '{}') AS back,
    coalesce(j.not_reached, 0)::integer AS not_reached, coalesce(j.deferred, 0)::integer AS deferred
FROM campaign_groups g JOIN campaigns c ON c.id = g.campaign_id
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(status, n) FILTER (WHERE action = 'install' AND n > 0) AS jobs,
        jsonb_object_agg(status, n) FILTER (WHERE action = 'back' AND n > 0) AS back,
        sum(not_reached) AS not_reached, sum(deferred) AS deferred
    FROM (
        SELECT action, status, sum(n) AS n, sum(n) FILTER (WHERE status = 'QUEUED' AND NOT told) AS not_reached,
            sum(n) FILTER (WHERE deferred) AS deferred
        FROM jobs_counted WHERE campaign_id = g.campaign_id AND group_number = g.number GROUP BY action, status
    ) by_status
) j ON true
WHERE g.campaign_id = ANY(%s)
ORDER BY g.campaign_id, g.number
"""

APPROVALS = "SELECT campaign_id, who, digest, at, why FROM approvals WHERE campaign_id = ANY(%s) ORDER BY at"

FAILURES = """
SELECT coalesce(nullif(detail, ''), 'without a word') AS reason, status, count(*)::integer AS devices,
    min(device_id) AS example
FROM jobs WHERE campaign_id = %s AND status IN ('FAILED', 'TIMED_OUT', 'REJECTED') AND action = 'install'
GROUP BY detail, status ORDER BY devices DESC, reason LIMIT %s
"""

JOB = """
SELECT j.id, j.campaign_id, j.device_id, g.name AS "group", j.group_number, j.kind, j.action, j.attempt, j.status,
    j.step, j.progress_pct, j.detail, j.deferred, j.from_version, j.created_at, j.notified_at, j.heard_at, j.ended_at
FROM jobs j JOIN campaign_groups g ON g.campaign_id = j.campaign_id AND g.number = j.group_number
"""

JOBS = f"""{JOB}
WHERE j.campaign_id = %(campaign)s
    AND (%(after)s::bigint[] IS NULL
        OR (j.group_number, j.id) > ((%(after)s::bigint[])[1], (%(after)s::bigint[])[2]))
    AND (%(statuses)s::text[] IS NULL OR j.status = ANY(%(statuses)s))
    AND (%(group)s::integer IS NULL OR j.group_number = %(group)s)
ORDER BY j.group_number, j.id LIMIT %(limit)s
"""

ALL_JOBS = f"""{JOB}
WHERE %(before)s::bigint IS NULL OR j.id < %(before)s ORDER BY j.id DESC LIMIT %(limit)s
"""

EVENT = "SELECT id, device_id, received_at AS at, kind, body FROM events"

EVENTS = f"""{EVENT}
WHERE (%(before)s::bigint IS NULL OR id < %(before)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY id DESC LIMIT %(limit)s
"""

EVENTS_OF = f"""{EVENT}
WHERE device_id = %(device)s AND (%(before)s::bigint IS NULL OR id < %(before)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY id DESC LIMIT %(limit)s
"""

TIMELINE = f"""
SELECT at, kind, title, detail, who FROM (
    (SELECT received_at AS at, kind,
        CASE kind WHEN 'transition' THEN coalesce(body->>'to', kind) ELSE kind END AS title,
        coalesce((SELECT string_agg(key || ' ' || value, ', ' ORDER BY key)
            FROM jsonb_each_text(body - 'v' - 'kind' - 'at' - CASE kind WHEN 'transition' THEN 'to' ELSE '' END)), '')
            AS detail, 'device:' || device_id AS who
     FROM events WHERE device_id = %(device)s AND (%(before)s::timestamptz IS NULL OR received_at < %(before)s)
     ORDER BY id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT coalesce(j.ended_at, j.heard_at, j.created_at), 'job', r.name || ' ' || r.version || ' ' || j.status,
        concat_ws(': ', 'campaign ' || j.campaign_id, nullif(trim(concat_ws(' ', j.step, j.detail)), '')), ''
     FROM jobs j JOIN campaigns c ON c.id = j.campaign_id JOIN releases r ON r.digest = c.release_digest
     WHERE j.device_id = %(device)s
        AND (%(before)s::timestamptz IS NULL OR coalesce(j.ended_at, j.heard_at, j.created_at) < %(before)s)
     ORDER BY 1 DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT coalesce(ended_at, created_at), 'command', name || ' ' || status, detail, asked_by
     FROM commands WHERE device_id = %(device)s
        AND (%(before)s::timestamptz IS NULL OR coalesce(ended_at, created_at) < %(before)s)
     ORDER BY id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT at, 'audit', what, {WHY}, who
     FROM audit WHERE subject = 'device:' || %(device)s::text AND what NOT LIKE 'command.%%'
        AND (%(before)s::timestamptz IS NULL OR at < %(before)s)
     ORDER BY id DESC LIMIT %(limit)s)
) all_of_them
ORDER BY at DESC LIMIT %(limit)s
"""

HISTORY = """
SELECT to_timestamp(extract(epoch FROM %(start)s::timestamptz)
        + (stretch - 1) * extract(epoch FROM %(end)s::timestamptz - %(start)s::timestamptz) / %(points)s) AS at,
    (array_agg(state ORDER BY received_at DESC))[1] AS state, avg(vbat_mv)::float AS vbat_mv,
    avg(soc_pct)::float AS soc_pct, avg(temp_decic)::float AS temp_decic, max(temp_decic) AS temp_decic_max,
    avg(mem_free)::float AS mem_free, count(*)::integer AS heartbeats
FROM (
    SELECT *, width_bucket(extract(epoch FROM received_at), extract(epoch FROM %(start)s::timestamptz),
        extract(epoch FROM %(end)s::timestamptz), %(points)s) AS stretch
    FROM heartbeats
    WHERE device_id = %(device)s AND received_at >= %(start)s AND received_at < %(end)s
) cut
GROUP BY stretch ORDER BY stretch
"""


def job_key(row: dict) -> str:
    return f"{row['group_number']}.{row['id']}"


def audit(who: str | None, what: str | None, subject: str | None, people: bool) -> tuple[str, dict[str, Any]]:
    """(statement, its parameters but before and limit). Only what is asked for is in it, so that its index is taken."""
    given = {"who": who, "what": what and _like(what), "subject": subject}
    conditions = [_AUDIT_BY[name] for name, value in given.items() if value is not None]
    conditions += [_PEOPLE] if people else []
    also = "".join(f" AND {each}" for each in conditions)
    return _AUDIT.format(also=also, why=WHY), {
        name: value for name, value in given.items() if value is not None
    }


def _like(start: str) -> str:
    return start.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"


_AUDIT_BY = {"who": "who = %(who)s", "what": "what LIKE %(what)s", "subject": "subject = %(subject)s"}
_PEOPLE = "who NOT LIKE 'device:%%' AND who NOT LIKE 'scheduler:%%'"

_AUDIT = """
SELECT id, seal, at, who, what, subject, {why} AS why, before, after FROM audit
WHERE (%(before)s::bigint IS NULL OR id < %(before)s){also}
ORDER BY id DESC LIMIT %(limit)s
"""
