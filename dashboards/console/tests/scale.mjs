// A million rows: any of them can be reached, and the browser holds a few.

import { check, end, expect, launch, leave, messages, rows, same, url, visit } from "./browser.mjs";

const browser = await launch();

await check("scrolling far takes no more memory than scrolling a little", async () => {
  const page = await visit(browser, "/?from=all");
  await rows(page).first().waitFor();
  const protocol = await page.context().newCDPSession(page);
  await protocol.send("HeapProfiler.enable");
  const heap = async () => {
    await protocol.send("HeapProfiler.collectGarbage");
    const { usedSize } = await protocol.send("Runtime.getHeapUsage");
    return usedSize / 2 ** 20;
  };
  const list = page.locator('[data-testid="rows"]');
  const number = async () => Number((await messages(page))[0].slice(4));
  const scroll = async (turns) => {
    for (let turn = 0; turn < turns; turn += 1) {
      await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      await page.waitForFunction(
        () => document.querySelector('[data-testid="rows"]').getAttribute("aria-busy") === "false",
      );
      await page.waitForTimeout(25);
    }
  };
  await scroll(20);
  const [at, little] = [await number(), await heap()];
  await scroll(40);
  const [there, much] = [await number(), await heap()];
  expect(at - there > 10_000, `from row ${at} to ${there}`);
  // The 20,000 rows in between would be more than twice as much.
  expect(much < little + 2, `${little} MiB became ${much} MiB`);
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  expect(nodes < 4_000, `${nodes} elements`);
  await leave(page);
  return `row ${at} with ${little.toFixed(1)} MiB, row ${there} with ${much.toFixed(1)} MiB, ${nodes} elements`;
});

await check("the way back up has every row", async () => {
  const page = await visit(browser, "/?from=all");
  await rows(page).first().waitFor();
  const list = page.locator('[data-testid="rows"]');
  // So far down that the newest rows were let go.
  const deepest = async () => Math.min(...(await messages(page)).map((message) => Number(message.slice(4))));
  for (let turn = 0; turn < 200 && (await deepest()) > 1_000_000 - 4_500; turn += 1) {
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.waitForTimeout(120);
  }
  const seen = new Set();
  // Two frames: in the first the page hears that it was scrolled, in the second it has drawn the rows. A step that isn't drawn isn't seen.
  const drawn = () =>
    page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const look = async () => {
    const numbers = (await messages(page)).map((message) => Number(message.slice(4)));
    for (const [at, number] of numbers.entries()) {
      expect(at === 0 || number === numbers[at - 1] - 1, `row ${number} stands below row ${numbers[at - 1]}`);
      seen.add(number);
    }
  };
  await look();
  const lowest = Math.min(...seen);
  expect(lowest <= 1_000_000 - 4_500, `row ${lowest} is not far down`);
  for (let turn = 0; turn < 2_000 && !seen.has(1_000_000); turn += 1) {
    await list.evaluate((element) => element.scrollBy(0, -560));
    await drawn();
    await page.waitForFunction(
      () => document.querySelector('[data-testid="rows"]').getAttribute("aria-busy") === "false",
    );
    await look();
  }
  expect(seen.has(1_000_000), "the newest row is reached");
  same(1_000_000 - lowest + 1 - seen.size, 0, "the rows that were passed over");
  await leave(page);
  return `${seen.size} rows`;
});

await check("what is read stays where it is while newer rows are put in above it", async () => {
  // Three requests in a row: the second is asked for while the page is still where the first one was put in.
  const page = await visit(browser, "/?from=all");
  const held = [];
  // Before the page is there, which may ask for newer rows as soon as it has some.
  await page.route(/\/api\/v1\/logs\?.*cursor=02/, (route) => held.push(route));
  await page.goto(`${url}/?from=all&at=2026-11-22T05:00:00Z`);
  await rows(page).first().waitFor();
  const list = page.locator('[data-testid="rows"]');
  await list.evaluate((element) => element.scrollTo(0, 1_080));
  await list.evaluate((element) => element.scrollBy(0, -333));
  const until = async (count) => {
    for (let turn = 0; turn < 200 && held.length < count; turn += 1) await page.waitForTimeout(25);
    expect(held.length >= count, `${held.length} requests for newer rows`);
  };
  /** Which row is the third on the screen, and where. */
  const third = () =>
    list.evaluate((element) => {
      const top = element.getBoundingClientRect().top;
      const all = [...element.querySelectorAll('[role="row"][aria-selected]')];
      const row = all
        .filter((one) => one.getBoundingClientRect().top >= top + 60)
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)[0];
      return [row?.querySelector(".message").textContent, row && Math.round(row.getBoundingClientRect().top - top)];
    });
  for (let turn = 1; turn <= 3; turn += 1) {
    await until(1);
    // Somebody scrolls while they are on their way.
    await list.evaluate((element) => element.scrollBy(0, -40));
    await page.waitForTimeout(120);
    const before = await third();
    await held.shift().continue();
    await page.waitForFunction(
      () => document.querySelector('[data-testid="rows"]').getAttribute("aria-busy") === "false",
    );
    await page.waitForTimeout(200);
    same(await third(), before, `what is read, the ${turn}. time`);
    same(held.length, 0, "requests that nobody's scrolling asked for");
    if (turn < 3) await list.evaluate((element) => element.scrollTo(0, 600));
  }
  await leave(page);
});

await check("the oldest rows, and those of any moment", async () => {
  const page = await visit(browser, "/?from=all");
  await rows(page).first().waitFor();
  await page.keyboard.press("G");
  await page.waitForURL(/at=oldest/);
  // What stands above may have been put in already.
  await page.waitForFunction(() =>
    [...document.querySelectorAll('[role="gridcell"].message')].some((one) => /^row 1?\d{1,2}$/.test(one.textContent)),
  );
  await page.goto(`${url}/?from=all&at=2026-11-22T05:00:00Z`);
  await page.waitForFunction(() =>
    /^row 3\d{5}$/.test(document.querySelector('[role="gridcell"].message')?.textContent ?? ""),
  );
  await leave(page);
});

end();
