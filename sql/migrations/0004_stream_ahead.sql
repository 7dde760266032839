-- What is stored of a stream beyond its position.

ALTER TABLE log.stream ADD COLUMN ahead int8multirange;

COMMENT ON COLUMN log.stream.ahead IS
    'byte ranges above position whose records are stored too: their sender keeps no order (Fluent Bit). A hole between them is on its way, '
    'or was lost by its sender; NULL when there are none';
COMMENT ON COLUMN log.stream.position IS
    'byte offset in the file up to which all records are stored';
COMMENT ON TABLE log.stream IS
    'How far each log file has been stored. The position moves in the same transaction that stores the rows: '
    'everything below it is in log.postgres, log.patroni, log.component or log.rejected, and above it what "ahead" says and nothing else. '
    'Deleting a row is safe when its file is gone; for a file that still exists it leads to doubled rows.';
