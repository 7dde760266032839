// What was asked before, remembered by the browser.

export interface Asked {
  sql: string;
  at: string;
  rows: number;
  ms: number;
}

const KEY = "trunkline.sql";
const MOST = 100;

export function remembered(): Asked[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** Remembers it, once however often it is asked; answers all. */
export function remember(asked: Asked): Asked[] {
  const all = [asked, ...remembered().filter((one) => one.sql !== asked.sql)].slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Full, or forbidden: then it is not remembered.
  }
  return all;
}
