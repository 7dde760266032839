// The rows on the page: asked for when the filter changes, when one scrolls to an end of them, and when they come by the live tail.

import type { Page } from "../api/answers";
import { get } from "../api/client";
import { cursorBeside } from "../api/cursor";
import { FIRST_PAGE } from "../api/first";
import { asProblem, isAbort, type Problem } from "../api/problem";
import type { Row } from "../api/row";
import { tail } from "../api/tail";
import { moment } from "../text/time";
import { RowWindow } from "./window";

const PAGE = "500";
/** How often rows of the tail come onto the page: as smooth as anybody can read, and cheap at thousands of rows a second. */
const SHOW_EVERY = 120;
/** Rows that wait while somebody reads further down; beyond that they are asked for again. */
const MOST_WAITING = 4_000;

export class RowList {
  rows = $state.raw<Row[]>([]);
  moreOlder = $state(false);
  moreNewer = $state(false);
  loading = $state<"" | "all" | "older" | "newer">("");
  problem = $state.raw<Problem | null>(null);
  /** Rows were asked for and came. */
  asked = $state(false);

  live = $state(false);
  connected = $state(false);
  tailProblem = $state.raw<Problem | null>(null);
  /** Rows of the tail that aren't on the page yet, since somebody reads further down. */
  waiting = $state(0);
  /** Rows that the tail left out, since this browser was too slow. */
  skipped = $state(0);
  /** Rows that the tail brought in all. */
  received = $state(0);

  /** Set by the table: applies a change, and keeps what is read where it is on the screen. */
  keep: (apply: () => void) => void = (apply) => apply();
  /** Set by the table: the newest row is on the screen. */
  atTop: () => boolean = () => true;

  #window = new RowWindow();
  #query = new URLSearchParams();
  #asking = new AbortController();
  #tailing: AbortController | null = null;
  #pending: Row[] = [];
  #overflown = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Asks for the newest rows of a filter, or those at a moment; what was there stays until they come. */
  async load(query: URLSearchParams, at: string | null): Promise<void> {
    this.#query = query;
    this.#forget();
    if (at === "oldest") return this.#replace({ order: "asc", limit: FIRST_PAGE });
    if (at === null) return this.#replace({ limit: FIRST_PAGE });
    const to = new Date(moment(at)).toISOString();
    await this.#replace({ limit: FIRST_PAGE, to });
    if (this.asked && this.rows.length === 0) await this.#replace({ limit: FIRST_PAGE, order: "asc", from: to });
  }

  older(): Promise<void> {
    const last = this.rows.at(-1);
    if (!last || !this.moreOlder) return Promise.resolve();
    return this.#extend("older", last, (page) => this.#window.addOlder(page.rows, page.next_cursor !== null));
  }

  newer(): Promise<void> {
    const first = this.rows[0];
    if (!first || !this.moreNewer) return Promise.resolve();
    return this.#extend("newer", first, (page) => this.#window.addNewer(page.rows, page.previous_cursor !== null));
  }

  /** Follows what is stored from now on. */
  follow(query: URLSearchParams): void {
    this.unfollow();
    this.live = true;
    const stop = new AbortController();
    this.#tailing = stop;
    const filter = new URLSearchParams(query);
    for (const name of ["from", "to"]) filter.delete(name);
    let begun = false;
    const listener = {
      rows: (rows: Row[]) => this.#take(rows),
      skipped: (count: number) => {
        this.skipped += count;
        // What was left out is in the store: the next look at the top asks for all.
        this.#overflown = true;
      },
      state: (connected: boolean, problem?: Problem) => {
        // What was stored between the last look and the beginning of the tail came by neither.
        if (connected && !begun) this.#replace({ limit: FIRST_PAGE });
        begun ||= connected;
        this.connected = connected;
        this.tailProblem = problem ?? null;
      },
    };
    tail(filter, listener, stop.signal).finally(() => {
      if (this.#tailing === stop) this.connected = false;
    });
  }

  unfollow(): void {
    this.#tailing?.abort();
    this.#tailing = null;
    this.live = this.connected = false;
    this.tailProblem = null;
    this.#forget();
  }

  /** Shows what waits. */
  async catchUp(): Promise<void> {
    if (this.#overflown || this.moreNewer) {
      this.#forget();
      await this.#replace({ limit: FIRST_PAGE });
    } else this.#show();
  }

  stop(): void {
    this.#asking.abort();
    this.unfollow();
  }

  #forget(): void {
    this.#pending = [];
    this.#overflown = false;
    this.waiting = this.skipped = 0;
  }

  async #replace(parameters: Record<string, string>): Promise<void> {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.loading = "all";
    try {
      const page = await this.#page(parameters, signal);
      const asc = parameters.order === "asc";
      const rows = asc ? page.rows.toReversed() : page.rows;
      const more = page.next_cursor !== null;
      this.#window.reset(rows, asc ? parameters.from !== undefined : more, asc ? more : parameters.to !== undefined);
      this.#publish();
      this.problem = null;
      this.asked = true;
      this.loading = "";
    } catch (error) {
      this.#fail(error, signal);
    }
  }

  async #extend(way: "older" | "newer", row: Row, add: (page: Page) => void): Promise<void> {
    if (this.loading) return;
    const { signal } = this.#asking;
    this.loading = way;
    try {
      const page = await this.#page({ limit: PAGE, cursor: cursorBeside(row, way) }, signal);
      this.keep(() => {
        add(page);
        this.#publish();
      });
      this.problem = null;
      this.loading = "";
    } catch (error) {
      this.#fail(error, signal);
    }
  }

  #page(parameters: Record<string, string>, signal: AbortSignal): Promise<Page> {
    const query = new URLSearchParams(this.#query);
    for (const [name, value] of Object.entries(parameters)) query.set(name, value);
    return get<Page>("/api/v1/logs", query, signal);
  }

  #fail(error: unknown, signal: AbortSignal): void {
    if (isAbort(error) || signal.aborted) return;
    this.problem = asProblem(error);
    this.loading = "";
  }

  #publish(): void {
    this.rows = this.#window.rows;
    this.moreOlder = this.#window.moreOlder;
    this.moreNewer = this.#window.moreNewer;
  }

  #take(rows: Row[]): void {
    this.received += rows.length;
    for (const row of rows) this.#pending.push(row);
    if (this.#pending.length > MOST_WAITING) {
      // The newest are enough when there are too many: older ones are asked for by scrolling.
      this.#pending.splice(0, this.#pending.length - MOST_WAITING);
      this.#overflown = true;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.live) return;
      if (this.atTop() && !this.moreNewer) this.#follow();
      else this.waiting += this.#arrived();
    }, SHOW_EVERY);
  }

  #counted = 0;

  /** How many came since they were counted last. */
  #arrived(): number {
    const arrived = this.received - this.#counted;
    this.#counted = this.received;
    return arrived;
  }

  #follow(): void {
    this.#arrived();
    if (this.#overflown) this.catchUp();
    else this.#show();
  }

  #show(): void {
    this.#arrived();
    this.#window.merge(this.#pending);
    this.#pending = [];
    this.waiting = 0;
    this.#publish();
    this.asked = true;
  }
}
