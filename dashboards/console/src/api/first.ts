// The first rows, asked for while the rest of the console is still on its way: the address says which, and nothing else is needed.

import { asked } from "../logs/query";

/** Of one page of rows: what fills any screen, and is there soon. */
export const FIRST_PAGE = "200";

/** Where a token is kept. */
export const KEY = "trunkline.token";

/** The token of this tab, or of this browser. */
export function keptToken(): string {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
}

let first: { url: string; token: string; answer: Promise<Response> } | null = null;

/** To be called before anything else. */
export function askFirst(): void {
  const page = new URLSearchParams(location.search);
  if (location.pathname !== "/" || page.has("at") || page.has("search")) return;
  const query = asked(page);
  query.set("limit", FIRST_PAGE);
  const token = keptToken();
  const headers: Record<string, string> = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const url = `/api/v1/logs?${query}`;
  // Read to its end as it comes: when the page is there to ask for it, it needn't be drawn without rows first.
  const answer = fetch(url, { headers, cache: "no-store" }).then(async (response) => {
    const text = await response.text();
    response.text = () => Promise.resolve(text);
    return response;
  });
  // Whoever takes it hears of its failure.
  answer.catch(() => {});
  first = { url, token, answer };
}

/** The answer to this request where it is the first one; it is given once. */
export function takeFirst(url: string, token: string): Promise<Response> | null {
  const found = first?.url === url && first.token === token ? first.answer : null;
  first = null;
  return found;
}
