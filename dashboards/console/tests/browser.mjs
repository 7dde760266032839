// What the tests of the console share: a browser, checks that go on where one fails, and a line to the test that runs the servers.
//
// TRUNKLINE_URL is the service's address, TRUNKLINE_OUTPUT a directory for screenshots. A line `do <something>` on standard output asks the
// test in Rust to do it; the answer is a line on standard input.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const url = process.env.TRUNKLINE_URL;
const output = process.env.TRUNKLINE_OUTPUT;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

mkdirSync(output, { recursive: true });

let failed = 0;
let passed = 0;

/** Runs one check; the others go on when it fails. */
export async function check(name, act) {
  const began = performance.now();
  try {
    const said = await act();
    passed += 1;
    console.log(`ok      ${name}${said ? `: ${said}` : ""} (${Math.round(performance.now() - began)} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${String(error?.stack ?? error).slice(0, 3_000)}`);
  }
}

export function expect(is, words) {
  if (!is) throw new Error(words);
}

export function same(found, wanted, words = "") {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${words} is ${one}, not ${other}`);
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test in Rust do something. */
export async function ask(what) {
  console.log(`do ${what}`);
  const { value } = await answers.next();
  return value;
}

export async function launch() {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A page of a person who was never here. What it may not do, and does, is kept in `page.wrongs`. */
export async function visit(browser, path, options = {}) {
  const { token, hosts = [], ...rest } = options;
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: "light",
    timezoneId: "Europe/Berlin",
    ...rest,
  });
  if (token) await context.addInitScript((value) => sessionStorage.setItem("trunkline.token", value), token);
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.wrongs = [];
  page.on("pageerror", (error) => page.wrongs.push(String(error.stack)));
  page.on("console", (message) => {
    // A policy that is broken, not a request that is refused: those are part of some checks.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) page.wrongs.push(message.text());
  });
  page.on("request", (request) => {
    if (![url, ...hosts, "blob:", "data:", "about:"].some((start) => request.url().startsWith(start)))
      page.wrongs.push(`asked ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    page.wrongs.push(`said ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url + path);
  return page;
}

export async function leave(page) {
  same(page.wrongs, [], "what went wrong on the page");
  await page.context().close();
}

export const rows = (page) => page.locator('[data-testid="rows"] [role="row"][aria-selected]');

/** The messages on the screen, from the top. */
export async function messages(page) {
  return page.locator('[data-testid="rows"] [role="gridcell"].message').allInnerTexts();
}

export async function shot(page, name) {
  await page.screenshot({ path: `${output}/${name}.png` });
}

/** Fails with what keeps somebody from using the page. */
export async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(
    (one) =>
      `${one.id} (${one.help}): ${one.nodes
        .slice(0, 3)
        .map((node) => `${node.target} ${node.html.slice(0, 120)}`)
        .join(" | ")}`,
  );
  same(found, [], `axe on ${name}`);
}

export function end() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
