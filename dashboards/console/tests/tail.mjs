// The live tail: it follows, waits for who reads, puts late rows where they belong, and goes on after the service was away.

import { accessible, ask, check, end, expect, launch, leave, messages, rows, same, shot, visit } from "./browser.mjs";

const browser = await launch();
const page = await visit(browser, "/?from=all");
await rows(page).first().waitFor();
let sent = 100;

async function more(count) {
  await ask(`rows ${count}`);
  sent += count;
}

const topIs = (message) =>
  page.waitForFunction(
    (wanted) => document.querySelector('[role="gridcell"].message')?.textContent === wanted,
    message,
    { timeout: 20_000 },
  );

async function inOrder() {
  const numbers = (await messages(page)).filter((one) => one.startsWith("row")).map((one) => Number(one.slice(4)));
  same(
    numbers,
    numbers.map((_, at) => numbers[0] - at),
    "the rows on the screen",
  );
}

await check("follows", async () => {
  await page.keyboard.press("f");
  await page.locator(".pulse.on").waitFor();
  await more(5);
  await topIs(`row ${sent}`);
  await inOrder();
});

await check("a row that arrives late appears where it belongs", async () => {
  await ask("late here is the late one");
  const list = page.locator('[data-testid="rows"]');
  // 105 rows are more than a screen.
  await page.waitForTimeout(1_500);
  let around = [];
  for (let turn = 0; turn < 12 && around.length === 0; turn += 1) {
    const seen = await messages(page);
    const at = seen.indexOf("here is the late one");
    if (at > 0) around = seen.slice(at - 1, at + 2);
    await list.evaluate((element) => element.scrollBy(0, 400));
    await page.waitForTimeout(150);
  }
  // Of the same second as `row 51`, and of a greater stream, so it is before it.
  same(around, ["row 52", "here is the late one", "row 51"], "its neighbours");
  await list.evaluate((element) => element.scrollTo(0, 0));
  await topIs(`row ${sent}`);
});

await check("waits while somebody reads further down, and says how many are new", async () => {
  const list = page.locator('[data-testid="rows"]');
  await list.evaluate((element) => element.scrollTo(0, 800));
  await page.waitForTimeout(300);
  const before = await messages(page);
  await more(30);
  await page.getByRole("button", { name: "30 new" }).waitFor();
  same(await messages(page), before, "what is read");
  await shot(page, "tail");
  await accessible(page, "the tail");
  await page.getByRole("button", { name: "30 new" }).click();
  await topIs(`row ${sent}`);
  await inOrder();
});

await check("goes on after the service was away, without a gap", async () => {
  const before = (await messages(page)).slice(0, 15);
  await ask("stop");
  await page.getByText("The service doesn’t answer").waitFor({ timeout: 30_000 });
  same((await messages(page)).slice(0, 15), before, "what was there");
  await shot(page, "away");
  await accessible(page, "a service that is away");
  await ask("start");
  // Stored before the browser is back.
  await more(40);
  await topIs(`row ${sent}`);
  await page.getByText("The service doesn’t answer").waitFor({ state: "detached" });
  await more(3);
  await topIs(`row ${sent}`);
  await inOrder();
});

await check("without the tail: what is asked while the service is away comes when it is back", async () => {
  await page.keyboard.press("f");
  await page.locator(".pulse").waitFor({ state: "detached" });
  await ask("stop");
  await page.keyboard.press("/");
  await page.keyboard.type("row 7");
  await page.keyboard.press("Enter");
  await page.getByText("The service doesn’t answer").waitFor({ timeout: 30_000 });
  await ask("start");
  await page.waitForFunction(() => {
    const all = [...document.querySelectorAll('[role="gridcell"].message')].map((one) => one.textContent);
    return all.length > 0 && all.every((one) => one.includes("row 7"));
  });
  await page.getByText("The service doesn’t answer").waitFor({ state: "detached" });
});

await check("nothing went wrong on the page", async () => {
  expect(sent > 100, "rows were sent");
  await leave(page);
});

end();
