// Rows as others take them: JSON, CSV, and a statement for psql.

import type { Row } from "../api/row";
import { ALL_FIELDS, asked } from "../logs/query";
import { moment } from "./time";

export function rowAsCsv(row: Row): string {
  const field = (value: unknown) => {
    const text =
      value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const names = Object.keys(row);
  return `${names.map(field).join(",")}\r\n${names.map((name) => field(row[name])).join(",")}\r\n`;
}

/** A text as SQL writes it, whatever `standard_conforming_strings` is. */
export function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}

export function rowAsSql(row: Row): string {
  return (
    `SELECT * FROM log.${row.table ?? "postgres"}\n` +
    `WHERE log_time = ${literal(row.log_time)} AND stream = ${literal(row.stream)} AND position = ${row.position};`
  );
}

const TEXTS: Record<string, string[]> = {
  postgres: ["message", "detail", "hint", "query", "context"],
  patroni: ["message", "logger", "location"],
  component: ["message", "component"],
};

/** The statement that answers what the page shows, for one table; `all` is shown by that of the servers. */
export function viewAsSql(page: URLSearchParams): string {
  const query = asked(page);
  const name = query.get("table") ?? "postgres";
  const table = name === "all" ? "postgres" : name;
  const conditions: string[] = [];
  const time = (parameter: string, operator: string) => {
    const value = query.get(parameter);
    if (value) conditions.push(`log_time ${operator} ${literal(new Date(moment(value)).toISOString())}`);
  };
  time("from", ">=");
  time("to", "<");
  for (const { name, column } of ALL_FIELDS) {
    for (const denied of [false, true]) {
      const values = query.getAll(denied ? `${name}!` : name);
      if (values.length === 0) continue;
      const known = values.filter(Boolean);
      const parts = [];
      if (name === "min_severity") parts.push(...known.map((value) => `${column} >= ${literal(value)}`));
      else if (known.length > 0) parts.push(`${column} IN (${known.map(literal).join(", ")})`);
      if (known.length < values.length) parts.push(`${column} IS NULL`);
      conditions.push(
        denied
          ? `(${parts.join(" OR ")}) IS NOT TRUE`
          : parts.length > 1
            ? `(${parts.join(" OR ")})`
            : (parts[0] ?? ""),
      );
    }
  }
  const anyText = (operator: string, value: string) =>
    `(${(TEXTS[table] ?? []).map((column) => `${column} ${operator} ${value}`).join(" OR ")})`;
  const like = (text: string) => literal(`%${text.replaceAll(/[\\%_]/g, "\\$&")}%`);
  for (const text of query.getAll("text")) conditions.push(anyText("ILIKE", like(text)));
  for (const text of query.getAll("text!")) conditions.push(`${anyText("ILIKE", like(text))} IS NOT TRUE`);
  for (const text of query.getAll("regex")) conditions.push(anyText("~", literal(text)));
  for (const text of query.getAll("regex!")) conditions.push(`${anyText("~", literal(text))} IS NOT TRUE`);
  for (const text of query.getAll("where")) conditions.push(`(${text})`);
  const where = conditions.length > 0 ? `\nWHERE ${conditions.join("\n  AND ")}` : "";
  return `SELECT * FROM log.${table}${where}\nORDER BY log_time DESC, stream DESC, position DESC\nLIMIT 1000;`;
}

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP there is no clipboard but the old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function save(name: string, kind: string, content: string | Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
