/** Other tries of calls that found the gateway unavailable. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { APIError, CallCancelledError, GatewayUnreachableError, type Trunkline } from "../src/index.js";
import { failure } from "./support/failure.js";
import { begin, done, end, more, type Scripted, scripted, start } from "./support/scripted.js";

/** Fails the first calls, each with its own pushback, and then answers. */
function failing(
  all: TestContext,
  code: Code,
  ...pushbacks: (string | undefined)[]
): Promise<Scripted & { seen: string[] }> {
  const seen: string[] = [];
  const next = ({ requestHeader }: HandlerContext) => {
    seen.push(requestHeader.get("grpc-previous-rpc-attempts") ?? "0");
    if (seen.length > pushbacks.length) return;
    const pushback = pushbacks[seen.length - 1];
    throw new ConnectError("not yet", code, pushback === undefined ? {} : { "grpc-retry-pushback-ms": pushback });
  };
  const server = scripted(all, {
    chat(_, context) {
      next(context);
      return {};
    },
    async *streamChat(_, context) {
      next(context);
      yield { events: [start, begin, more("Hello"), end, done] };
    },
  });
  return server.then((running) => ({ ...running, seen }));
}

const ways = {
  chat: (client: Trunkline) => client.chat("Hello"),
  stream: (client: Trunkline) => client.stream("Hello").final(),
};

for (const [name, call] of Object.entries(ways)) {
  test(`${name}: two failures are survived, and the server told of them`, async (t) => {
    const { client, seen } = await failing(t, Code.Unavailable, undefined, undefined);
    await call(client());
    assert.deepEqual(seen, ["0", "1", "2"]);
  });

  test(`${name}: three are not`, async (t) => {
    const { client, seen } = await failing(t, Code.Unavailable, undefined, undefined, undefined);
    const error = await failure(call(client()), GatewayUnreachableError);
    assert.equal(error.rawMessage, "not yet");
    assert.equal(seen.length, 3);
  });

  for (const pushback of ["-1", "soon"]) {
    test(`${name}: a server that says ${pushback} is not asked again`, async (t) => {
      const { client, seen } = await failing(t, Code.Unavailable, pushback);
      await failure(call(client()), GatewayUnreachableError);
      assert.equal(seen.length, 1);
    });
  }

  test(`${name}: a server that says when is asked then`, async (t) => {
    const { client, seen } = await failing(t, Code.Unavailable, "300");
    const began = performance.now();
    await call(client());
    assert.ok(performance.now() - began >= 295);
    assert.equal(seen.length, 2);
  });

  test(`${name}: other failures are final`, async (t) => {
    const { client, seen } = await failing(t, Code.Unknown, undefined);
    await failure(call(client()), APIError);
    assert.equal(seen.length, 1);
  });

  test(`${name}: no try begins after the deadline`, async (t) => {
    const { client, seen } = await failing(t, Code.Unavailable, "5000");
    await failure(call(client({ timeout: 2000 })), GatewayUnreachableError);
    assert.equal(seen.length, 1);
  });
}

test("a call that is cancelled meanwhile is not tried again", async (t) => {
  const { client, seen } = await failing(t, Code.Unavailable, "60000");
  const controller = new AbortController();
  const call = failure(client({ timeout: Infinity }).chat("Hello", { signal: controller.signal }), CallCancelledError);
  while (seen.length === 0) await sleep(10);
  await sleep(100); // the failure comes back
  controller.abort("enough");
  assert.equal((await call).cause, "enough");
  assert.equal(seen.length, 1);
});

test("many failures in a row stop the retries", async (t) => {
  const { client, seen } = await failing(t, Code.Unavailable, ...Array<string>(20).fill("0"));
  const one = client();
  for (let call = 0; call < 5; call += 1) await failure(one.chat("Hello"), GatewayUnreachableError);
  assert.equal(seen.length, 8); // 3 and 2 until half of the tokens are gone, and then one a call
});

test("nothing is repeated after the first message", async (t) => {
  let calls = 0;
  const { client } = await scripted(t, {
    async *streamChat() {
      calls += 1;
      yield { events: [start, begin, more("Hel")] };
      throw new ConnectError("gone", Code.Unavailable);
    },
  });
  const error = await failure(client().stream("Hello").final(), GatewayUnreachableError);
  assert.equal(error.partial?.text, "Hel");
  assert.equal(calls, 1);
});
