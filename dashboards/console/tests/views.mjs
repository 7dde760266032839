// Every page in both themes: that it shows what is stored, that anybody can use it, and a picture of it.

import { accessible, check, end, expect, launch, leave, rows, same, shot, visit } from "./browser.mjs";

const browser = await launch();

const PAGES = [
  { name: "logs", path: "/?from=-2h", ready: async (page) => expect((await rows(page).count()) > 10, "rows") },
  {
    name: "record",
    path: "/?from=-2h&sqlstate=40P01",
    ready: async (page) => {
      await rows(page).first().click();
      await page.getByRole("tab", { name: "Record" }).waitFor();
    },
  },
  {
    name: "plan",
    path: "/?from=-2h&text=Query+Text",
    ready: async (page) => {
      await rows(page).first().click();
      await page.getByText("Nested Loop").first().waitFor();
    },
  },
  {
    name: "where",
    path: "/?from=-2h&where=mesage+~+%27dead%27",
    ready: async (page) => page.getByRole("button", { name: "Use message" }).waitFor(),
  },
  {
    name: "empty",
    path: "/?from=-2h&text=nobodywritesthis",
    ready: async (page) => page.getByText("No rows within this time").waitFor(),
  },
  { name: "fleet", path: "/fleet", ready: async (page) => page.getByRole("link", { name: "shop/orders" }).waitFor() },
  {
    name: "failovers",
    path: "/failovers",
    ready: async (page) => page.getByText("What was written then").first().waitFor(),
  },
  {
    name: "patterns",
    path: "/patterns?from=-1d",
    ready: async (page) => page.getByText("An example").first().waitFor(),
  },
  { name: "store", path: "/store", ready: async (page) => page.getByText("Hypertable chunks").waitFor() },
  {
    name: "sql",
    path: "/sql",
    ready: async (page) => {
      await page.getByRole("button", { name: "Run" }).click();
      await page.getByRole("button", { name: "Chart" }).click();
      await page.locator(".chart canvas").waitFor();
    },
  },
];

for (const colorScheme of ["light", "dark"]) {
  for (const { name, path, ready } of PAGES) {
    await check(`${name}, ${colorScheme}`, async () => {
      const page = await visit(browser, path, { colorScheme });
      if (name !== "where" && path.startsWith("/?") && name !== "empty") await rows(page).first().waitFor();
      await ready(page);
      await page.waitForTimeout(400);
      same(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme, "the theme");
      await shot(page, `${name}-${colorScheme}`);
      await accessible(page, name);
      await leave(page);
    });
  }
}

await check("on a phone", async () => {
  const page = await visit(browser, "/?from=-2h", {
    viewport: { width: 390, height: 800 },
    hasTouch: true,
    isMobile: true,
  });
  await rows(page).first().waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide <= 390, `the page is ${wide} wide`);
  const { y } = await page.locator('[data-testid="rows"]').boundingBox();
  expect(y <= 330, `the rows begin at ${y}`);
  await shot(page, "phone");
  await accessible(page, "phone");
  await rows(page).first().tap();
  await page.getByRole("tab", { name: "Record" }).waitFor();
  await shot(page, "phone-record");
  await page.getByRole("button", { name: "Close" }).tap();
  await leave(page);
});

await check("at 200 % zoom", async () => {
  const page = await visit(browser, "/?from=-2h", { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 });
  await rows(page).first().waitFor();
  await page.getByRole("searchbox").waitFor();
  // The tools come a moment later, and settle.
  const begins = async () => (await page.locator('[data-testid="rows"]').boundingBox()).y;
  for (let tries = 0; tries < 50 && (await begins()) > 230; tries++) await page.waitForTimeout(100);
  const y = await begins();
  expect(y <= 230, `the rows begin at ${y}, and the screen ends at 450`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide <= 720, `the page is ${wide} wide`);
  await shot(page, "zoomed");
  await leave(page);
});

await check("the theme that is chosen stays", async () => {
  const page = await visit(browser, "/?from=-2h");
  await page.getByRole("button", { name: "Colours" }).click();
  await page.getByRole("menuitem", { name: "Dark" }).click();
  same(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "the theme");
  await page.reload();
  same(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "the theme after a reload");
  await leave(page);
});

await check("the log view's script is at most 150 KiB, compressed", async () => {
  const page = await visit(browser, "/?from=-2h");
  await rows(page).first().waitFor();
  await page.waitForTimeout(1_000);
  const scripts = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((one) => /\.js$/.test(new URL(one.name).pathname))
      .map((one) => one.encodedBodySize),
  );
  const size = scripts.reduce((sum, one) => sum + one, 0) / 1024;
  expect(scripts.length > 0 && scripts.every((one) => one > 0), "sizes are known");
  expect(size <= 150, `${size} KiB`);
  await leave(page);
  return `${size.toFixed(1)} KiB in ${scripts.length} files`;
});

end();
