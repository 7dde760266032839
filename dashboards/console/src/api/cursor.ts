// The API's cursor beside a row, as `ingester/query/src/cursor.rs` writes it: form, time in microseconds, stream, position.
//
// Pages answer cursors of their own ends only; rows that came by the tail, or are left when others were let go, need theirs too.

import type { Row } from "./row";

const FORMS = { older: "01", newer: "02" };

/** For requests with the newest rows first. */
export function cursorBeside(row: Row, way: "older" | "newer"): string {
  const digits = (/\.(\d+)/.exec(row.log_time)?.[1] ?? "").padEnd(6, "0").slice(0, 6);
  const seconds = BigInt(Math.floor(Date.parse(row.log_time) / 1_000));
  const hex = (number: bigint) => BigInt.asUintN(64, number).toString(16).padStart(16, "0");
  const time = hex(seconds * 1_000_000n + BigInt(digits));
  return `${FORMS[way]}${time}${row.stream.replaceAll("-", "")}${hex(BigInt(row.position))}`;
}
