/** TypeScript's run of the suite that the clients of all languages have: tests/clients/cases.md says what each case is. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CallCancelledError,
  type ChatOptions,
  create,
  DeadlineExceededError,
  GatewayUnreachableError,
  image,
  type Prompt,
  RouteSchema,
  StreamInterruptedError,
  TargetSchema,
  Trunkline,
  tool,
  UpstreamUnavailableError,
  user,
} from "../src/index.js";
import { failure } from "./support/failure.js";
import { gateway, onlyCall, place, received, vectors } from "./support/world.js";

const PNG = Buffer.from(
  "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489" +
    "0000000d49444154789c63f8cfc0f01f00050001ff56c7c15d0000000049454e44ae426082",
  "hex",
);
const MIB = 2 ** 20;
const WEATHER = tool("weather", { type: "object", properties: { city: { type: "string" } } });

test("case chat", async () => {
  const reply = await gateway().chat("Hello", { requestId: "case-chat" });
  assert.equal(reply.text, "You said: Hello");
  assert.deepEqual([reply.finishReason, reply.providerFinishReason], ["stop", "end_turn"]);
  assert.equal(reply.message.origin?.provider, "simulator");
  assert.ok((reply.usage.outputTotal ?? 0) > 0);
  assert.equal(reply.requestId, "case-chat");
});

test("case stream", async () => {
  const stream = gateway().stream("one two three");
  const pieces: string[] = [];
  for await (const piece of stream.text) pieces.push(piece);
  const final = await stream.final();
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "You said: one two three");
  assert.equal(final.text, "You said: one two three");
  assert.ok(final.complete);
  assert.ok((final.usage.outputTotal ?? 0) > 0);
});

test("case tools_round_trip", async () => {
  const client = gateway({ model: "simulator/tools" });
  const chat = (prompt: Prompt, options: ChatOptions) => client.chat(prompt, options);
  const streamed = (prompt: Prompt, options: ChatOptions) => client.stream(prompt, options).final();
  for (const ask of [chat, streamed]) {
    const question = user("What is the weather in Paris?");
    const reply = await ask(question, { tools: [WEATHER] });
    assert.equal(reply.finishReason, "tool_use");
    assert.deepEqual(
      reply.toolCalls.map(({ name }) => name),
      ["weather", "weather"],
    );
    assert.ok(reply.toolCalls.every((call) => "city" in call.arguments));
    const results = reply.toolCalls.map((call) => call.result("18 degrees"));
    const answer = await ask([question, reply.message, ...results], { tools: [WEATHER] });
    assert.match(answer.text, /18 degrees/);
    assert.equal(answer.finishReason, "stop");
  }
});

test("case image", async () => {
  const model = "image-typescript";
  await gateway().chat(user("What is this?", image(PNG)), { model: `simulator/${model}`, maxOutputTokens: 1000 });
  const { json } = await onlyCall(model);
  const { source } = json.messages[0].content.find(({ type }: { type: string }) => type === "image");
  assert.deepEqual([source.type, source.media_type], ["base64", "image/png"]);
  assert.deepEqual(Buffer.from(source.data, "base64"), PNG);
});

test("case thinking_round_trip", async () => {
  const client = gateway({ model: "simulator/thinking" });
  const reply = await client.stream("Hello", { reasoning: true, endUserId: "thinking-typescript" }).final();
  assert.ok(reply.thinking);
  const kind = reply.message.content[0]?.kind;
  assert.ok(kind?.case === "thinking" && kind.value.signature);
  await client.chat(["Hello", reply.message, "Go on"], { reasoning: true, endUserId: "again-typescript" });
  const again = (await received("thinking")).filter(({ json }) => json.metadata?.user_id === "again-typescript");
  assert.equal(again.length, 1);
  const { text, signature } = kind.value;
  assert.deepEqual(again[0]?.json.messages[1].content[0], { type: "thinking", thinking: text, signature });
});

test("case count", async () => {
  const count = await gateway().countTokens("Hello");
  assert.ok(count.inputTokens > 0);
  assert.equal(count.method, "provider");
});

test("case embed", async () => {
  const vectors = await gateway().embed(["one", "another"], { model: "openai/text-embedding-3-small", dimensions: 8 });
  const [first, second, ...others] = vectors;
  assert.deepEqual([first?.length, second?.length, others.length], [8, 8, 0]);
  assert.notDeepEqual(first, second);
});

test("case list_models", async () => {
  const client = gateway();
  const { models } = await client.listModels({ provider: "simulator" });
  assert.ok((models.find(({ id }) => id === "text")?.contextWindow ?? 0) > 0);
  assert.equal((await client.getModel("simulator/text")).id, "text");
  const { models: listed } = await client.stubs.models.listModels({ provider: "simulator", pageSize: 1 });
  assert.equal(listed.length, 1);
});

test("case route", async () => {
  const client = gateway({ model: undefined });
  assert.equal((await client.chat("Hello", { route: "home" })).text, "You said: Hello");
  assert.equal((await client.chat("Hello", { model: "quick" })).text, "You said: Hello");
});

test("case own_route", async () => {
  const client = gateway({ model: undefined });
  const ask = (...models: string[]) => {
    const routes = models.map((model) =>
      create(RouteSchema, { strategy: { case: "target", value: { provider: "simulator", model } } }),
    );
    const circuitBreaker = { consecutiveFailures: 0, failureRate: 0 };
    return client.chat("Hello", {
      route: { strategy: { case: "fallback", value: { routes } }, circuitBreaker },
      routeMetadata: { plan: "paid" },
      affinityKey: "a",
      coalescingKey: "own-route-typescript",
    });
  };
  const reply = await ask("error-529-n1", "text");
  assert.equal(reply.text, "You said: Hello");
  const attempts = reply.routeReport.attempts.map(({ model, upstreamStatus }) => [model, upstreamStatus]);
  assert.deepEqual([attempts[0], attempts.length, attempts[1]?.[0]], [["error-529-n1", 529], 2, "text"]);
  const error = await failure(ask("error-529-n1", "error-500-n1"), UpstreamUnavailableError);
  assert.deepEqual(
    error.routeReport?.attempts.map(({ model }) => model),
    ["error-529-n1", "error-500-n1"],
  );
});

test("case key", async () => {
  const client = gateway({ model: undefined, metadata: { authorization: "Bearer x" } });
  const model = "key-typescript";
  const route = create(TargetSchema, { provider: "simulator", model, apiKey: "sk-of-typescript-1234" });
  await client.chat("Hello", { route, maxOutputTokens: 1000 });
  assert.match((await onlyCall(model)).headers["x-api-key"] ?? "", /1234$/);
});

test("case cancel", async () => {
  const client = gateway();
  const options = { maxOutputTokens: 1000 };
  const reason = new Error("enough");
  const controller = new AbortController();
  const bySignal = "cancel-typescript-n10000-g20";
  const { signal } = controller;
  const stream = client.stream("Hello", { model: `simulator/${bySignal}`, signal, ...options });
  const error = await failure(
    (async () => {
      for await (const _ of stream.text) setTimeout(() => controller.abort(reason), 100);
    })(),
    CallCancelledError,
  );
  assert.equal(error.cause, reason);
  assert.match(error.partial?.text ?? "", /./);
  await hungUp(bySignal);

  const byLeaving = "cancel-typescript-leave-n10000-g20";
  const left = client.stream("Hello", { model: `simulator/${byLeaving}`, ...options });
  for await (const _ of left.text) break;
  await failure(left.final(), CallCancelledError);
  await hungUp(byLeaving);
});

async function hungUp(model: string): Promise<void> {
  const end = performance.now() + 10_000;
  while ((await received(model))[0]?.outcome !== "hung_up") {
    assert.ok(performance.now() < end, "the provider was not told to stop");
    await sleep(50);
  }
}

test("case deadline", async () => {
  const options = { model: "simulator/silence", timeout: 500 };
  await failure(gateway().chat("Hello", options), DeadlineExceededError);
  await failure(gateway().stream("Hello", options).final(), DeadlineExceededError);
});

test("case stream_restart", async () => {
  const stream = vectors().stream("Hello", { model: "vectors/streams/restart_once", allowRestart: true });
  assert.equal((await stream.final()).text, "newer");
  assert.equal(stream.restarts, 1);
});

test("case gateway_restart", async () => {
  const client = gateway({ model: undefined });
  const stream = client.stream("Hello", { route: "unsteady", allowRestart: true });
  assert.equal((await stream.final()).text, "You said: Hello");
  assert.equal(stream.restarts, 1);
  await failure(client.stream("Hello", { route: "unsteady" }).final(), StreamInterruptedError);
});

test("case retry", async () => {
  const model = "vectors/retried/text";
  const final = await vectors().stream("Hello", { model }).final();
  assert.match(final.text, /^Hello, /);
  assert.deepEqual((await vectors().embed("Hello", { model })).vectors, []);
});

test("case large_message", async () => {
  const text = "x".repeat(5 * MIB);
  assert.equal((await gateway().chat(text)).text, `You said: ${text}`);
  const final = await gateway().stream("Hello", { model: "simulator/big-n5" }).final();
  const sizes = final.message.content.map(({ kind }) =>
    kind.case === "serverToolResult" ? kind.value.contentJson.length : 0,
  );
  assert.ok(Math.max(...sizes) >= 5 * MIB);
});

test("case unknown_values", async () => {
  for (const name of ["event", "delta", "block", "enums", "fields"]) {
    const options = { model: `vectors/streams/unknown_${name}`, allowRestart: true };
    const final = await vectors().stream("Hello", options).final();
    assert.ok(final.complete);
    if (name === "enums") assert.deepEqual([final.finishReason, final.providerFinishReason], ["other", "tired"]);
  }
});

test("case tls", async () => {
  const address = place("TRUNKLINE_TLS_ADDRESS");
  const ca = await readFile(place("TRUNKLINE_CA_FILE"));
  const model = "simulator/text";
  assert.equal((await new Trunkline({ address, model, tls: { ca } }).chat("Hello")).text, "You said: Hello");
  for (const tls of [false, true]) {
    await failure(new Trunkline({ address, model, tls }).chat("Hello"), GatewayUnreachableError);
  }
});
