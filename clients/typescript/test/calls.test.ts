/** How calls are made: addresses, deadlines, metadata, ids, sizes, and what stays behind. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  CallCancelledError,
  GatewayUnreachableError,
  InvalidRequestError,
  RequestTooLargeError,
  Trunkline,
} from "../src/index.js";
import { VERSION } from "../src/version.js";
import { failure } from "./support/failure.js";
import { scripted } from "./support/scripted.js";
import { gateway, place } from "./support/world.js";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const MIB = 2 ** 20;

test("metadata, the id, the deadline and the version go out", async (t) => {
  const seen: Headers[] = [];
  const { client } = await scripted(t, {
    chat(_, { requestHeader }) {
      seen.push(new Headers(requestHeader));
      return {};
    },
  });
  const one = client({ metadata: { authorization: "Bearer x", many: ["1", "2"], "x-bin": new Uint8Array([1, 2]) } });
  const reply = await one.chat("Hello", { metadata: { Authorization: "Bearer y" }, timeout: 2500.5 });
  const [first] = seen;
  assert.equal(first?.get("authorization"), "Bearer y");
  assert.equal(first?.get("many"), "1, 2");
  assert.equal(first?.get("x-bin"), "AQI");
  assert.equal(first?.get("user-agent"), `trunkline-typescript/${VERSION}`);
  assert.equal(first?.get("x-request-id"), reply.requestId);
  assert.match(reply.requestId, /^[0-9a-f]{32}$/);
  assert.match(first?.get("grpc-timeout") ?? "", /^2[0-9]{3}m$/);
  await one.chat("Hello", { timeout: Infinity, metadata: { "x-request-id": "mine" } });
  assert.equal(seen[1]?.get("grpc-timeout"), null);
  assert.equal(seen[1]?.get("x-request-id"), "mine");
});

test("what cannot be is refused before anything is sent", async () => {
  for (const address of ["http://gateway:50051", "gateway", "::1", ""]) {
    assert.throws(() => new Trunkline({ address }), { name: "TypeError", message: /the address is host:port/ });
  }
  assert.equal(new Trunkline({ address: "[::1]:50051" }).address, "[::1]:50051");
  for (const timeout of [-1, Number.NaN, 1e9]) {
    assert.throws(() => new Trunkline({ timeout }), /a timeout is a number of milliseconds/);
    await assert.rejects(gateway().chat("Hello", { timeout }), TypeError);
  }
  for (const requestId of ["", "ä", "x".repeat(65)]) {
    assert.throws(() => gateway().stream("Hello", { requestId }), /1 to 64 printable ASCII characters/);
  }
  await assert.rejects(gateway().getModel("m", { timeuot: 1 } as object), /unexpected options: timeuot/);
  await assert.rejects(gateway().embed("a", { size: 1 } as object), /unexpected options: size/);
  await assert.rejects(
    gateway().listModels({ capabilities: ["flight" as "chat"] }),
    /capabilities must be one of chat, /,
  );
});

test("a number that its field cannot hold is the request's fault", async () => {
  const error = await failure(gateway().chat("Hello", { maxOutputTokens: 1.5 }), InvalidRequestError);
  assert.match(error.message, /^INVALID_ARGUMENT: .*max_output_tokens/);
});

test("a request that is too large is refused by the gateway, which says by how much", async () => {
  const error = await failure(gateway().chat("x".repeat(33 * MIB)), RequestTooLargeError);
  assert.equal(error.limit, 32 * MIB);
});

test("no call keeps the process alive, however it ended", async () => {
  const program = `
    import { Trunkline } from "./build/src/index.js";
    const client = new Trunkline({ model: "simulator/text" });
    await client.chat("Hello");
    for await (const _ of client.stream("Hello", { model: "simulator/text-n10000-g20", maxOutputTokens: 1000 }).text) break;
    for await (const _ of client.stream("Hello")) break;
    await client.chat("Hello", { model: "simulator/error-429" }).catch(() => {});
    await client.chat("Hello", { model: "simulator/big-n33" }).catch(() => {});
    const vectors = new Trunkline({ address: process.env.TRUNKLINE_VECTORS });
    await vectors.stream("Hello", { model: "vectors/streams/order_block_twice" }).final().catch(() => {});
    client.stream("Hello");
    console.log("done");
  `;
  const node = promisify(execFile);
  const { stdout } = await node(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: PACKAGE,
    timeout: 60_000,
    env: { ...process.env, TRUNKLINE_ADDRESS: place("TRUNKLINE_ADDRESS") },
  });
  assert.equal(stdout, "done\n");
});

test("the package is what it says", async () => {
  const { name, version } = JSON.parse(await readFile(`${PACKAGE}package.json`, "utf8"));
  assert.deepEqual([name, version], ["trunkline", VERSION]);
  const lock = await readFile(`${PACKAGE}package-lock.json`, "utf8");
  assert.deepEqual(lock.match(/https?:\/\/(?!registry\.npmjs\.org|opencollective\.com|github\.com)[^"]+/g), null);
});

test("a client that is closed while it connects may connect anew at once", async () => {
  const client = new Trunkline({ address: "127.0.0.1:1", model: "m", timeout: 20_000 });
  await failure(client.chat("Hello", { signal: AbortSignal.abort() }), CallCancelledError);
  client.close();
  await failure(client.chat("Hello"), GatewayUnreachableError);
});
