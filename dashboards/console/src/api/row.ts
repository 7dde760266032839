// A row of a log, as the API gives it: the columns of its table by the names that they have there; one that is NULL is left out.

export type Value = string | number | boolean | null | string[] | Record<string, unknown>;

export interface Row {
  log_time: string;
  stream: string;
  position: number;
  table?: string;
  namespace?: string;
  cluster?: string;
  pod?: string;
  role?: string;
  error_severity?: string;
  sql_state_code?: string;
  process_id?: number;
  session_id?: string;
  message?: string;
  query?: string;
  internal_query?: string;
  [column: string]: Value | undefined;
}

/** What tells a row from every other. */
export function keyOf(row: Row): string {
  return `${row.stream}/${row.position}`;
}

/** Negative where `a` is newer than `b`: the order that the API has them in. */
export function byNewest(a: Row, b: Row): number {
  const time = compareTimes(b.log_time, a.log_time);
  if (time !== 0) return time;
  if (a.stream !== b.stream) return a.stream < b.stream ? 1 : -1;
  return b.position - a.position;
}

/** Compares moments of any number of digits: 00:00:03.7Z is after 00:00:03.69Z. */
export function compareTimes(a: string, b: string): number {
  if (a.length === b.length) return a < b ? -1 : a > b ? 1 : 0;
  const [one, other] = [a.replace(/Z$/, ""), b.replace(/Z$/, "")];
  const pad = (text: string) => (text.includes(".") ? text : `${text}.`).padEnd(26, "0");
  return pad(one) < pad(other) ? -1 : pad(one) > pad(other) ? 1 : 0;
}
