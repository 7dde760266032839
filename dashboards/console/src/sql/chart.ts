// What of an answer can be drawn: the first column as x where it is a time or a number, the others that are numbers as lines; a column of
// texts beside them makes a line of each of its values.

import type { SqlAnswer } from "../api/answers";

export interface Chart {
  isTime: boolean;
  x: number[];
  lines: { name: string; values: (number | null)[] }[];
}

/** More lines than this nobody tells apart. */
const MOST_LINES = 8;

const NUMBER = /^(int|float|numeric|bigint|smallint|integer|double|real)/;
const TIME = /^(timestamp|date)/;

export function chartOf(answer: SqlAnswer): Chart | null {
  const kinds = answer.columns.map(({ type }) => (NUMBER.test(type) ? "number" : TIME.test(type) ? "time" : "text"));
  const at = kinds.findIndex((kind) => kind !== "text");
  const numbers = kinds.flatMap((kind, column) => (kind === "number" && column !== at ? [column] : []));
  if (at < 0 || numbers.length === 0) return null;
  const isTime = kinds[at] === "time";
  const by = kinds.indexOf("text");
  const toNumber = (value: unknown) => (isTime ? moment(String(value)) : Number(value));
  const x = [...new Set(answer.rows.map((row) => toNumber(row[at])))].filter(Number.isFinite).sort((a, b) => a - b);
  const place = new Map(x.map((value, index) => [value, index]));
  const lines = new Map<string, (number | null)[]>();
  for (const row of answer.rows) {
    const index = place.get(toNumber(row[at]));
    if (index === undefined) continue;
    for (const column of numbers) {
      const own = answer.columns[column]?.name ?? "";
      const name = by < 0 ? own : numbers.length > 1 ? `${row[by]} ${own}` : String(row[by]);
      let values = lines.get(name);
      if (!values) {
        if (lines.size >= MOST_LINES) continue;
        values = x.map(() => null);
        lines.set(name, values);
      }
      values[index] = row[column] === null ? null : Number(row[column]);
    }
  }
  return { isTime, x, lines: [...lines].map(([name, values]) => ({ name, values })) };
}

/** `2026-11-22 10:00:00.5+00`, as psql shows it, in seconds. */
function moment(text: string): number {
  return Date.parse(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")) / 1_000;
}
