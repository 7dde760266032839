// The live tail: server-sent events, read by `fetch` so that credentials travel in a header, and taken up again where they broke off.

import { lines, parsed, request } from "./client";
import { asProblem, isAbort, Problem, problemIn } from "./problem";
import type { Row } from "./row";

export interface Listener {
  rows(rows: Row[]): void;
  /** This many went by unseen, since we were too slow. */
  skipped(count: number): void;
  /** Connected, or why not. */
  state(connected: boolean, problem?: Problem): void;
}

/** The service says something every 5 s; a connection that is silent for longer is dead. */
const SILENCE = 16_000;
const RETRY_FIRST = 300;
const RETRY_MOST = 5_000;

/** Listens until `signal`; ends before that only where asking again can't help. */
export async function tail(query: URLSearchParams, listener: Listener, signal: AbortSignal): Promise<void> {
  let token = "";
  let pause = RETRY_FIRST;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop, { once: true });
    let silence = setTimeout(stop, SILENCE);
    try {
      const headers: Record<string, string> = token ? { "last-event-id": token } : {};
      const options = { signal: attempt.signal, accept: "text/event-stream", headers, patient: true };
      const response = await request("/api/v1/tail", query, options);
      if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
        throw new Problem(404, "this service has no live tail");
      }
      listener.state(true);
      pause = RETRY_FIRST;
      let [event, data] = ["", ""];
      for await (const line of lines(response)) {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE);
        if (line === "") {
          if (event === "rows") listener.rows(parsed(data));
          else if (event === "skipped") listener.skipped(JSON.parse(data).rows ?? 0);
          else if (event === "problem") throw problemIn(JSON.parse(data));
          [event, data] = ["", ""];
        } else if (line.startsWith("event:")) event = line.slice(6).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trimStart();
        else if (line.startsWith("id:")) token = line.slice(3).trim();
      }
      listener.state(false);
    } catch (error) {
      if (signal.aborted) return;
      const problem = isAbort(error) ? new Problem(0, "the connection went silent") : asProblem(error);
      listener.state(false, problem);
      if (problem.status >= 400 && problem.status < 500) return;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    }
    await new Promise((done) => setTimeout(done, pause * (0.75 + Math.random() / 2)));
    pause = Math.min(pause * 2, RETRY_MOST);
  }
}
