// What is counted beside the rows: the histogram and the values of the sidebar. Both may take longer than the rows, and come in parts.

import type { Facet, Facets, Histogram } from "../api/answers";
import { getByParts } from "../api/client";
import { asProblem, isAbort, type Problem } from "../api/problem";
import { FIELDS, hasField } from "./query";

class Counted<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** From 0 to 1; 1 is all of it. */
  progress = $state(1);
  #asking = new AbortController();

  /** Asks anew. What was there stays on the screen until the first part comes. */
  protected async ask(
    asking: (signal: AbortSignal, part: (value: T, progress: number) => void) => Promise<T>,
  ): Promise<void> {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.progress = 0;
    try {
      const whole = await asking(signal, (value, progress) => {
        if (signal.aborted) return;
        this.value = value;
        this.progress = Math.min(progress, 0.99);
      });
      if (signal.aborted) return;
      [this.value, this.progress, this.problem] = [whole, 1, null];
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      [this.problem, this.progress] = [asProblem(error), 1];
    }
  }

  stop(): void {
    this.#asking.abort();
  }
}

export class Bars extends Counted<Histogram> {
  load(query: URLSearchParams, buckets: number): Promise<void> {
    const asked = new URLSearchParams(query);
    asked.set("buckets", String(buckets));
    return this.ask((signal, part) =>
      getByParts<Histogram>("/api/v1/histogram", asked, (answer) => part(answer, answer.progress ?? 0), signal),
    );
  }
}

/** Values of a field on the page; more are asked for when somebody wants them. */
const FEW = 8;
const MANY = 100;

export class Values extends Counted<Map<string, Facet>> {
  /** Fields that are open, of which many values are wanted. */
  load(query: URLSearchParams, fields: string[], many: Set<string>): Promise<void> {
    const table = query.get("table");
    const wanted = FIELDS.filter((field) => fields.includes(field.name) && hasField(table, field.name));
    // Where a value was chosen, the others are to be seen too: they are counted without this condition.
    const chosen = wanted.filter((field) => query.has(field.name));
    const others = wanted.filter((field) => !query.has(field.name));
    const groups = chosen
      .map((field) => ({ fields: [field], without: [field.name] }))
      .concat(others.length ? [{ fields: others, without: [] }] : []);
    return this.ask(async (signal, part) => {
      const all = new Map<string, Facet>();
      const add = (answer: Facets) => {
        for (const facet of answer.facets) all.set(facet.field, facet);
        return new Map(all);
      };
      await Promise.all(
        groups.map(async (group) => {
          const asked = new URLSearchParams(query);
          for (const name of group.without) asked.delete(name);
          for (const field of group.fields) asked.append("field", field.name);
          asked.set("limit", String(group.fields.some((field) => many.has(field.name)) ? MANY : FEW));
          const answer = await getByParts<Facets>(
            "/api/v1/facets",
            asked,
            (some) => part(add(some), some.progress ?? 0),
            signal,
          );
          part(add(answer), 0.9);
        }),
      );
      return all;
    });
  }
}
