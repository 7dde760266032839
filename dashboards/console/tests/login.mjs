// Who may see what: by a token, and by a real OpenID provider, whose pages are used as a person would.

import { once } from "node:events";
import Provider from "oidc-provider";
import { accessible, ask, check, end, expect, launch, leave, rows, same, shot, url, visit } from "./browser.mjs";

const browser = await launch();
const issuer = await ask("issuer");
const VIEW = "/?from=-2h&severity=LOG";

/** Seconds after which a token has expired; the service lets 60 more pass, since clocks differ. */
let lifetime = 600;
let renewable = true;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "console",
      token_endpoint_auth_method: "none",
      redirect_uris: [`${url}/login`],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
  ],
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({ sub: accountId, team: accountId === "ada" ? "sre" : "nobody" }),
  }),
  claims: { openid: ["sub", "team"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true, methods: ["S256"] },
  clientBasedCORS: (_, origin) => origin === url,
  issueRefreshToken: async () => renewable,
  ttl: { IdToken: () => lifetime },
  cookies: { keys: ["only of this test"] },
});
const asked = [];
provider.use(async (context, next) => {
  asked.push(`${context.method} ${context.path}`);
  await next();
  if (context.path === "/.well-known/openid-configuration") context.body.token_endpoint = `${tokensAt}/token`;
});
// Tokens are given out elsewhere, as by providers with a host for each of their tasks.
const tokens = provider.listen(0, "127.0.0.1");
await once(tokens, "listening");
const tokensAt = `http://127.0.0.1:${tokens.address().port}`;
const server = provider.listen(Number(new URL(issuer).port), "127.0.0.1");

/** A page that may leave for the provider, whose own pages ask for letters elsewhere. */
async function open(path, options = {}) {
  const page = await visit(browser, path, { hosts: [issuer, tokensAt, "https://fonts.googleapis.com"], ...options });
  return page;
}

async function logIn(page, name) {
  await page.getByRole("button", { name: `Log in with ${new URL(issuer).host}` }).click();
  await page.getByPlaceholder("Enter any login").fill(name);
  await page.getByPlaceholder("and password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const only = (page) => page.getByText("the only row").first().waitFor();

await check("the policy names the provider's origin, that of its tokens, and no other", async () => {
  // The service was asked for a page before the provider was there, and doesn't ask it again at once.
  let named = "";
  for (let turn = 0; turn < 100 && !named.includes(tokensAt); turn += 1) {
    if (named) await new Promise((done) => setTimeout(done, 200));
    const policy = (await fetch(url)).headers.get("content-security-policy");
    named = /connect-src ([^;]*)/.exec(policy)[1];
  }
  same(named, `'self' ${issuer} ${tokensAt}`, "whom pages may ask");
});

await check("who isn't logged in sees how to, and nothing else", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(VIEW, { colorScheme });
    await page.getByRole("button", { name: /^Log in with 127/ }).waitFor();
    same(await rows(page).count(), 0, "rows");
    await shot(page, `login-${colorScheme}`);
    await accessible(page, "login");
    await leave(page);
  }
});

await check("a token: a wrong one is said to be, the right one opens this tab and no other", async () => {
  const page = await open(VIEW);
  const enter = async (token) => {
    await page.getByLabel("Token", { exact: true }).fill(token);
    await page.getByRole("button", { name: "Log in with this token" }).click();
  };
  await enter("trunkline_0000");
  await page.getByText("This token isn’t known here").waitFor();
  await enter(await ask("token"));
  await only(page);
  expect(page.url().endsWith(VIEW), page.url());
  const other = await page.context().newPage();
  await other.goto(url);
  await other.getByRole("heading", { name: "Log in" }).waitFor();
  await other.close();
  await page.getByRole("button", { name: /^Log out/ }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.getByLabel("Remember it in this browser").check();
  await enter(await ask("token"));
  await only(page);
  const third = await page.context().newPage();
  await third.goto(url + VIEW);
  await only(third);
  await leave(page);
});

await check("a token that is revoked meanwhile: log in again, and the page is as it was", async () => {
  const page = await open(VIEW);
  const enter = async () => {
    await page.getByLabel("Token", { exact: true }).fill(await ask("token"));
    await page.getByRole("button", { name: "Log in with this token" }).click();
  };
  await enter();
  await only(page);
  await ask("revoke");
  const expired = page.getByText("Your login has expired or was revoked");
  for (let turn = 0; turn < 100 && !(await expired.isVisible()); turn += 1) {
    await page.keyboard.press("r");
    await page.waitForTimeout(200);
  }
  await expired.waitFor();
  same(await rows(page).count(), 0, "rows");
  await accessible(page, "expired");
  await enter();
  await only(page);
  await page.waitForFunction(() => document.querySelector(".chip")?.textContent.includes("LOG"));
  expect(page.url().endsWith(VIEW), page.url());
  await leave(page);
});

await check("the identity provider: there, back to the same view, and nothing is left behind", async () => {
  const page = await open(VIEW);
  const question = page.waitForRequest((request) => request.url().startsWith(`${issuer}/auth?`));
  const back = page.waitForRequest((request) => request.url().startsWith(`${url}/login?`));
  const exchange = page.waitForRequest(`${tokensAt}/token`);
  await logIn(page, "ada");
  const parameters = new URL((await question).url()).searchParams;
  same(parameters.get("code_challenge_method"), "S256", "the challenge");
  await Promise.all([back, exchange]);
  await only(page);
  same(page.url(), url + VIEW, "where one is");
  const kept = await page.evaluate(() => ({
    tab: Object.keys(sessionStorage).sort(),
    ever: Object.keys(localStorage),
  }));
  same(kept, { tab: ["trunkline.refresh", "trunkline.token"], ever: ["trunkline.settings"] }, "what is kept");
  await page.getByRole("button", { name: "Log out, oidc ada" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  same(await page.evaluate(() => sessionStorage.length), 0, "what is kept after logging out");
  await leave(page);
});

await check("a token that expires is renewed, unseen; one that can't be leads to the login", async () => {
  // One second from now, the 60 of the service's patience included.
  lifetime = -59;
  const page = await open(VIEW);
  await logIn(page, "ada");
  await only(page);
  const renewals = () => asked.filter((one) => one === "POST /token").length;
  const before = renewals();
  for (let turn = 0; turn < 50 && renewals() === before; turn += 1) {
    await page.keyboard.press("r");
    await page.waitForTimeout(200);
  }
  expect(renewals() > before, "the provider was asked again");
  await only(page);
  await page.evaluate(() => sessionStorage.setItem("trunkline.refresh", "of no use"));
  const expired = page.getByText("Your login has expired");
  for (let turn = 0; turn < 50 && !(await expired.isVisible()); turn += 1) {
    await page.keyboard.press("r");
    await page.waitForTimeout(200);
  }
  await expired.waitFor();
  lifetime = 600;
  renewable = false;
  // The provider knows who one is: one click, and the view is there again.
  await page.getByRole("button", { name: /^Log in with 127/ }).click();
  await only(page);
  same(page.url(), url + VIEW, "where one is");
  await leave(page);
});

await check("whom the provider knows and the service shows nothing is told so", async () => {
  const page = await open(VIEW);
  await logIn(page, "bob");
  await page.getByText("You may not see this").first().waitFor();
  await page.getByText("doesn't say of which tenant").first().waitFor();
  same(await rows(page).count(), 0, "rows");
  await shot(page, "denied");
  await accessible(page, "denied");
  await page.getByRole("button", { name: "Log in as somebody else" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await leave(page);
});

await check("who turns back at the provider, and an answer that nobody asked for", async () => {
  const page = await open(VIEW);
  await page.getByRole("button", { name: /^Log in with 127/ }).click();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByText("Logging in failed: End-User aborted interaction").waitFor();
  const before = asked.filter((one) => one === "POST /token").length;
  await page.goto(`${url}/login?code=stolen&state=of-another`);
  await page.getByText("this answer is none to a question of this tab").waitFor();
  same(asked.filter((one) => one === "POST /token").length, before, "codes that were exchanged");
  await leave(page);
});

for (const one of [server, tokens]) {
  one.close();
  one.closeAllConnections();
}
end();
