// Whether the service answers. While it doesn't, it is asked every now and then, and who waits for it is told when it is back.

const FIRST = 500;
const MOST = 5_000;

class Service {
  away = $state(false);
  /** Counts how often it came back; an effect that reads it runs again then. */
  returns = $state(0);

  /** A request found nobody. */
  lost(): void {
    if (this.away) return;
    this.away = true;
    this.#ask(FIRST);
  }

  #ask(pause: number): void {
    setTimeout(async () => {
      try {
        const response = await fetch("/health/ready", { cache: "no-store" });
        if (!response.ok) throw new Error();
        this.away = false;
        this.returns += 1;
      } catch {
        this.#ask(Math.min(pause * 1.5, MOST));
      }
    }, pause);
  }
}

export const service = new Service();
