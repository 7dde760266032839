// The log view's parameters. They are the API's own, so that an address of the console is a question to the API, with a few more for what
// the page shows of the answer.

/** Those that the API never sees: columns, zone, the open row, what it shows, live, the moment in view, wrapped lines, a saved search. */
const OWN = ["cols", "tz", "row", "pane", "live", "at", "wrap", "search"];

/** The range of time when the address has none. */
export const DEFAULT_FROM = "-1h";

export interface Field {
  /** The API's parameter. */
  name: string;
  column: string;
  label: string;
}

const field = (name: string, column: string, label: string): Field => ({ name, column, label });

/** What the sidebar counts, and what a click on a value filters by. */
export const FIELDS: Field[] = [
  field("severity", "error_severity", "Severity"),
  field("cluster", "cluster", "Cluster"),
  field("namespace", "namespace", "Namespace"),
  field("pod", "pod", "Pod"),
  field("role", "role", "Role"),
  field("database", "database_name", "Database"),
  field("user", "user_name", "User"),
  field("application", "application_name", "Application"),
  field("backend_type", "backend_type", "Backend type"),
  field("sqlstate", "sql_state_code", "SQLSTATE"),
  field("component", "component", "Component"),
];

/** Those that can be filtered by, and are not worth a count. */
const OTHERS: Field[] = [
  field("min_severity", "error_severity", "Severity at least"),
  field("pid", "process_id", "Process"),
  field("session", "session_id", "Session"),
  field("query_id", "query_id", "Query id"),
];

export const ALL_FIELDS = [...FIELDS, ...OTHERS];

export function fieldOf(column: string): Field | undefined {
  return ALL_FIELDS.find((one) => one.column === column && one.name !== "min_severity");
}

/** What the API is asked of these parameters of the page. */
export function asked(page: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams(page);
  for (const name of OWN) query.delete(name);
  const from = query.get("from");
  if (from === null) query.set("from", DEFAULT_FROM);
  else if (from === "all") query.delete("from");
  for (const name of ["text", "regex", "where", "to"]) {
    const values = query.getAll(name).filter((value) => value.trim());
    query.delete(name);
    for (const value of values) query.append(name, value);
  }
  return query;
}

/** The columns that the table has whatever is asked of it. */
const OF_POSTGRES = new Set(["database", "user", "application", "backend_type", "sqlstate", "session", "query_id"]);

/** Whether a field is in the rows of this table. */
export function hasField(table: string | null, name: string): boolean {
  if (table === "all") return true;
  if (name === "component") return table === "component";
  return table === null || table === "postgres" || !OF_POSTGRES.has(name);
}

export interface Chip {
  /** The parameter, with `!` where it is denied. */
  name: string;
  label: string;
  value: string;
  denied: boolean;
}

/** The conditions that are set, but for the search box and the range of time. */
export function chips(page: URLSearchParams): Chip[] {
  const all: Chip[] = [];
  for (const { name, label } of ALL_FIELDS) {
    for (const denied of [false, true]) {
      const key = denied ? `${name}!` : name;
      for (const value of page.getAll(key)) all.push({ name: key, label, value, denied });
    }
  }
  for (const name of ["text!", "regex!"]) {
    for (const value of page.getAll(name)) all.push({ name, label: name.slice(0, -1), value, denied: true });
  }
  // The box holds the first text; further ones come from a link.
  for (const name of ["text", "regex"]) {
    for (const value of page.getAll(name).slice(1)) all.push({ name, label: name, value, denied: false });
  }
  return all;
}

/** The values of a parameter after a click on one: a value that is there goes, and what is included isn't excluded. */
export function toggled(page: URLSearchParams, name: string, value: string, denied: boolean): Record<string, string[]> {
  const [key, other] = denied ? [`${name}!`, name] : [name, `${name}!`];
  const there = page.getAll(key);
  const next = there.includes(value) ? there.filter((one) => one !== value) : [...there, value];
  return { [key]: next, [other]: page.getAll(other).filter((one) => one !== value) };
}

/** What rows don't depend on is left out, so that only what changes them asks for them again. */
export function rowsKey(page: URLSearchParams): string {
  return `${asked(page)}#${page.get("at") ?? ""}`;
}
