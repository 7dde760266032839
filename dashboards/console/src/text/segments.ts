// How a text of a row is shown: SQL coloured, what was searched for marked, and nothing in it that does anything.

import { inert, type Segment } from "./inert";
import { sqlSegments, statementAt } from "./sql";

export interface Show {
  /** Line feeds as marks. */
  oneLine?: boolean;
  /** `message` has a statement behind a few words, `sql` is one. */
  as?: "message" | "sql" | "text";
  /** Texts that were searched for. */
  find?: string[];
  /** Characters at most. */
  most?: number;
}

/** Colours beyond this many characters help nobody. */
const MOST_SQL = 20_000;

export function segments(text: string, show: Show = {}): Segment[] {
  const cut = show.most !== undefined && text.length > show.most ? whole(text, show.most) : text;
  let at = show.as === "sql" ? 0 : show.as === "message" ? statementAt(cut) : -1;
  if (cut.length - at > MOST_SQL) at = -1;
  let found: Segment[] =
    at < 0 ? [{ text: cut, kind: "" }] : [{ text: cut.slice(0, at), kind: "" }, ...sqlSegments(cut.slice(at))];
  for (const one of show.find ?? []) if (one) found = found.flatMap((segment) => hits(segment, one.toLowerCase()));
  return found.flatMap((segment) => inert(segment.text, segment.kind, show.oneLine));
}

/** The beginning of a text that doesn't end within a character. */
export function whole(text: string, most: number): string {
  const code = text.charCodeAt(most - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? most - 1 : most);
}

function hits(segment: Segment, wanted: string): Segment[] {
  const low = segment.text.toLowerCase();
  // A few letters change their length with their case; then positions say nothing.
  if (segment.kind === "hit" || low.length !== segment.text.length) return [segment];
  const parts: Segment[] = [];
  let at = 0;
  for (let next = low.indexOf(wanted); next >= 0; next = low.indexOf(wanted, at)) {
    if (next > at) parts.push({ text: segment.text.slice(at, next), kind: segment.kind });
    at = next + wanted.length;
    parts.push({ text: segment.text.slice(next, at), kind: "hit" });
  }
  if (at < segment.text.length) parts.push({ text: segment.text.slice(at), kind: segment.kind });
  return parts;
}
