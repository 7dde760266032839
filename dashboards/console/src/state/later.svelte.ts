// The first rows come first: what waits until they are on the screen, and what is loaded then.

type Parts = typeof import("../later");

/** On a page that nobody looks at nothing is painted, and nobody is kept waiting. */
const UNSEEN = 250;

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** What is on the page now is on the screen. */
export function painted(): Promise<void> {
  const frame = new Promise<void>((done) => requestAnimationFrame(() => setTimeout(done)));
  return Promise.race([frame, pause(UNSEEN)]);
}

class Later {
  /** Once they are loaded. */
  parts = $state.raw<Parts | null>(null);
  /** The service went away before they were there, or has others by now. */
  missing = $state(false);
  #loading = false;

  async load(): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    try {
      this.parts = await import("../later");
    } catch {
      this.missing = true;
    }
  }
}

export const later = new Later();
