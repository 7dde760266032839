-- A fleet that had a bad hour: what the console's tests look at, and what its pictures show.

SELECT setseed(0.42);

-- Who leads: the first pod of each cluster, but of orders another one for 19 minutes.
CREATE FUNCTION pg_temp.leader(cluster text, at timestamptz) RETURNS int LANGUAGE sql AS
$$ SELECT CASE WHEN cluster = 'orders' AND at > now() - interval '19 minutes' THEN 1 ELSE 0 END $$;
CREATE FUNCTION pg_temp.role(cluster text, n int, at timestamptz) RETURNS text LANGUAGE sql AS
$$ SELECT CASE n WHEN pg_temp.leader(cluster, at) THEN 'primary' ELSE 'replica' END $$;

CREATE TEMP TABLE pods AS
SELECT namespace, cluster, cluster || '-' || n AS pod, pg_temp.role(cluster, n, now()) AS role,
       md5(cluster || n)::uuid AS stream, n
FROM (VALUES ('shop', 'orders', 3), ('shop', 'payments', 2), ('billing', 'ledger', 2), ('analytics', 'warehouse', 1)) AS c (namespace, cluster, size),
     LATERAL generate_series(0, size - 1) AS n;

INSERT INTO log.stream (stream, position, namespace, cluster, pod, container, node, role, path)
SELECT stream, 10000000, namespace, cluster, pod, 'postgres', 'node-' || (n + 1), role, '/var/log/postgresql/postgresql.csv' FROM pods;

CREATE TEMP TABLE kinds (weight int, severity log.severity, state text, message text, detail text, hint text, context text, query text, query_pos int, backend text);
INSERT INTO kinds VALUES
(60, 'LOG', '00000', 'duration: 12.482 ms  execute <unnamed>: SELECT id, status, total FROM orders WHERE customer_id = $1 AND created_at > now() - interval ''30 days'' ORDER BY created_at DESC LIMIT 50', 'Parameters: $1 = ''48213''', NULL, NULL, NULL, NULL, 'client backend'),
(60, 'LOG', '00000', 'statement: UPDATE inventory SET reserved = reserved + 1 WHERE sku = ''A-4711'' RETURNING available', NULL, NULL, NULL, NULL, NULL, 'client backend'),
(30, 'LOG', '00000', E'statement: INSERT INTO audit.event (actor, action, payload)\nVALUES (''api'', ''checkout'', ''{"cart": 17}''::jsonb)\nON CONFLICT DO NOTHING', NULL, NULL, NULL, NULL, NULL, 'client backend'),
(14, 'LOG', '00000', 'connection authorized: user=app database=shop application_name=checkout SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)', NULL, NULL, NULL, NULL, NULL, 'client backend'),
(6, 'LOG', '00000', 'checkpoint complete: wrote 8213 buffers (50.1%); 0 WAL file(s) added, 2 removed, 11 recycled; write=53.901 s, sync=0.014 s, total=53.938 s', NULL, NULL, NULL, NULL, NULL, 'checkpointer'),
(4, 'LOG', '00000', 'automatic vacuum of table "shop.public.orders": index scans: 1, pages: 0 removed, 18231 remain, 2042 scanned (11.20% of total)', NULL, NULL, NULL, NULL, NULL, 'autovacuum worker'),
(3, 'NOTICE', '42P07', 'relation "session_cache" already exists, skipping', NULL, NULL, NULL, NULL, NULL, 'client backend'),
(3, 'WARNING', '01000', 'there is already a transaction in progress', NULL, NULL, NULL, NULL, NULL, 'client backend'),
(7, 'ERROR', '23505', 'duplicate key value violates unique constraint "payment_idempotency_key"', 'Key (idempotency_key)=(b7c1-4f0e) already exists.', NULL, NULL, 'INSERT INTO payment (order_id, amount, idempotency_key) VALUES (48213, 129.90, ''b7c1-4f0e'')', NULL, 'client backend'),
(5, 'ERROR', '57014', 'canceling statement due to statement timeout', NULL, NULL, 'PL/pgSQL function report.daily(date) line 12 at RETURN QUERY', 'SELECT * FROM report.daily(''2026-11-01'')', NULL, 'client backend'),
(3, 'ERROR', '42703', 'column "totl" does not exist', NULL, 'Perhaps you meant to reference the column "orders.total".', NULL, 'SELECT id, totl FROM orders WHERE id = 7', 12, 'client backend'),
(2, 'ERROR', '40P01', 'deadlock detected', E'Process 4711 waits for ShareLock on transaction 88213; blocked by process 4720.\nProcess 4720 waits for ShareLock on transaction 88209; blocked by process 4711.\nProcess 4711: UPDATE account SET balance = balance - 10 WHERE id = 1\nProcess 4720: UPDATE account SET balance = balance + 10 WHERE id = 2', 'See server log for query details.', 'while updating tuple (12,7) in relation "account"', 'UPDATE account SET balance = balance - 10 WHERE id = 1', NULL, 'client backend'),
(2, 'FATAL', '28P01', 'password authentication failed for user "reporting"', 'Connection matched file "/etc/postgresql/pg_hba.conf" line 97: "host all all 10.0.0.0/8 scram-sha-256"', NULL, NULL, NULL, NULL, 'client backend'),
(1, 'LOG', '00000', E'duration: 1843.512 ms  plan:\nQuery Text: SELECT c.name, sum(o.total) FROM customer c JOIN orders o ON o.customer_id = c.id WHERE o.created_at > now() - interval ''7 days'' GROUP BY c.name\nHashAggregate  (cost=21875.41..21902.66 rows=2180 width=44) (actual time=1838.113..1841.902 rows=2204 loops=1)\n  Group Key: c.name\n  Batches: 1  Memory Usage: 721kB\n  ->  Nested Loop  (cost=0.71..21611.09 rows=52864 width=18) (actual time=0.093..1402.555 rows=611204 loops=1)\n        ->  Seq Scan on orders o  (cost=0.00..14210.00 rows=52864 width=12) (actual time=0.041..620.377 rows=611204 loops=1)\n              Filter: (created_at > (now() - ''7 days''::interval))\n              Rows Removed by Filter: 88796\n        ->  Index Scan using customer_pkey on customer c  (cost=0.42..0.14 rows=1 width=14) (actual time=0.001..0.001 rows=1 loops=611204)\n              Index Cond: (id = o.customer_id)', NULL, NULL, NULL, NULL, NULL, 'client backend');

CREATE TEMP TABLE pool AS
SELECT row_number() OVER () - 1 AS n, k.* FROM kinds AS k, LATERAL generate_series(1, k.weight);

INSERT INTO log.postgres (log_time, namespace, cluster, pod, container, node, role, user_name, database_name, process_id, connection_from, session_id,
    session_line_num, command_tag, session_start_time, virtual_transaction_id, transaction_id, error_severity, sql_state_code, message, detail, hint, context,
    query, query_pos, application_name, backend_type, query_id, stream, position)
SELECT t.at, p.namespace, p.cluster, p.pod, 'postgres', 'node-' || (p.n + 1), pg_temp.role(p.cluster, p.n, t.at),
    (ARRAY['app', 'app', 'api', 'reporting', 'migrator'])[1 + i % 5], (ARRAY['shop', 'shop', 'billing', 'dwh'])[1 + i % 4],
    4000 + i % 37, '10.0.3.' || i % 20 || ':5' || (1000 + i % 900), '6741c2f0.' || to_hex(4000 + i % 37), i / 37, 'SELECT', now() - interval '2 hours',
    '3/' || i, CASE WHEN i % 3 = 0 THEN 88000 + i ELSE 0 END, k.severity, k.state, k.message, k.detail, k.hint, k.context, k.query, k.query_pos,
    (ARRAY['checkout', 'checkout', 'catalog', 'psql'])[1 + i % 4], k.backend, 4242424242 + i % 11, p.stream, i * 400
FROM (SELECT i, date_trunc('milliseconds', now() - interval '1 hour' * power(random(), 1.3) - interval '1 second') AS at FROM generate_series(1, 9000) AS i) AS t
JOIN pods AS p ON p.pod = (ARRAY['orders-0', 'orders-0', 'orders-0', 'orders-1', 'orders-2', 'payments-0', 'payments-0', 'payments-1', 'ledger-0', 'ledger-1', 'warehouse-0'])[1 + (i * 7919) % 11]
JOIN pool AS k ON k.n = (i * 104729) % (SELECT count(*) FROM pool);

-- Twenty minutes ago the primary ran out of connections, died, and another server took over.
INSERT INTO log.postgres (log_time, namespace, cluster, pod, role, error_severity, sql_state_code, message, backend_type, user_name, database_name, stream, position)
SELECT now() - interval '20 minutes' + interval '40 milliseconds' * i, 'shop', 'orders', 'orders-0', 'primary', 'FATAL', '53300',
    'sorry, too many clients already', 'client backend', 'app', 'shop', stream, 5000000 + i FROM pods, generate_series(1, 700) AS i WHERE pod = 'orders-0';
INSERT INTO log.postgres (log_time, namespace, cluster, pod, role, error_severity, sql_state_code, message, backend_type, stream, position)
SELECT now() - interval '19 minutes 20 seconds', 'shop', 'orders', 'orders-0', 'primary', 'PANIC', '53100',
    'could not write to file "pg_wal/xlogtemp.1187": No space left on device', 'walwriter', stream, 6000000 FROM pods WHERE pod = 'orders-0';

-- Twice before, and often since: what becomes more.
INSERT INTO log.postgres (log_time, namespace, cluster, pod, role, error_severity, sql_state_code, message, backend_type, user_name, database_name, stream, position)
SELECT now() - CASE WHEN i <= 2 THEN interval '50 minutes' ELSE interval '25 minutes' END + interval '20 seconds' * i, 'shop', 'payments', 'payments-0', 'primary',
    'ERROR', '55P03', 'canceling statement due to lock timeout', 'client backend', 'api', 'shop', stream, 5000000 + i
FROM pods, generate_series(1, 42) AS i WHERE pod = 'payments-0';

INSERT INTO log.patroni (log_time, namespace, cluster, pod, role, error_severity, logger, process_id, message, stream, position)
SELECT t.at, p.namespace, p.cluster, p.pod, pg_temp.role(p.cluster, p.n, t.at), 'INFO', 'patroni.ha', 17,
    CASE p.n WHEN pg_temp.leader(p.cluster, t.at) THEN 'no action. I am (' || p.pod || '), the leader with the lock'
    ELSE 'no action. I am (' || p.pod || '), a secondary, and following a leader (' || p.cluster || '-' || pg_temp.leader(p.cluster, t.at) || ')' END,
    md5(p.pod || 'patroni')::uuid, i * 100
FROM pods AS p, (SELECT i, now() - interval '1 hour' + interval '10 seconds' * i AS at FROM generate_series(0, 359) AS i) AS t;
INSERT INTO log.patroni (log_time, namespace, cluster, pod, role, error_severity, logger, process_id, message, stream, position)
SELECT now() - ago, p.namespace, p.cluster, p.pod, 'replica', 'INFO', 'patroni.ha', 17, 'promoted self to leader by acquiring session lock', md5(p.pod || 'patroni')::uuid, 900000 + row_number() OVER ()
FROM (VALUES ('orders-1', interval '19 minutes'), ('orders-0', interval '6 days'), ('orders-2', interval '6 days 5 hours'), ('payments-1', interval '2 days 3 hours'), ('payments-0', interval '2 days'), ('ledger-0', interval '13 days')) AS f (pod, ago)
JOIN pods AS p ON p.pod = f.pod;

INSERT INTO log.rejected (received_at, stream, position, namespace, cluster, pod, path, reason, raw)
SELECT now() - interval '7 minutes' * i, stream, 7000000 + i, namespace, cluster, pod, '/var/log/postgresql/postgresql.csv',
    'a quote opens in the middle of a field', convert_to('2026-11-22 22:46:1"9.715 UTC,"app","shop",47' || chr(10) || 'SELECT <b>1</b>', 'UTF8')
FROM pods, generate_series(1, 3) AS i WHERE pod = 'ledger-0';

UPDATE log.retention SET max_age = '30 days', max_bytes = 500e9 WHERE namespace IS NULL AND cluster IS NULL;
INSERT INTO log.retention (namespace, cluster, max_age) VALUES ('billing', 'ledger', '1 year');

SELECT log.recount();
ANALYZE log.postgres;
