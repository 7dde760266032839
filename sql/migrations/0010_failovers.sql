-- Which server of a cluster took over, and when.
--
-- log.role_change  when a pod's role became another one, as far as collectors say roles
-- log.failover     who became the leader: what Patroni wrote about it, else what role_change has

CREATE TABLE log.role_change (
    changed_at  timestamptz NOT NULL DEFAULT now(),
    namespace   text,
    cluster     text,
    pod         text,
    role        text,
    was         text
);

CREATE INDEX role_change_changed_at_idx ON log.role_change (changed_at);

COMMENT ON TABLE log.role_change IS
    'Changes of a pod''s role. Each log file of a pod says its pod''s role, so one change may stand here several times, some seconds apart.';
COMMENT ON COLUMN log.role_change.changed_at IS 'when the first row with the new role was stored';
COMMENT ON COLUMN log.role_change.role       IS 'what it became';

-- A stream that is new is compared with the last one of its pod: a log file may be rotated while the role changes.
CREATE FUNCTION log.note_role() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := OLD.role;
    ELSE
        SELECT s.role INTO before FROM log.stream AS s
        WHERE s.pod = NEW.pod AND (s.namespace, s.cluster) IS NOT DISTINCT FROM (NEW.namespace, NEW.cluster) AND s.stream <> NEW.stream
        ORDER BY s.last_seen DESC LIMIT 1;
    END IF;
    IF before <> NEW.role THEN
        INSERT INTO log.role_change (namespace, cluster, pod, role, was)
        VALUES (NEW.namespace, NEW.cluster, NEW.pod, NEW.role, before);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION log.note_role IS 'Writes down in log.role_change that a pod has another role than before';

CREATE TRIGGER note_role_of_new AFTER INSERT ON log.stream
    FOR EACH ROW WHEN (NEW.role IS NOT NULL AND NEW.pod IS NOT NULL) EXECUTE FUNCTION log.note_role();
CREATE TRIGGER note_role AFTER UPDATE OF role ON log.stream
    FOR EACH ROW WHEN (OLD.role <> NEW.role AND NEW.pod IS NOT NULL) EXECUTE FUNCTION log.note_role();

-- Few rows have such a message, so it costs nothing to find them in years of logs.
CREATE INDEX patroni_promotion_idx ON log.patroni (log_time)
    WHERE message LIKE 'promoted self to % by acquiring session lock%';

CREATE VIEW log.failover WITH (security_invoker = true) AS
WITH patroni AS (
    SELECT p.log_time, p.namespace, p.cluster, p.pod, p.role FROM log.patroni AS p
    WHERE p.message LIKE 'promoted self to % by acquiring session lock%'
), changed AS (
    SELECT c.changed_at, c.namespace, c.cluster, c.pod, c.role,
           lag(c.role) OVER (PARTITION BY c.namespace, c.cluster, c.pod ORDER BY c.changed_at) AS before
    FROM log.role_change AS c
)
SELECT p.log_time AS at, p.namespace, p.cluster, p.pod, p.role, 'patroni' AS source FROM patroni AS p
UNION ALL
SELECT c.changed_at, c.namespace, c.cluster, c.pod, c.role, 'role' FROM changed AS c
WHERE c.role IN ('primary', 'standby_leader') AND c.before IS DISTINCT FROM c.role
AND NOT EXISTS (
    SELECT FROM patroni AS p
    WHERE (p.namespace, p.cluster, p.pod) IS NOT DISTINCT FROM (c.namespace, c.cluster, c.pod)
    AND p.log_time BETWEEN c.changed_at - INTERVAL '15 minutes' AND c.changed_at + INTERVAL '5 minutes');

COMMENT ON VIEW log.failover IS
    'When which pod became the leader of its cluster. The first leader of a cluster is here too, where Patroni wrote about it.';
COMMENT ON COLUMN log.failover.at     IS 'when Patroni wrote it, or when the first row with the new role was stored';
COMMENT ON COLUMN log.failover.role   IS 'as the collector gave it at that moment, which may be the one before';
COMMENT ON COLUMN log.failover.source IS 'patroni: its log says so; role: the role that the collector gave';

ALTER TABLE log.role_change ENABLE ROW LEVEL SECURITY;
