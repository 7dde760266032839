// The other pages, by what a person does there: SQL, patterns, failovers, store, fleet; and a plan as a tree.

import { readFile } from "node:fs/promises";
import { check, end, expect, launch, leave, messages, rows, same, visit } from "./browser.mjs";

const browser = await launch();

await check("SQL: completed, run, underlined where it is wrong, and as a file", async () => {
  const page = await visit(browser, "/sql?sql=");
  const editor = page.locator('[data-testid="editor"] .cm-content');
  await editor.click();
  await page.getByRole("button", { name: "log_time", exact: true }).waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("SELECT error_severity, count(*) AS how_many FROM log.pat");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "patroni" }).first().waitFor();
  await page.keyboard.press("Escape");
  for (let letter = 0; letter < 3; letter += 1) await page.keyboard.press("Backspace");
  await page.keyboard.type("postgres GROUP BY 1 ORDER BY 1");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  const result = page.getByRole("region", { name: "Result" });
  await result.getByRole("columnheader", { name: "how_many" }).waitFor();
  const lines = (await result.getByRole("row").allInnerTexts()).slice(1).map((line) => line.split(/\s+/));
  same(
    lines.map(([severity]) => severity),
    ["LOG", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC"].filter((one) => lines.some(([other]) => other === one)),
    "severities, in their order",
  );
  same(
    lines.find(([severity]) => severity === "PANIC"),
    ["PANIC", "1"],
    "how many died",
  );
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV", exact: true }).click(),
  ]);
  const csv = await readFile(await download.path(), "utf8");
  expect(csv.startsWith("error_severity,how_many") && csv.includes("PANIC,1"), csv);
  await editor.click();
  await page.keyboard.press("Control+a");
  // Over a selection Chromium itself would try to type in the style of what was there, which the policy forbids it.
  await page.keyboard.press("Delete");
  await page.keyboard.type("SELECT mesage FROM log.postgres");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  await page.getByText('column "mesage" does not exist').first().waitFor();
  same(await page.locator('[data-testid="editor"] .cm-lintRange-error').innerText(), "mesage", "what is underlined");
  await leave(page);
});

await check("SQL: what was asked before, and what there is to ask for", async () => {
  const page = await visit(browser, `/sql?sql=${encodeURIComponent("SELECT 40 + 2 AS answer")}`);
  const text = () => page.locator('[data-testid="editor"] .cm-content').innerText();
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("columnheader", { name: "answer" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "History" }).click();
  await page.getByRole("button", { name: "Schema" }).click();
  await page.getByLabel("Table or column").fill("sealed_at");
  await page.getByText("log.chunk_status").waitFor();
  same(await page.getByText("log.patroni", { exact: true }).count(), 0, "tables without such a column");
  await page.getByLabel("Table or column").fill("error_severity");
  await page.getByText("severity", { exact: true }).first().waitFor();
  await page.getByLabel("Table or column").fill("sealed_at");
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.getByRole("button", { name: "sealed_at", exact: true }).first().click();
  same(await text(), "sealed_at", "the statement");
  await page.getByRole("button", { name: "History" }).click();
  await page.getByRole("button", { name: /SELECT 40 \+ 2 AS answer/ }).click();
  same(await text(), "SELECT 40 + 2 AS answer", "the statement that was asked before");
  await leave(page);
});

await check("patterns: what is new, and what becomes more", async () => {
  const page = await visit(browser, "/patterns?from=-30m&min_severity=ERROR");
  const line = (words) => page.getByRole("row").filter({ hasText: words });
  await line("lock timeout").getByText("▲ 20×").waitFor();
  await line("too many clients").getByText("new", { exact: true }).waitFor();
  const all = await page.getByRole("row").allInnerTexts();
  expect(/new\s+☠?\s*PANIC/.test(all[1]), `the worst new one comes first, not ${all[1]}`);
  same(await line("deadlock detected").getByText("new", { exact: true }).count(), 0, "deadlocks are new");
  await page.getByRole("link", { name: /canceling statement due to lock timeout/ }).click();
  await rows(page).first().waitFor();
  expect(
    (await messages(page)).every((one) => one.includes("lock timeout")),
    "its rows",
  );
  await leave(page);
});

await check("failovers: on a line, in a table, and what was written then", async () => {
  const page = await visit(browser, "/failovers");
  const timeline = page.getByRole("region", { name: "Timeline" });
  await timeline.getByRole("link", { name: /orders-0 to orders-1$/ }).waitFor();
  same(await timeline.getByRole("link").count(), 6, "marks");
  const at = (name) => timeline.getByRole("link", { name }).evaluate((mark) => mark.getBoundingClientRect().left);
  expect((await at(/ to orders-1$/)) > (await at(/ to payments-0$/)), "what was later is further right");
  await page
    .getByRole("row")
    .filter({ hasText: "orders-1" })
    .getByRole("link", { name: "What was written then" })
    .click();
  await page.waitForURL(/table=all/);
  for (const words of ["promoted self to leader", "No space left on device"]) {
    await page.getByRole("searchbox").fill(words);
    await page.keyboard.press("Enter");
    await page.locator('[role="gridcell"].message').filter({ hasText: words }).first().waitFor();
    same(await rows(page).count(), 1, "such rows, two minutes around it");
  }
  await leave(page);
});

await check("store: what could not be stored, and how long the rest is kept", async () => {
  const page = await visit(browser, "/store");
  await page.getByText("a quote opens in the middle of a field").click();
  await page.getByText("SELECT <b>1</b>").first().waitFor();
  await page.getByRole("row").filter({ hasText: "billing / ledger" }).getByText("1 year").waitFor();
  const few = await page.getByRole("row").count();
  await page.getByRole("button", { name: /^All \d+ tables$/ }).click();
  expect((await page.getByRole("row").count()) > few, "more tables");
  await leave(page);
});

await check("fleet: who leads, and a pod's own rows", async () => {
  const page = await visit(browser, "/fleet");
  const orders = page.getByRole("article").filter({ hasText: "shop/orders" });
  await orders.getByRole("row").filter({ hasText: "orders-1" }).getByText("primary").waitFor();
  await orders.getByText("orders-0 → orders-1").waitFor();
  await page.getByLabel("Clusters by name").fill("ledger");
  same(await page.getByRole("article").count(), 1, "clusters of this name");
  await page.getByRole("link", { name: "ledger-1" }).click();
  await rows(page).first().waitFor();
  const pods = new Set(await page.locator('[role="gridcell"].pod').allInnerTexts());
  same([...pods], ["ledger-1"], "the pods of the rows");
  await leave(page);
});

await check(
  "a plan that auto_explain wrote is a tree, with what took the time and what was estimated wrongly",
  async () => {
    const page = await visit(browser, "/?from=-2h&text=Query+Text");
    await rows(page).first().click();
    // Each within the one that asks it.
    const loop = page
      .locator("li")
      .filter({ hasText: "HashAggregate" })
      .locator("ul > li")
      .filter({ hasText: "Nested Loop" })
      .first();
    const below = await loop.locator("ul > li > details > summary").allInnerTexts();
    same(
      below.map((one) => one.split("\n")[0]),
      ["Seq Scan on orders o", "Index Scan using customer_pkey on customer c"],
      "what the loop asks",
    );
    expect(/620 ms/.test(below[0]) && /12× off/.test(below[0]), below[0]);
    await loop.getByText("Filter: (created_at >").waitFor();
    await leave(page);
  },
);

end();
