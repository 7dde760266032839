// Requests to the API of the service that the console came from; to no other host.

import { access } from "../state/access.svelte";
import { service } from "../state/service.svelte";
import { takeFirst } from "./first";
import { isAbort, Problem, problemIn, problemOf } from "./problem";

export type Query = URLSearchParams | Record<string, string | string[]>;

export interface Options {
  method?: string;
  signal?: AbortSignal | undefined;
  accept?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Who asks deals with a service that is away. */
  patient?: boolean;
  /** It was asked once, with a token that has expired meanwhile. */
  again?: boolean;
}

/** Asks, and answers the response once its status is a good one. */
export async function request(path: string, query: Query = {}, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: options.accept ?? "application/json", ...options.headers };
  if (access.token) headers.authorization = `Bearer ${access.token}`;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  const init: RequestInit = { method: options.method ?? "GET", headers, cache: "no-store" };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  const address = url(path, query);
  let response: Response;
  try {
    const first = path === "/api/v1/logs" && init.method === "GET" ? takeFirst(address, access.token) : null;
    response = await (first ?? fetch(address, init));
    options.signal?.throwIfAborted();
  } catch (error) {
    if (isAbort(error)) throw error;
    if (!options.patient) service.lost();
    throw new Problem(0, "the service can't be reached");
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.passes && !options.patient) service.lost();
  if (problem.status === 401) {
    const used = headers.authorization?.slice("Bearer ".length) ?? "";
    if (!options.again && used && (await access.renewed(used)))
      return request(path, query, { ...options, again: true });
    access.refused();
  }
  throw problem;
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return parsed(await (await request(path, query, { signal })).text());
}

export async function send<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(path, {}, { method, body, signal });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Asks for what takes a while: each answer so far is given to `part`, the whole one is answered. */
export async function getByParts<T>(
  path: string,
  query: Query,
  part: (answer: T & { progress?: number }) => void,
  signal?: AbortSignal,
): Promise<T> {
  const response = await request(path, query, { signal, accept: "application/x-ndjson, application/json" });
  if (!response.headers.get("content-type")?.includes("ndjson")) return parsed(await response.text());
  let last: T | undefined;
  for await (const line of lines(response)) {
    if (!line) continue;
    const answer = JSON.parse(line);
    // What went wrong after the first part can't be said by the status any more.
    if (typeof answer.status === "number" && answer.title) {
      throw problemIn(answer);
    }
    last = answer;
    part(answer);
  }
  if (last === undefined) throw new Problem(0, "the answer broke off");
  return last;
}

/** Whole numbers that JavaScript would round, such as a query_id, are kept as texts. An unescaped quote and a colon end a key, and nothing else. */
export function parsed<T>(json: string): T {
  return JSON.parse(json.replace(/([^\\]"):(-?\d{16,})(?=[,}\]])/g, '$1:"$2"'));
}

/** The lines of an answer, as they come. */
export async function* lines(response: Response): AsyncGenerator<string> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const pieces = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = pieces.pop() ?? "";
      yield* pieces;
    }
    if (rest) yield rest;
  } finally {
    // Whoever stops listening stops the query too.
    reader.cancel().catch(() => {});
  }
}

export function url(path: string, query: Query = {}): string {
  const search = query instanceof URLSearchParams ? query : parameters(query);
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

export function parameters(of: Record<string, string | string[]>): URLSearchParams {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(of)) for (const one of [value].flat()) all.append(name, one);
  return all;
}
