// Enough of SQL's lexical rules to colour a statement in a log: the editor's parser would be ten times as large.

import type { Segment } from "./inert";

const WORDS = new Set(
  (
    "select from where and or not null is in like ilike between exists case when then else end as on using join left right full inner outer cross " +
    "lateral natural group by having order asc desc nulls first last limit offset fetch union intersect except all distinct values insert into " +
    "update set delete returning with recursive create table index view materialized function procedure trigger schema database role user " +
    "alter add column drop constraint primary key foreign references unique check default cascade restrict grant revoke to begin commit rollback " +
    "savepoint release prepare execute deallocate explain analyze verbose vacuum truncate copy cluster reindex lock listen notify checkpoint " +
    "true false interval timestamp timestamptz date time text integer bigint int numeric boolean jsonb json uuid cast over partition filter " +
    "window rows range for if replace temporary temp unlogged language returns declare cursor conflict do nothing extension publication " +
    "subscription transaction isolation level serializable repeatable read committed show reset discard call merge matched"
  ).split(" "),
);

const TOKEN =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|((?:[eEbBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\3\$|$))|("(?:[^"]|"")*(?:"|$))|(\$\d+)|(\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|([A-Za-z_]\w*)/g;
const KINDS = ["comment", "string", "", "name", "parameter", "number", "word"];

export function sqlSegments(text: string): Segment[] {
  const segments: Segment[] = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) segments.push({ text: plain, kind: "" });
    plain = "";
  };
  for (const match of text.matchAll(TOKEN)) {
    plain += text.slice(at, match.index);
    at = match.index + match[0].length;
    const group = match.slice(1).findIndex((part, index) => part !== undefined && index !== 2);
    const kind = KINDS[group] ?? "";
    if (kind === "name" || (kind === "word" && !WORDS.has(match[0].toLowerCase()))) {
      plain += match[0];
    } else {
      flush();
      segments.push({ text: match[0], kind: `sql-${kind}` });
    }
  }
  plain += text.slice(at);
  flush();
  return segments;
}

/** Where a statement begins in a message, by what the server writes before it; -1 where there is none. */
export function statementAt(message: string): number {
  const head = /^(?:duration: [\d.]+ ms\s+)?(?:statement|(?:execute|parse|bind) [^:\n]{1,100}): /.exec(
    message.slice(0, 200),
  );
  return head ? head[0].length : -1;
}
