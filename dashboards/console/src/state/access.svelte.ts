// Who we are to the service: the token that goes with each request, and whether one is needed.

import type { Me } from "../api/answers";
import { KEY, keptToken } from "../api/first";
import { Problem, problemOf } from "../api/problem";
import type { Provider, Tokens } from "./oidc";

const REFRESH = "trunkline.refresh";

class Access {
  /** For this tab alone, unless somebody wants it kept. */
  token = $state(keptToken());
  me = $state.raw<Me | null>(null);
  /** Nothing can be shown before somebody logs in. */
  needed = $state(false);
  /** Why what was there isn't enough any more, or never was. */
  wrong = $state<"" | "unknown" | "expired">("");
  /** Logged in, and still nobody who may see anything. */
  denied = $state.raw<Problem | null>(null);

  #asking: Promise<void> | null = null;
  #renewing: Promise<boolean> | null = null;

  get provider(): Provider | null {
    return this.me?.login.oidc ?? null;
  }

  refused(): void {
    if (this.token) this.wrong ||= "expired";
    this.needed = true;
  }

  /** Asks the service who we are; once, whoever wants to know it meanwhile. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const me = await this.#whoIs(this.token);
    if (me instanceof Problem) {
      if (me.status === 403) this.denied = me;
      return;
    }
    this.me = me;
    if (me.authenticated || !(me.login.token || me.login.oidc)) [this.needed, this.wrong] = [false, ""];
    else if (!(await this.renewed(this.token))) this.refused();
  }

  async #whoIs(token: string): Promise<Me | Problem> {
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch("/api/v1/me", { headers, cache: "no-store" }).catch(() => null);
    return response?.ok
      ? response.json()
      : response
        ? problemOf(response)
        : new Problem(0, "the service can't be reached");
  }

  /** By a token that somebody was given. */
  async login(token: string, keep: boolean): Promise<void> {
    const me = await this.#whoIs(token.trim());
    if (me instanceof Problem ? me.status !== 403 : !me.authenticated) {
      this.wrong = "unknown";
      return;
    }
    this.#forget();
    (keep ? localStorage : sessionStorage).setItem(KEY, token.trim());
    // Whatever is on the screen was asked for without the token.
    location.reload();
  }

  /** Leaves for the identity provider, and comes back to where we are. */
  async leave(): Promise<void> {
    const { leaveFor, RETURN } = await import("./oidc");
    const here = location.pathname === RETURN ? "/" : location.pathname + location.search;
    if (this.provider) await leaveFor(this.provider, here);
  }

  /** Comes back from the identity provider, and goes on where we left. */
  async arrive(answer: URLSearchParams): Promise<void> {
    if (!this.me) await this.ask();
    if (!this.provider) throw new Error("the service has no identity provider");
    const { arrive } = await import("./oidc");
    const { tokens, back } = await arrive(this.provider, answer);
    if (!(await this.#take(tokens))) throw new Error("the service doesn’t take this provider’s tokens");
    location.replace(back);
  }

  /** Whether there is another token than the one that was refused: of another request's doing, or since the provider gives a new one. */
  renewed(refused: string): Promise<boolean> {
    if (refused !== this.token) return Promise.resolve(true);
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    const refresh = sessionStorage.getItem(REFRESH);
    if (!refresh) return false;
    if (!this.me) {
      const me = await this.#whoIs("");
      if (me instanceof Problem) return false;
      this.me = me;
    }
    if (!this.provider) return false;
    const { renew } = await import("./oidc");
    const tokens = await renew(this.provider, refresh).catch(() => null);
    return tokens !== null && this.#take(tokens);
  }

  /** Keeps whichever of them the service takes. */
  async #take(tokens: Tokens): Promise<boolean> {
    for (const token of [tokens.id_token, tokens.access_token]) {
      const me = token && (await this.#whoIs(token));
      if (!token || !me || (me instanceof Problem ? me.status !== 403 : !me.authenticated)) continue;
      this.token = token;
      sessionStorage.setItem(KEY, token);
      if (tokens.refresh_token) sessionStorage.setItem(REFRESH, tokens.refresh_token);
      if (!(me instanceof Problem)) this.me = me;
      return true;
    }
    return false;
  }

  #forget(): void {
    for (const store of [sessionStorage, localStorage]) for (const key of [KEY, REFRESH]) store.removeItem(key);
  }

  logout(): void {
    this.#forget();
    location.assign(location.pathname === "/login" ? "/" : location.href);
  }
}

export const access = new Access();
