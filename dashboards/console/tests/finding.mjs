// Finding rows: search, condition, values, time, columns, keys, and that the address says it all.

import { check, end, expect, launch, leave, messages, rows, same, url, visit } from "./browser.mjs";

const browser = await launch();
const FROM = "from=-2h";

async function total(page) {
  return page.locator(".legend strong").first().innerText();
}

async function settled(page) {
  await page.waitForFunction(
    () =>
      document.querySelector('[data-testid="rows"]')?.getAttribute("aria-busy") !== "true" &&
      document.querySelector('aside[aria-busy="false"]'),
  );
  await page.waitForTimeout(150);
}

await check("newest first, and older rows as one scrolls", async () => {
  const page = await visit(browser, `/?${FROM}&tz=utc`);
  await rows(page).first().waitFor();
  const times = async () => page.locator('[role="gridcell"].log_time').allInnerTexts();
  const top = await times();
  same(top, [...top].sort().reverse(), "the order");
  for (let turn = 0; turn < 12; turn += 1) {
    await page.locator('[data-testid="rows"]').evaluate((list) => list.scrollBy(0, 2_500));
    await page.waitForTimeout(80);
  }
  const below = await times();
  expect(below[0] < top.at(-1), `${below[0]} is older than ${top.at(-1)}`);
  expect((await rows(page).count()) < 120, "few rows are on the page");
  await leave(page);
});

await check("text, a link to it, and the way back", async () => {
  const page = await visit(browser, `/?${FROM}`);
  await rows(page).first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("DEADLOCK");
  await page.keyboard.press("Enter");
  // The rows from before are marked, too, until those that were asked for are there.
  await page.waitForFunction(() => {
    const shown = [...document.querySelectorAll('[role="gridcell"].message')];
    return shown.length > 0 && shown.every((one) => one.querySelector("mark") && one.textContent.includes("deadlock"));
  });
  expect(page.url().includes("text=DEADLOCK"), page.url());
  await page.goBack();
  await page.waitForFunction(() => document.querySelectorAll("mark").length === 0);
  same(await page.getByRole("searchbox").first().inputValue(), "", "the box");
  await leave(page);
});

await check("a regular expression, and what is wrong with one", async () => {
  const page = await visit(browser, `/?${FROM}`);
  await page.getByRole("button", { name: /Regular expression/ }).click();
  await page.getByRole("searchbox").fill("^deadlock detected$");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() =>
    document.querySelector('[role="gridcell"].message')?.textContent?.includes("deadlock"),
  );
  await page.getByRole("searchbox").fill("(");
  await page.keyboard.press("Enter");
  await page.locator("#search-problem").waitFor();
  await leave(page);
});

await check("a condition in SQL, completed, underlined where it is wrong, and mended", async () => {
  const page = await visit(browser, `/?${FROM}`);
  await page.getByRole("button", { name: /condition in SQL/ }).click();
  const editor = page.locator('[data-testid="where"] .cm-content');
  await editor.click();
  await page.keyboard.type("sql_sta");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "sql_state_code" }).waitFor();
  await page.waitForTimeout(120);
  await page.keyboard.press("Tab");
  await page.keyboard.type(" = '");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "23505" }).waitFor();
  await page.keyboard.type("23505");
  await page.keyboard.press("Escape");
  await page.keyboard.type("' AND low");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "lower" }).waitFor();
  for (let letter = 0; letter < 8; letter += 1) await page.keyboard.press("Backspace");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForFunction(() =>
    document.querySelector('[role="gridcell"].message')?.textContent?.includes("duplicate key"),
  );
  expect(
    (await messages(page)).every((one) => one.includes("duplicate key")),
    "only duplicates",
  );
  await page.goto(`${url}/?${FROM}&where=${encodeURIComponent("user_name = 'app' AND mesage LIKE '%dead%'")}`);
  await page.locator('[data-testid="where"] .cm-lintRange-error').waitFor();
  same(await page.locator('[data-testid="where"] .cm-lintRange-error').innerText(), "mesage", "what is underlined");
  await page.getByRole("button", { name: "Use message" }).click();
  await rows(page).first().waitFor();
  expect(page.url().includes("message"), page.url());
  await leave(page);
});

await check("values with their counts; a click includes, another excludes", async () => {
  const page = await visit(browser, `/?${FROM}`);
  await settled(page);
  const side = page.getByRole("complementary", { name: "Filter by values" });
  await side.getByRole("button", { name: /^23505 unique violation/ }).waitFor();
  const severities = await side
    .getByRole("button", { name: /^All but Severity / })
    .evaluateAll((all) => all.map((one) => one.getAttribute("aria-label").slice("All but Severity ".length)));
  same(severities, ["PANIC", "FATAL", "ERROR", "WARNING", "NOTICE", "LOG"], "severities, the worst one first");
  await side.getByRole("button", { name: /^⬣? ?FATAL/ }).click();
  await page.waitForURL(/severity=FATAL/);
  await settled(page);
  expect(
    (await page.locator('[role="gridcell"].error_severity').allInnerTexts()).every((one) => one.includes("FATAL")),
    "only FATAL",
  );
  await side
    .getByRole("button", { name: /ERROR \d/ })
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Remove Severity FATAL" }).click();
  await page.waitForURL((address) => !address.search.includes("FATAL"));
  await settled(page);
  await side.getByRole("button", { name: "All but Cluster orders" }).click();
  await page.waitForURL(/cluster!=orders/);
  await settled(page);
  expect(!(await page.locator('[role="gridcell"].cluster').allInnerTexts()).includes("orders"), "no orders");
  await leave(page);
});

await check("time: presets, absolute, a brush over the histogram, back and forward", async () => {
  const page = await visit(browser, `/?tz=utc`);
  await settled(page);
  await page.getByTitle("Time range").click();
  await page.getByRole("button", { name: "Last 15 minutes" }).click();
  await page.waitForURL(/from=-15m/);
  await settled(page);
  const few = await total(page);
  const plot = page.locator(".u-over");
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30, { steps: 6 });
  await page.mouse.up();
  await page.waitForURL(/to=20/);
  await settled(page);
  const range = new URL(page.url()).searchParams;
  const seconds = (Date.parse(range.get("to")) - Date.parse(range.get("from"))) / 1_000;
  expect(Math.abs(seconds - 270) < 20, `three tenths of 15 minutes are 270 s, not ${seconds}`);
  expect((await total(page)) !== few, "fewer rows");
  await page.getByRole("button", { name: "Earlier by this length" }).click();
  await page.waitForURL((address) => address.searchParams.get("to") === range.get("from"));
  await page.goBack();
  await page.goBack();
  await page.waitForURL(/from=-15m/);
  await page.goForward();
  await page.waitForURL((address) => address.searchParams.get("to") === range.get("to"));
  await page.getByTitle("Time range").click();
  await page.getByLabel("From", { exact: false }).first().fill("2026-01-01T00:00:01");
  await page.getByLabel("To, or empty").fill("");
  await page.getByRole("button", { name: "Show this time" }).click();
  await page.waitForURL(/from=2026-01-01T00:00:01/);
  await leave(page);
});

await check("a click on a bar goes to that time, and newer rows are above", async () => {
  const page = await visit(browser, `/?from=-1h&tz=utc`);
  await settled(page);
  const newest = (await page.locator('[role="gridcell"].log_time').allInnerTexts())[0];
  const box = await page.locator(".u-over").boundingBox();
  await page.mouse.click(box.x + box.width * 0.5, box.y + box.height - 3);
  await page.waitForURL(/at=/);
  await settled(page);
  const there = (await page.locator('[role="gridcell"].log_time').allInnerTexts())[0];
  expect(there < newest, `${there} is older than ${newest}`);
  for (let turn = 0; turn < 60; turn += 1) {
    await page.locator('[data-testid="rows"]').evaluate((list) => list.scrollTo(0, 0));
    await page.waitForTimeout(60);
  }
  const above = (await page.locator('[role="gridcell"].log_time').allInnerTexts())[0];
  expect(above > there, `${above} is newer than ${there}`);
  await leave(page);
});

await check("a link shows the same rows in another browser", async () => {
  const page = await visit(browser, `/?${FROM}`);
  await settled(page);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page
    .getByRole("complementary", { name: "Filter by values" })
    .getByRole("button", { name: /ERROR \d/ })
    .first()
    .click();
  await page.waitForURL(/severity=ERROR/);
  await settled(page);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByLabel("SQLSTATE", { exact: true }).check();
  await page.keyboard.press("Escape");
  // The columns that this browser remembers, and the other can't know of but by the link.
  await page.goto(`${url}/?${FROM}&severity=ERROR`);
  await settled(page);
  await page.getByRole("button", { name: "Share and export" }).click();
  await page.getByRole("menuitem", { name: "Copy a link" }).click();
  await page.getByText("Link copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link.startsWith(url), link);
  const other = await visit(await launch(), link.slice(url.length), { timezoneId: "America/New_York" });
  await settled(other);
  const text = async (one) => one.locator('[data-testid="rows"] [role="row"]').allInnerTexts();
  const [mine, theirs] = [await text(page), await text(other)];
  same(theirs.slice(0, 20), mine.slice(0, 20), "the rows of the other browser");
  expect(mine[0].includes("SQLSTATE"), "the column is there");
  await other.context().browser().close();
  await leave(page);
});

await check("columns are chosen, moved, resized and remembered", async () => {
  const page = await visit(browser, `/?${FROM}`);
  await settled(page);
  const heads = () => page.getByRole("columnheader").allInnerTexts();
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByLabel("User", { exact: true }).uncheck();
  await page.getByRole("button", { name: "Database to the left" }).click();
  await page.keyboard.press("Escape");
  const before = await heads();
  expect(!before.includes("User") && before.indexOf("Database") < before.indexOf("Pod"), String(before));
  const handle = page.getByRole("separator", { name: "Width of Cluster" });
  await handle.focus();
  for (let turn = 0; turn < 5; turn += 1) await page.keyboard.press("ArrowRight");
  const width = await handle.getAttribute("aria-valuenow");
  await page.goto(`${url}/?${FROM}`);
  await settled(page);
  same(await heads(), before, "the columns after a reload");
  same(
    await page.getByRole("separator", { name: "Width of Cluster" }).getAttribute("aria-valuenow"),
    width,
    "the width",
  );
  await leave(page);
});

await check("time in another zone", async () => {
  const page = await visit(browser, `/?${FROM}&tz=utc`);
  await rows(page).first().waitFor();
  const hour = async () =>
    Number((await page.locator('[role="gridcell"].log_time').first().innerText()).replace(/\s/g, "").slice(10, 12));
  const utc = await hour();
  await page.getByRole("button", { name: "Time zone" }).click();
  await page.getByLabel("The servers’, or another").fill("Asia/Kolkata");
  await page.waitForURL((address) => !address.search.includes("tz"));
  await page.waitForTimeout(200);
  const shift = ((await hour()) - utc + 24) % 24;
  expect(shift === 5 || shift === 6, `5:30 ahead, not ${shift}`);
  await leave(page);
});

await check("keys", async () => {
  const page = await visit(browser, `/?${FROM}&sqlstate=40P01`);
  await rows(page).first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  same(await page.locator('[role="row"][aria-selected="true"]').getAttribute("aria-rowindex"), "2", "the row");
  const height = () =>
    page.locator('[role="row"][aria-selected="true"]').evaluate((row) => row.getBoundingClientRect().height);
  const closed = await height();
  await page.keyboard.press("Escape");
  await page.getByRole("tab", { name: "Record" }).waitFor({ state: "detached" });
  await page.goto(`${url}/?${FROM}&text=audit.event`);
  await rows(page).first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("e");
  await page.waitForTimeout(200);
  expect((await height()) > closed + 10, "all lines of the row");
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByText("Follow what is written now").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("G");
  await page.waitForURL(/at=oldest/);
  await leave(page);
});

await check("a record: fields, copies, what stands around it", async () => {
  const page = await visit(browser, `/?${FROM}&cluster=orders&severity=PANIC`);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await rows(page).first().click();
  await page.getByRole("button", { name: "Copy as JSON" }).click();
  await page.getByText("JSON copied").waitFor({ state: "attached" });
  const row = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  same([row.error_severity, row.sql_state_code, row.cluster], ["PANIC", "53100", "orders"], "the copy");
  await page.getByRole("button", { name: "Copy as psql" }).click();
  await page.waitForTimeout(200);
  const sql = await page.evaluate(() => navigator.clipboard.readText());
  expect(sql.includes("FROM log.postgres") && sql.includes(row.stream), sql);
  const link = page.getByRole("link", { name: /53100 disk full/ });
  expect((await link.getAttribute("href")).includes("errcodes-appendix"), "the manual");
  await page.getByRole("tab", { name: "Pod & Patroni" }).click();
  await page.getByText("the leader with the lock").first().waitFor();
  await page
    .getByText("too many clients")
    .first()
    .waitFor({ timeout: 5_000 })
    .catch(() => {});
  await page.getByRole("tab", { name: "Log file" }).click();
  await page.locator('[aria-current="true"]').getByText("No space left on device").waitFor();
  await page.getByRole("tab", { name: "Record" }).click();
  await page.getByRole("button", { name: /^All but pod/ }).click();
  await page.waitForURL(/pod!=orders-0/);
  await leave(page);
});

await check("all rows of a view as a file", async () => {
  const page = await visit(browser, `/?${FROM}&severity=PANIC`);
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Share and export" }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("menuitem", { name: "All rows as CSV" }).click(),
  ]);
  const { readFile } = await import("node:fs/promises");
  const csv = await readFile(await download.path(), "utf8");
  expect(csv.startsWith("log_time,") && csv.includes("No space left on device"), csv.slice(0, 200));
  await leave(page);
});

await check("searches are saved, shown and deleted", async () => {
  const page = await visit(browser, `/?${FROM}&severity=PANIC`);
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.getByLabel("Save what is shown as").fill("what died");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "what died", exact: true }).waitFor();
  await page.goto(`${url}/`);
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.getByRole("button", { name: "what died", exact: true }).click();
  await page.waitForURL(/severity=PANIC/);
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy a link to what died" }).click();
  await page.getByText("a link to what died copied").waitFor({ state: "attached" });
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(/\/\?search=[^&]+$/.test(link), link);
  const other = await visit(await launch(), link.slice(url.length));
  await other.waitForURL(/severity=PANIC/);
  await settled(other);
  same(await messages(other), await messages(page), "the rows of the other browser");
  same((await messages(other)).length, 1, "rows");
  await other.context().browser().close();
  await page.getByRole("button", { name: "Delete what died" }).click();
  await page.getByText("None was saved yet").waitFor();
  await page.goto(link);
  await page.getByText("This search isn’t there any more").waitFor();
  await leave(page);
});

await check("every request is one that /openapi.json describes", async () => {
  const description = await (await fetch(`${url}/openapi.json`)).json();
  const page = await visit(browser, "/fleet");
  const wrong = new Set();
  page.on("request", (request) => {
    const address = new URL(request.url());
    if (!address.pathname.startsWith("/api/")) return;
    const path = Object.keys(description.paths).find(
      (one) => one === address.pathname || (one.includes("{") && address.pathname.startsWith(one.split("{")[0])),
    );
    const operation = path && description.paths[path][request.method().toLowerCase()];
    if (!operation) return wrong.add(`${request.method()} ${address.pathname}`);
    const known = new Set((operation.parameters ?? []).map((one) => one.name));
    for (const name of address.searchParams.keys()) if (!known.has(name)) wrong.add(`${address.pathname}?${name}`);
  });
  for (const path of [
    "/",
    "/?from=-2h&user=app&pod!=x&text=a&regex=b&where=true&severity=LOG&table=all&at=-1m",
    "/fleet",
    "/failovers?cluster=orders",
    ...(description.paths["/api/v1/patterns"] ? ["/patterns"] : []),
    "/store",
    "/sql",
  ]) {
    await page.goto(url + path);
    await page.waitForTimeout(700);
  }
  await page.goto(`${url}/?${FROM}`);
  await rows(page).first().click();
  for (const tab of ["Log file", "Session", "Pod & Patroni"]) {
    const found = page.getByRole("tab", { name: tab });
    if (await found.count()) await found.click();
    await page.waitForTimeout(150);
  }
  same([...wrong], [], "what isn't described");
  await leave(page);
});

end();
