// The columns of the log view: which there are, how wide they begin, and what a row has in them.

import type { Row } from "../api/row";
import { showTime } from "../text/time";

export interface Column {
  name: string;
  label: string;
  width: number;
  /** Digits and names of one width. */
  mono?: boolean;
}

const column = (name: string, label: string, width: number, mono = false): Column => ({ name, label, width, mono });

export const COLUMNS: Column[] = [
  column("log_time", "Time", 206, true),
  column("error_severity", "Severity", 104),
  column("table", "Table", 90),
  column("namespace", "Namespace", 110),
  column("cluster", "Cluster", 110),
  column("pod", "Pod", 120),
  column("container", "Container", 110),
  column("node", "Node", 110),
  column("role", "Role", 80),
  column("database_name", "Database", 100),
  column("user_name", "User", 100),
  column("application_name", "Application", 120),
  column("backend_type", "Backend type", 130),
  column("process_id", "PID", 70, true),
  column("session_id", "Session", 130, true),
  column("session_line_num", "Line", 60, true),
  column("connection_from", "From", 140, true),
  column("command_tag", "Command", 90),
  column("virtual_transaction_id", "Virtual transaction", 100, true),
  column("transaction_id", "Transaction", 100, true),
  column("sql_state_code", "SQLSTATE", 84, true),
  column("query_id", "Query id", 160, true),
  column("component", "Component", 110),
  column("logger", "Logger", 120),
  column("message", "Message", 0, true),
  column("detail", "Detail", 240, true),
  column("hint", "Hint", 240, true),
  column("query", "Query", 320, true),
  column("context", "Context", 240, true),
  column("location", "Location", 200, true),
];

const BY_NAME = new Map(COLUMNS.map((one) => [one.name, one]));

export function columnOf(name: string): Column {
  return BY_NAME.get(name) ?? column(name, name, 120);
}

/** Pixels at least, so that a column can be found again. */
export const NARROWEST = 40;

/** The one that takes what is left. */
function flexible(names: string[]): string | undefined {
  return names.includes("message") ? "message" : names.at(-1);
}

const LEAST_MESSAGE = 240;

function widthOf(name: string, names: string[], widths: Record<string, number>): number {
  return name === flexible(names) ? Math.max(widths[name] ?? 0, LEAST_MESSAGE) : (widths[name] ?? columnOf(name).width);
}

export function leastWidth(names: string[], widths: Record<string, number>): number {
  return names.reduce((sum, name) => sum + widthOf(name, names, widths), 0);
}

/** Those that fit beside an open record: what and when first, the others as there is room. */
export function fitting(names: string[], widths: Record<string, number>, room: number): string[] {
  const needed = new Set(["log_time", "error_severity", "message"]);
  const kept = [...names];
  for (let at = kept.length - 1; at >= 0 && leastWidth(kept, widths) > room; at -= 1) {
    if (!needed.has(kept[at] ?? "")) kept.splice(at, 1);
  }
  return kept;
}

/** The widths as a grid has them. The message, or else the last one, takes what is left. */
export function template(names: string[], widths: Record<string, number>): string {
  return names
    .map((name) => {
      const width = `${widthOf(name, names, widths)}px`;
      return name === flexible(names) ? `minmax(${width}, 1fr)` : width;
    })
    .join(" ");
}

/** What is in a cell, as text. */
export function cell(row: Row, name: string, zone: string): string {
  const value = row[name];
  if (value === undefined || value === null) return "";
  if (name === "log_time" || name === "session_start_time") return showTime(String(value), zone);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
