// SQLSTATEs by their names, as appendix A of the PostgreSQL manual lists them.

/** The names, loaded once the first rows are on the screen. */
let names = $state.raw<Record<string, string>>({});

export async function loadNames(): Promise<void> {
  names = (await import("./sqlstates.json")).default;
}

export function sqlstateName(code: string): string {
  return (names[code] ?? (code.length === 5 ? names[`${code.slice(0, 2)}000`] : undefined) ?? "").replaceAll("_", " ");
}

/** Its place in the manual: a class of errors is the nearest that has one. */
export function sqlstateLink(): string {
  return "https://www.postgresql.org/docs/current/errcodes-appendix.html";
}
