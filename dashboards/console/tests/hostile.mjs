// What is in logs is written by whoever can reach a server. None of it may act on who reads it.

import { accessible, check, end, expect, launch, leave, rows, same, shot, visit } from "./browser.mjs";

const browser = await launch();

await check("markup, escapes, directions and what has no width are shown and do nothing", async () => {
  const page = await visit(browser, "/?from=all&wrap=1");
  await rows(page).first().waitFor();
  const text = await page.locator('[data-testid="rows"]').innerText();
  expect(text.includes("<script>alert(1)</script><img src=x onerror=alert(2)>"), "markup is text");
  expect(text.includes("␛[31mred") && text.includes("␇"), "escapes are marks");
  for (const code of ["U+202E", "U+2066", "U+200B", "U+FEFF", "U+2060", "U+00AD", "U+008F"])
    expect(text.includes(code), code);
  expect(text.includes("👨‍👩‍👧"), "a family is one picture");
  // Of the control characters, tab and line feed are the page's own.
  const wild = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b\ufeff]/u;
  same(
    Array.from(text).filter((one) => wild.test(one) && !"\t\n".includes(one)),
    [],
    "what is there itself",
  );
  same(
    await page.locator('[data-testid="rows"] script, [data-testid="rows"] img, [data-testid="rows"] svg').count(),
    0,
    "elements",
  );
  await shot(page, "hostile");
  await accessible(page, "hostile");
  await leave(page);
});

await check("a message of 5 MB opens at once, a part at a time", async () => {
  const page = await visit(browser, "/?from=all&text=begin");
  await rows(page).first().waitFor();
  const began = performance.now();
  await rows(page).first().click();
  await page.getByRole("button", { name: "Show more" }).waitFor();
  const took = performance.now() - began;
  const length = () => page.locator("pre.large").evaluate((pre) => pre.textContent.length);
  const first = await length();
  expect(first <= 20_100, `${first} characters at first`);
  await page.getByRole("button", { name: "Show more" }).click();
  expect((await length()) > first, "more of it");
  await leave(page);
  return `${Math.round(took)} ms`;
});

await check("the policy forbids what comes from elsewhere", async () => {
  const page = await visit(browser, "/?from=all");
  await rows(page).first().waitFor();
  const headers = (await page.request.get(page.url())).headers();
  const policy = headers["content-security-policy"];
  expect(policy.includes("default-src 'none'") && !policy.includes("unsafe"), policy);
  same(headers["x-content-type-options"], "nosniff");
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    return window.ran === true;
  });
  same(ran, false, "an inline script ran");
  await page.context().close();
});

end();
