// Login by an identity provider: OpenID Connect's authorization code flow with PKCE (RFC 7636), as a client that has no secret.
//
// The browser leaves for the provider, comes back to /login with a code, and that is exchanged for tokens. Whether a token is good, the
// service decides; what is checked here is that the answer belongs to this tab's question. Nothing outlives the tab.

export interface Provider {
  issuer: string;
  client_id: string;
}

/** What the provider gave; the service takes one of the first two, as its configured audience says. */
export interface Tokens {
  id_token?: string;
  access_token?: string;
  /** Exchanged for new ones when the others have expired, where the provider gives one. */
  refresh_token?: string;
}

interface Discovered {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
}

/** What the answer has to fit. */
interface Question {
  state: string;
  nonce: string;
  verifier: string;
  /** Where one was when one had to log in. */
  back: string;
}

/** Where the provider sends the browser back to; it has to be registered there. */
export const RETURN = "/login";
const QUESTION = "trunkline.login";

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const returnTo = () => location.origin + RETURN;

async function discover(provider: Provider): Promise<Discovered> {
  const place = `${provider.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const found: Discovered = await (await answered(fetch(place))).json();
  if (found.issuer !== provider.issuer) throw new Error(`${place} is another provider’s`);
  return found;
}

async function answered(asking: Promise<Response>): Promise<Response> {
  const response = await asking.catch(() => null);
  // No answer, or none that this page may read: the provider has to allow this origin (CORS).
  if (!response) throw new Error("the identity provider doesn’t answer, or not to pages of this address");
  if (response.ok) return response;
  const { error, error_description } = await response.json().catch(() => ({}));
  throw new Error(error_description ?? error ?? `the identity provider answers ${response.status}`);
}

/** Leaves for the provider; answers only if that fails. */
export async function leaveFor(provider: Provider, back: string): Promise<void> {
  if (!crypto.subtle) throw new Error("a browser can do this only on a page that was opened by https://");
  const { authorization_endpoint } = await discover(provider);
  const question: Question = { state: random(), nonce: random(), verifier: random(), back };
  sessionStorage.setItem(QUESTION, JSON.stringify(question));
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(question.verifier));
  const target = new URL(authorization_endpoint);
  if (!/^https?:$/.test(target.protocol)) throw new Error(`${authorization_endpoint} is no address to go to`);
  for (const [name, value] of Object.entries({
    response_type: "code",
    client_id: provider.client_id,
    redirect_uri: returnTo(),
    scope: "openid profile email",
    state: question.state,
    nonce: question.nonce,
    code_challenge: base64url(new Uint8Array(challenge)),
    code_challenge_method: "S256",
  }))
    target.searchParams.set(name, value);
  location.assign(target);
}

/** Reads what the provider sent the browser back with; the address has it once. */
export async function arrive(provider: Provider, answer: URLSearchParams): Promise<{ tokens: Tokens; back: string }> {
  const question: Question | null = JSON.parse(sessionStorage.getItem(QUESTION) ?? "null");
  sessionStorage.removeItem(QUESTION);
  const code = answer.get("code");
  if (!question || answer.get("state") !== question.state || (answer.get("iss") ?? provider.issuer) !== provider.issuer)
    throw new Error("this answer is none to a question of this tab");
  if (!code) throw new Error(answer.get("error_description") ?? answer.get("error") ?? "the provider sent no code");
  const tokens = await exchange(provider, {
    grant_type: "authorization_code",
    code,
    redirect_uri: returnTo(),
    code_verifier: question.verifier,
  });
  if (claims(tokens.id_token).nonce !== question.nonce) throw new Error("the token is for another login than this");
  return { tokens, back: question.back };
}

export function renew(provider: Provider, refresh_token: string): Promise<Tokens> {
  return exchange(provider, { grant_type: "refresh_token", refresh_token });
}

async function exchange(provider: Provider, parameters: Record<string, string>): Promise<Tokens> {
  const { token_endpoint } = await discover(provider);
  const body = new URLSearchParams({ ...parameters, client_id: provider.client_id });
  return (await answered(fetch(token_endpoint, { method: "POST", body }))).json();
}

function claims(token = ""): Record<string, unknown> {
  try {
    const payload = token.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/") ?? "";
    return JSON.parse(atob(payload));
  } catch {
    return {};
  }
}
