// Where the console is: a path and its parameters, which are all that a link needs to show the same again.

class Place {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
  }

  /** Goes there; `replace` where the way back should not lead over here. */
  go(path: string, query: URLSearchParams = new URLSearchParams(), replace = false): void {
    const target = link(path, query);
    if (target === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"](null, "", target);
    this.#read();
  }

  /** Changes parameters of this page: null removes one, and each of several values stands for itself. */
  set(changes: Record<string, string | string[] | null>, replace = false): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name);
      for (const one of value === null ? [] : [value].flat()) query.append(name, one);
    }
    this.go(this.path, query, replace);
  }

  #read(): void {
    const before = this.query.toString();
    this.path = location.pathname;
    const query = new URLSearchParams(location.search);
    if (query.toString() !== before) this.query = query;
  }
}

/** A link as a person would write it: what needs no escape has none. */
export function link(path: string, query: URLSearchParams): string {
  const text = query.toString().replaceAll("%21=", "!=").replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text ? `${path}?${text}` : path;
}

export const place = new Place();

/** Follows links within the console without loading the page anew. */
export function followLinks(event: MouseEvent): void {
  const anchor = (event.target as Element | null)?.closest?.("a");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!anchor || !plain || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin)
    return;
  if (anchor.pathname.startsWith("/api/") || anchor.pathname.includes(".")) return;
  event.preventDefault();
  place.go(anchor.pathname, new URLSearchParams(anchor.search));
}
