-- What was received of senders other than Trunkline's collector: Fluent Bit, Fluentd, a program's own logger.
--
-- log.delivered_chunk   which of their forward chunks are stored, so that one that comes again isn't stored again

CREATE TABLE log.delivered_chunk (
    stream        uuid        PRIMARY KEY,
    position      bigint      NOT NULL,
    tag           text        NOT NULL,
    delivered_at  timestamptz NOT NULL DEFAULT now()
);

-- The old ones are looked for by their age and removed.
CREATE INDEX delivered_chunk_delivered_at_idx ON log.delivered_chunk (delivered_at);

COMMENT ON TABLE log.delivered_chunk IS
    'Forward chunks of senders other than Trunkline''s collector, stored in the same transaction as their rows: one that is sent again '
    'while it is here is acknowledged and not stored again. Rows are removed when they are older than forward.remember_chunks of the '
    'ingester''s configuration; deleting one sooner is safe when its sender won''t send it again.';

COMMENT ON COLUMN log.delivered_chunk.stream       IS 'the forward chunk: a hash of who sent it, its tag and its chunk id; random where the sender gave no chunk id. The rows'' stream';
COMMENT ON COLUMN log.delivered_chunk.position     IS 'number of its records that are stored; all of them, but while a record is looked for that the database refuses';
COMMENT ON COLUMN log.delivered_chunk.tag          IS 'its tag';
COMMENT ON COLUMN log.delivered_chunk.delivered_at IS 'start of the transaction that stored its first record';

COMMENT ON COLUMN log.postgres.stream IS
    'one log file of one pod, see log.stream; of another sender than Trunkline''s collector one forward chunk, see log.delivered_chunk';
COMMENT ON COLUMN log.postgres.position IS
    'byte offset of the record in its file, or its number in its forward chunk, from 0; (stream, position) is unique over all tables, '
    'and its order is the order in which the server wrote';
COMMENT ON COLUMN log.patroni.stream IS
    'one log file of one pod, see log.stream; of another sender than Trunkline''s collector one forward chunk, see log.delivered_chunk';
COMMENT ON COLUMN log.patroni.position IS
    'byte offset of the record in its file, or its number in its forward chunk, from 0; (stream, position) is unique over all tables, '
    'and its order is the order of the log';
COMMENT ON COLUMN log.component.stream IS
    'one log file of one pod, see log.stream; of another sender than Trunkline''s collector one forward chunk, see log.delivered_chunk';
COMMENT ON COLUMN log.component.position IS
    'byte offset of the record in its file, or its number in its forward chunk, from 0; (stream, position) is unique over all tables, '
    'and its order is the order of the log';
COMMENT ON COLUMN log.component.component IS
    'what wrote it, where that is known: pgbouncer, pgbackrest, the name of a logger; else the tag, where another sender than Trunkline''s collector names no container';
COMMENT ON COLUMN log.component.extra IS 'what the record has beyond these columns, as fields of a JSON log or of another sender''s record';
COMMENT ON COLUMN log.rejected.position IS 'byte offset of the record in its file, or its number in its forward chunk';
COMMENT ON COLUMN log.rejected.path     IS 'the file, or the tag of another sender than Trunkline''s collector';
