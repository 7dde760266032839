// The part of all rows that the browser holds, newest first: it moves over any number of rows without growing.

import { byNewest, keyOf, type Row } from "../api/row";

/** Rows at most: many screens, and few megabytes unless they are long. */
export const MOST_ROWS = 4_000;

export class RowWindow {
  rows: Row[] = [];
  moreOlder = false;
  moreNewer = false;

  reset(rows: Row[], moreOlder: boolean, moreNewer: boolean): void {
    [this.rows, this.moreOlder, this.moreNewer] = [rows, moreOlder, moreNewer];
  }

  /** Rows beyond the old end; the newest go where there are too many. */
  addOlder(rows: Row[], more: boolean): void {
    const all = this.rows.concat(this.#unknown(rows));
    const extra = Math.max(0, all.length - MOST_ROWS);
    this.rows = all.slice(extra);
    this.moreOlder = more;
    this.moreNewer ||= extra > 0;
  }

  /** Rows beyond the new end; the oldest go where there are too many. */
  addNewer(rows: Row[], more: boolean): void {
    const all = this.#unknown(rows).concat(this.rows);
    this.rows = all.slice(0, MOST_ROWS);
    this.moreNewer = more;
    this.moreOlder ||= all.length > MOST_ROWS;
  }

  /** Rows that have just been stored, wherever in time they belong. Those older than all that is held stay beyond the end. */
  merge(rows: Row[]): void {
    const last = this.rows.at(-1);
    const fresh = this.#unknown(rows).sort(byNewest);
    const within = fresh.filter((row) => !this.moreOlder || !last || byNewest(row, last) < 0);
    if (within.length === 0) return;
    const all = merged(within, this.rows);
    this.rows = all.slice(0, MOST_ROWS);
    this.moreOlder ||= all.length > MOST_ROWS;
  }

  #unknown(rows: Row[]): Row[] {
    const known = new Set(this.rows.map(keyOf));
    return rows.filter((row) => {
      const key = keyOf(row);
      return !known.has(key) && known.add(key);
    });
  }
}

/** Both in one order. Most of what is new is newer than all that was there, so this costs what is new. */
function merged(fresh: Row[], held: Row[]): Row[] {
  const all: Row[] = [];
  let at = 0;
  for (const row of fresh) {
    for (let other = held[at]; other && byNewest(other, row) < 0; other = held[at]) {
      all.push(other);
      at += 1;
    }
    all.push(row);
  }
  return all.concat(at === 0 ? held : held.slice(at));
}
