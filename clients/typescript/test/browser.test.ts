/** The page of browser/, in a headless Chromium, through Envoy. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Envoy, startEnvoy } from "./support/envoy.js";
import { place, received } from "./support/world.js";

const FOLDER = fileURLToPath(new URL("../../browser/", import.meta.url));
const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

let envoy: Envoy;
let browser: Browser;
let pages: Server;

before(async () => {
  envoy = await startEnvoy(place("TRUNKLINE_ADDRESS"));
  pages = await serve();
  browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-component-update", "--disable-sync", ...QUIET],
  });
});

after(async () => {
  await browser?.close();
  pages?.close();
  await envoy?.stop();
});

/** Serves the page and its bundle. */
async function serve(): Promise<Server> {
  const bundle = await build({ entryPoints: [`${FOLDER}page.ts`], bundle: true, format: "esm", write: false });
  const html = await readFile(`${FOLDER}page.html`);
  const server = createServer(({ url }, response) => {
    const script = url === "/page.js";
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? bundle.outputFiles[0]?.contents : html);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

async function ask(model: string, proxy = envoy.address): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/?proxy=${proxy}`);
  await page.fill("[name=model]", model);
  await page.fill("[name=prompt]", "one two three");
  await page.click("text=Ask");
  return page;
}

/** What the page says at last. */
async function outcome(page: Page): Promise<string> {
  await page.waitForFunction(() => !["", "asked"].includes(document.getElementById("status")?.textContent ?? ""));
  return (await page.textContent("#status")) ?? "";
}

test("a browser streams a chat", async () => {
  const page = await ask("simulator/text");
  assert.match(await outcome(page), /^stop: \d+ tokens$/);
  assert.equal(await page.textContent("#answer"), "You said: one two three");
  assert.ok((await page.evaluate(() => document.getElementById("answer")?.childNodes.length ?? 0)) > 1);
});

test("a browser gets typed errors, before an answer and within it", async () => {
  assert.match(await outcome(await ask("simulator/error-429")), /^RateLimitError 7000: .*model=error-429/);
  const cut = await ask("simulator/cut");
  assert.match(await outcome(cut), /^StreamInterruptedError /);
  assert.match((await cut.textContent("#answer")) ?? "", /./);
});

test("a browser that finds nobody says so", async () => {
  assert.match(await outcome(await ask("simulator/text", "http://127.0.0.1:1")), /^GatewayUnreachableError /);
});

test("a browser that stops, stops the provider", async () => {
  for (const [model, leave] of [
    ["browser-stop-n10000-g20", (page: Page) => page.click("text=Stop")],
    ["browser-close-n10000-g20", (page: Page) => page.close()],
  ] as const) {
    const page = await ask(`simulator/${model}`);
    await page.waitForFunction(() => document.getElementById("answer")?.textContent);
    await leave(page);
    if (!page.isClosed()) assert.match(await outcome(page), /^CallCancelledError /);
    const end = performance.now() + 10_000;
    while ((await received(model))[0]?.outcome !== "hung_up") {
      assert.ok(performance.now() < end, "the provider was not told to stop");
      await sleep(50);
    }
  }
});
