"""The board's three statements, as PostgreSQL reads them."""

# One chain: the project's own, else the organization's default; and the environment asked for, wherever it stands.
COLUMNS = """
WITH chain AS (
  SELECT id FROM environments_chain
  WHERE organization_id = %(organization)s AND (project_id IS NULL OR project_id = %(project)s::uuid)
  ORDER BY project_id NULLS LAST LIMIT 1
), place AS (
  SELECT s.chain_id, s.id AS stage_id, s.name AS stage, s.position, p.position AS within, p.id AS nth, p.environment_id
  FROM environments_stage s JOIN environments_stageenvironment p ON p.stage_id = s.id
  WHERE s.chain_id = (SELECT id FROM chain)
)
SELECT place.chain_id, place.stage_id, place.stage,
  e.id, e.name, e.display_name, e.state, extract(epoch FROM e.state_changed_at)::float8 AS state_since, e.protected,
  e.kind, e.tags
FROM environments_environment e LEFT JOIN place ON place.environment_id = e.id
WHERE e.organization_id = %(organization)s AND e.deleted_at IS NULL
  AND (place.stage_id IS NOT NULL OR e.id = %(environment)s::uuid)
ORDER BY place.position NULLS LAST, place.within, place.nth
"""

OF_STATUS = """CASE %(status)s WHEN 'failed' THEN failed WHEN 'deploying' THEN deploying WHEN 'degraded' THEN degraded
      WHEN 'behind' THEN behind WHEN 'held' THEN held WHEN 'live' THEN live ELSE true END"""
# Every app under the filters with its facts, the counts over them, and one page by keyset. The counts and the page
# come together: `page` hangs on `total`, so that an empty page still has its counts. An app is behind where a release
# is live in the whole of a stage and an older one, or none, in what is shown of the next; both stages are summed up
# first, because comparing cell with cell cost as much as all the rest. Of a cell that which it `says` is counted, in
# the order of `statuses.of_app`, and a hold whatever it says. `which` is another number as soon as other apps are
# counted.
APPS = """
WITH place AS (
  SELECT * FROM unnest(%(environments)s::uuid[], %(places)s::int[], %(shown)s::bool[], %(serving)s::bool[])
    AS p(environment_id, place, shown, serving)
), app AS (
  SELECT a.id, a.name, lower(a.name) AS app_sort, a.project_id, p.key, p.name AS project, lower(p.name) AS project_sort
  FROM projects_app a JOIN projects_project p ON p.id = a.project_id
  WHERE a.organization_id = %(organization)s AND a.archived_at IS NULL
    AND (%(app)s::uuid IS NULL OR a.id = %(app)s::uuid)
    AND p.archived_at IS NULL AND {seen_app}
    AND (a.project_id = %(project)s::uuid OR %(project)s::uuid IS NULL AND NOT EXISTS (
      SELECT 1 FROM environments_chain c WHERE c.project_id = a.project_id))
    AND (%(q)s::text IS NULL OR a.name ILIKE %(q)s OR p.key ILIKE %(q)s OR EXISTS (
      SELECT 1 FROM environments_slot s JOIN environments_deployment d ON d.id = s.live_id
      JOIN projects_release r ON r.id = d.release_id
      WHERE s.app_id = a.id AND {seen_slot} AND (r.version ILIKE %(q)s OR r.commit ILIKE %(q)s)))
), stage AS (
  SELECT p.project_id, place.place, count(*) AS size, count(*) FILTER (WHERE shown) AS shown
  FROM (SELECT DISTINCT project_id FROM app) p CROSS JOIN place
  WHERE place.place > 0 AND {seen_place} GROUP BY p.project_id, place.place
), cell AS (
  SELECT s.app_id, app.project_id, s.environment_id, place.place, place.shown, lr.serial,
    CASE WHEN r.phase IS NOT NULL THEN r.phase WHEN lr.serial IS NULL OR NOT place.serving THEN 'nothing'
      WHEN s.condition <> 'ok' THEN 'degraded'
      WHEN s.observed_at < clock_timestamp() - interval '60 seconds' THEN 'nothing' END AS says,
    h.id IS NOT NULL AS held
  FROM app JOIN environments_slot s ON s.app_id = app.id AND {seen_cell}
  JOIN place ON place.environment_id = s.environment_id
  LEFT JOIN environments_deployment ld ON ld.id = s.live_id LEFT JOIN projects_release lr ON lr.id = ld.release_id
  LEFT JOIN (environments_deployment n
      JOIN environments_run r ON r.deployment_id = n.id AND r.phase NOT IN ('succeeded', 'cancelled'))
    ON n.app_id = s.app_id AND n.environment_id = s.environment_id AND n.number = s.last_number
  LEFT JOIN environments_hold h ON h.slot_id = s.id AND h.lifted_at IS NULL
), fact AS (
  SELECT app_id, bool_or(says IN ('failed', 'errored')) AS failed,
    bool_or(says IN ('queued', 'running')) AS deploying, bool_or(says = 'degraded') AS degraded,
    bool_or(held) AS held, bool_or(serial IS NOT NULL) AS live
  FROM cell WHERE shown GROUP BY app_id
), level AS (
  SELECT app_id, project_id, place, count(*) AS live, min(serial) AS serial,
    count(*) FILTER (WHERE shown) AS shown_live, min(serial) FILTER (WHERE shown) AS shown_serial
  FROM cell WHERE serial IS NOT NULL AND place > 0 GROUP BY app_id, project_id, place
), step AS MATERIALIZED (
  SELECT stage.project_id, stage.place, stage.size, next.shown
  FROM stage JOIN stage next ON next.project_id = stage.project_id AND next.place = stage.place + 1
), climb AS (
  SELECT app_id, project_id, place, live, serial,
    CASE WHEN lead(place) OVER up = place + 1 THEN lead(shown_live) OVER up ELSE 0 END AS next_live,
    CASE WHEN lead(place) OVER up = place + 1 THEN lead(shown_serial) OVER up END AS next_serial
  FROM level WINDOW up AS (PARTITION BY app_id ORDER BY place)
), behind AS (
  SELECT DISTINCT climb.app_id
  FROM climb JOIN step ON step.project_id = climb.project_id AND step.place = climb.place AND step.size = climb.live
  WHERE climb.next_live < step.shown OR climb.next_serial < climb.serial
), known AS (
  SELECT app.*, coalesce(failed, false) AS failed, coalesce(deploying, false) AS deploying,
    coalesce(degraded, false) AS degraded, coalesce(held, false) AS held, coalesce(live, false) AS live,
    behind.app_id IS NOT NULL AS behind, count(*) OVER (PARTITION BY app.project_id) AS project_apps
  FROM app LEFT JOIN fact ON fact.app_id = app.id LEFT JOIN behind ON behind.app_id = app.id
), total AS (
  SELECT count(*) AS count_all, count(*) FILTER (WHERE failed) AS count_failed,
    count(*) FILTER (WHERE deploying) AS count_deploying, count(*) FILTER (WHERE degraded) AS count_degraded,
    count(*) FILTER (WHERE behind) AS count_behind, count(*) FILTER (WHERE held) AS count_held,
    count(*) FILTER (WHERE live) AS count_live,
    sum(uuid_hash_extended(id, 0)) FILTER (WHERE {of_status}) AS which,
    (SELECT jsonb_object_agg(environment_id, n) FROM (
      SELECT environment_id, count(*) AS n FROM cell WHERE serial IS NOT NULL GROUP BY environment_id) c) AS live_in
  FROM known
), page AS (
  SELECT known.* FROM known
  WHERE {of_status}
    AND (NOT %(paging)s OR (project_sort, project_id, app_sort, id)
      > (%(after_project)s::text, %(after_project_id)s::uuid, %(after_app)s::text, %(after_app_id)s::uuid))
  ORDER BY project_sort, project_id, app_sort, id LIMIT %(limit)s
)
SELECT total.*, page.id, page.name, page.app_sort, page.project_id, page.key, page.project, page.project_sort,
  page.project_apps, newest.id AS newest_id, newest.version AS newest_version, newest.serial AS newest_serial
FROM total LEFT JOIN page ON true
LEFT JOIN LATERAL (
  SELECT id, version, serial FROM projects_release WHERE app_id = page.id ORDER BY serial DESC LIMIT 1
) newest ON true
ORDER BY page.project_sort, page.project_id, page.app_sort, page.id
"""

# The page's slots: in the columns, and live in permanent environments beside them. Ids come as text and moments as
# seconds, because hundreds of cells are read at once; of a slot's latest deployment only what has not succeeded.
SLOTS = """
SELECT s.app_id::text, s.environment_id::text, ld.id::text AS live_id, lr.id::text AS release_id, lr.version, lr.commit,
  lr.serial, ld.kind, ld.created_by AS by, ld.bypass, extract(epoch FROM s.live_since)::float8 AS live_since,
  
  CASE WHEN s.observed_at < clock_timestamp() - interval '60 seconds'
    THEN extract(epoch FROM s.observed_at)::float8 END AS unseen_since, s.condition, s.condition_reason,
  extract(epoch FROM s.condition_since)::float8 AS condition_since, s.overtaken,
  h.id::text AS hold_id, h.reason AS hold_reason, extract(epoch FROM h.created_at)::float8 AS hold_since,
  n.kind AS news_kind, n.created_by AS news_by, nr.version AS news_version, nr.commit AS news_commit,
  r.id::text AS run_id, r.phase, r.reason AS run_reason,
  extract(epoch FROM coalesce(r.finished_at, r.started_at, r.created_at))::float8 AS news_since,
  r.cancel_asked_at IS NOT NULL AS cancelling, step.done, step.total, step.failed_step,
  CASE WHEN NOT inside.yes THEN coalesce(nullif(e.display_name, ''), e.name) END AS environment,
  CASE WHEN NOT inside.yes THEN e.state END AS state
FROM environments_slot s JOIN environments_environment e ON e.id = s.environment_id
CROSS JOIN LATERAL (SELECT s.environment_id = ANY(%(environments)s::uuid[]) AS yes) inside
LEFT JOIN environments_deployment ld ON ld.id = s.live_id LEFT JOIN projects_release lr ON lr.id = ld.release_id
LEFT JOIN environments_hold h ON h.slot_id = s.id AND h.lifted_at IS NULL
LEFT JOIN (environments_deployment n
    JOIN environments_run r ON r.deployment_id = n.id AND r.phase NOT IN ('succeeded', 'cancelled')
    LEFT JOIN projects_release nr ON nr.id = n.release_id
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE phase IN ('succeeded', 'skipped')) AS done, count(*) AS total,
        min(name) FILTER (WHERE phase = 'failed') AS failed_step
      FROM environments_runstep t WHERE t.run_id = r.id AND t.attempt = r.attempt
    ) step)
  ON n.app_id = s.app_id AND n.environment_id = s.environment_id AND n.number = s.last_number
WHERE s.app_id = ANY(%(apps)s::uuid[]) AND e.deleted_at IS NULL
  AND (inside.yes OR s.live_id IS NOT NULL AND e.kind = 'permanent')
ORDER BY e.name
"""
