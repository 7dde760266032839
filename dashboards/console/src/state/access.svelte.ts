// Who we are to the service: the token that goes with each request, and whether one is needed.

import type { Me } from "../api/answers";

const KEY = "trunkline.token";

class Access {
  /** For this tab alone, unless somebody wants it kept. */
  token = $state(sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "");
  me = $state.raw<Me | null>(null);
  /** Nothing can be shown before somebody logs in. */
  needed = $state(false);
  wrong = $state(false);

  refused(): void {
    this.wrong = this.token !== "";
    this.needed = true;
  }

  /** Asks the service who we are. Services of before have no such path: anybody may ask them anything. */
  async ask(): Promise<void> {
    const headers: Record<string, string> = this.token ? { authorization: `Bearer ${this.token}` } : {};
    const response = await fetch("/api/v1/me", { headers, cache: "no-store" }).catch(() => null);
    if (response?.status === 401) return this.refused();
    if (!response?.ok || !response.headers.get("content-type")?.includes("json")) return;
    const me: Me = await response.json();
    this.me = me;
    if (!me.authenticated && (me.login.token || me.login.oidc)) this.refused();
    else [this.needed, this.wrong] = [false, false];
  }

  async login(token: string, keep: boolean): Promise<void> {
    this.token = token.trim();
    (keep ? localStorage : sessionStorage).setItem(KEY, this.token);
    this.needed = false;
    await this.ask();
    // Whatever is on the screen was asked for without the token.
    if (!this.needed) location.reload();
  }

  logout(): void {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    this.token = "";
    location.reload();
  }
}

export const access = new Access();
