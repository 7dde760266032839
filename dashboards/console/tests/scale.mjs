// A million rows: any of them can be reached, and the browser holds a few.

import { check, end, expect, launch, leave, messages, rows, url, visit } from "./browser.mjs";

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
  expect(much < little * 1.3 + 4, `${little} MiB became ${much} MiB`);
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
  for (let turn = 0; turn < 14; turn += 1) {
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.waitForTimeout(120);
  }
  const seen = new Set();
  const look = async () => {
    const numbers = (await messages(page)).map((message) => Number(message.slice(4)));
    for (const [at, number] of numbers.entries()) {
      expect(at === 0 || number === numbers[at - 1] - 1, `row ${number} stands below row ${numbers[at - 1]}`);
      seen.add(number);
    }
  };
  await look();
  const lowest = Math.min(...seen);
  for (let turn = 0; turn < 2_000 && !seen.has(1_000_000); turn += 1) {
    await list.evaluate((element) => element.scrollBy(0, -560));
    await page.waitForTimeout(12);
    await page.waitForFunction(
      () => document.querySelector('[data-testid="rows"]').getAttribute("aria-busy") === "false",
    );
    await look();
  }
  expect(seen.has(1_000_000), "the newest row is reached");
  const missing = 1_000_000 - lowest + 1 - seen.size;
  // Where newer rows are put in above, a step may pass over some between two looks; what is looked at is without a gap.
  expect(missing < seen.size / 20, `${missing} rows of ${seen.size} were not seen`);
  await leave(page);
  return `${seen.size} rows, ${missing} passed over`;
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
