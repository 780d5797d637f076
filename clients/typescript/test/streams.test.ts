/** Streams: how they begin, are shared, left, cut, and fail. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import {
  CallCancelledError,
  type ChatStream,
  DeadlineExceededError,
  GatewayUnreachableError,
  NotFoundError,
  ProtocolError,
  StreamInterruptedError,
} from "../src/index.js";
import { failure } from "./support/failure.js";
import { begin, done, type Event, end, more, scripted, start } from "./support/scripted.js";

const answer: Event[] = [start, begin, more("Hel"), more("lo"), end, done];

/** A server that sends events one by one, and then ends, or waits until the call is cancelled. */
async function sending(t: TestContext, events: Event[], { wait = false } = {}) {
  const calls: AbortSignal[] = [];
  const server = await scripted(t, {
    async *streamChat(_, { signal }) {
      calls.push(signal);
      for (const event of events) yield { events: [event] };
      if (wait && !signal.aborted) await once(signal, "abort");
    },
  });
  const cancelled = async () => {
    for (let waited = 0; !calls.every(({ aborted }) => aborted); waited += 10) {
      assert.ok(waited < 10_000, "the server was not told");
      await sleep(10);
    }
  };
  return { ...server, calls, cancelled };
}

test("events and texts are of one stream, each read once", async (t) => {
  const { client } = await sending(t, answer);
  const stream = client().stream("Hello");
  const events = stream[Symbol.asyncIterator]();
  assert.equal((await events.next()).value?.kind.case, "start");
  assert.equal(stream.usage.inputTotal, 7);
  assert.equal((await stream.text[Symbol.asyncIterator]().next()).value, "Hel");
  const snapshot = stream.response;
  assert.deepEqual([snapshot.text, snapshot.complete, snapshot.finishReason], ["Hel", false, ""]);
  assert.equal((await stream.final()).text, "Hello");
  assert.equal(snapshot.text, "Hel");
  assert.equal((await stream.final()).text, "Hello");
  assert.equal(stream.usage.outputTotal, 3);
});

test("nothing is sent before the first read", async (t) => {
  const { client, calls } = await sending(t, answer);
  const unread = client().stream("Hello");
  await client().stream("Hello").final();
  assert.equal(calls.length, 1);
  await unread[Symbol.asyncDispose]();
  await failure(unread.final(), CallCancelledError);
  assert.equal(calls.length, 1);
});

const leave = {
  break: async (stream: AsyncIterable<unknown>) => {
    for await (const _ of stream) break;
  },
  throw: async (stream: AsyncIterable<unknown>) => {
    const error = new Error("mine");
    const loop = (async () => {
      for await (const _ of stream) throw error;
    })();
    await assert.rejects(loop, error);
  },
};
for (const [way, left] of Object.entries(leave)) {
  for (const what of ["events", "text"]) {
    test(`a loop over ${what} that is left by ${way} cancels the call`, async (t) => {
      const { client, cancelled } = await sending(t, [start, begin, more("Hel")], { wait: true });
      const stream = client().stream("Hello");
      await left(what === "text" ? stream.text : stream);
      await cancelled();
      const error = await failure(stream.final(), CallCancelledError);
      assert.equal(error.partial?.requestId, stream.requestId);
    });
  }
}

/** Waits until a stream that somebody else reads has some text. */
async function begun(stream: ChatStream): Promise<void> {
  while (stream.response.text === "") await sleep(10);
}

test("cancel() ends what waits", async (t) => {
  const { client, cancelled } = await sending(t, [start, begin, more("Hel")], { wait: true });
  const stream = client().stream("Hello");
  const final = failure(stream.final(), CallCancelledError);
  await begun(stream);
  stream.cancel();
  assert.equal((await final).partial?.text, "Hel");
  await cancelled();
});

test("closing the client ends what waits", async (t) => {
  const { client, cancelled } = await sending(t, [start, begin, more("Hel")], { wait: true });
  const one = client();
  const stream = one.stream("Hello");
  const final = failure(stream.final(), CallCancelledError);
  await begun(stream);
  one.close();
  await final;
  await cancelled();
});

test("a signal that has aborted before lets nothing out", async (t) => {
  const { client, calls } = await sending(t, answer);
  const signal = AbortSignal.abort("no");
  assert.equal((await failure(client().stream("Hello", { signal }).final(), CallCancelledError)).cause, "no");
  assert.equal((await failure(client().chat("Hello", { signal }), CallCancelledError)).cause, "no");
  assert.equal(calls.length, 0);
});

test("a failure is told again to whoever reads on", async (t) => {
  const { client } = await sending(t, [start, begin, begin]);
  const stream = client().stream("Hello");
  const error = await failure(stream.final(), ProtocolError);
  assert.equal(error.requestId, stream.requestId);
  assert.equal(await failure(stream.final(), ProtocolError), error);
});

test("an end without a completion is none", async (t) => {
  const { client } = await sending(t, answer.slice(0, -1));
  const error = await failure(client().stream("Hello").final(), StreamInterruptedError);
  assert.deepEqual([error.code, error.partial?.text], ["OK", "Hello"]);
});

test("the deadline holds in the middle of an answer", async (t) => {
  const { client, cancelled } = await sending(t, [start, begin, more("Hel")], { wait: true });
  const error = await failure(client({ timeout: 3000 }).stream("Hello").final(), DeadlineExceededError);
  assert.equal(error.partial?.text, "Hel");
  await cancelled();
});

test("a connection that breaks in the middle is no end", async (t) => {
  const { client, hangUp } = await sending(t, [start, begin, more("Hel")], { wait: true });
  const one = client();
  const stream = one.stream("Hello");
  const final = failure(stream.final(), GatewayUnreachableError);
  await begun(stream);
  hangUp();
  assert.equal((await final).partial?.text, "Hel");
});

test("a client connects anew after its connection broke", async (t) => {
  const { client, hangUp } = await sending(t, answer);
  const one = client();
  assert.equal((await one.stream("Hello").final()).text, "Hello");
  hangUp();
  assert.equal((await one.stream("Hello").final()).text, "Hello");
});

test("a reason that nobody knows is the code's, whatever its name", async (t) => {
  for (const reason of ["ERROR_REASON_constructor", "toString", "ERROR_REASON_SOMETHING_NEWER"]) {
    const details = [{ desc: ErrorInfoSchema, value: { reason, domain: "trunkline" } }];
    const { client } = await scripted(t, {
      chat() {
        throw new ConnectError("it failed", Code.NotFound, {}, details);
      },
    });
    assert.equal((await failure(client().chat("Hello"), NotFoundError)).reason, reason);
  }
});
