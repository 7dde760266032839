// An answer of the API that a page shows: asked for again when what is asked changes, every now and then, and when the service is back.

import { asProblem, isAbort, type Problem } from "../api/problem";
import { service } from "./service.svelte";

export class Answer<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  loading = $state(false);

  /** To be called while a component is made. What `ask` reads before it waits is what the answer depends on. */
  constructor(ask: (signal: AbortSignal) => Promise<T>, every?: number) {
    $effect(() => {
      service.returns;
      const asking = new AbortController();
      const once = async (asked: Promise<T>) => {
        this.loading = true;
        try {
          const value = await asked;
          if (asking.signal.aborted) return;
          [this.value, this.problem] = [value, null];
        } catch (error) {
          if (isAbort(error) || asking.signal.aborted) return;
          this.problem = asProblem(error);
        }
        this.loading = false;
      };
      once(ask(asking.signal));
      const timer =
        every && setInterval(() => document.visibilityState === "visible" && once(ask(asking.signal)), every);
      return () => {
        clearInterval(timer);
        asking.abort();
      };
    });
  }
}
