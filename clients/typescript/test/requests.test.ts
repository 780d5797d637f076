/** What methods are called with, and the requests that come of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import {
  assistant,
  audio,
  cached,
  create,
  document,
  image,
  jsonObject,
  jsonSchema,
  type Prompt,
  providerTool,
  RouteSchema,
  type StreamOptions,
  searchResult,
  system,
  TargetSchema,
  text,
  tool,
  toolResult,
  toolResults,
  toolUse,
  user,
} from "../src/index.js";
import { streamRequest } from "../src/requests.js";
import { ContentBlockSchema, type Message, MessageSchema, StreamChatRequestSchema, ToolSchema } from "../src/v1.js";

const request = (prompt?: Prompt, options: StreamOptions = {}) =>
  toJson(StreamChatRequestSchema, streamRequest(prompt, options, "m"));
const HELLO = { role: "ROLE_USER", content: [{ text: { text: "Hello" } }] };

test("every option has its place", () => {
  const options: Required<Omit<StreamOptions, "input" | "routing" | "timeout" | "signal" | "metadata" | "requestId">> =
    {
      model: "eu/m",
      messages: [user("Hi"), assistant("Hi!")],
      system: "Be brief.",
      tools: [tool("weather", '{"type": "object"}', { description: "Now", strict: false })],
      toolChoice: "any",
      parallelToolCalls: false,
      maxOutputTokens: 0,
      temperature: 0,
      topP: 0.5,
      topK: 3,
      stopSequences: "END",
      seed: 7,
      presencePenalty: -1,
      frequencyPenalty: 1,
      logprobs: true,
      topLogprobs: 2,
      logitBias: { 5: -100 },
      reasoning: 1000,
      effort: "low",
      outputFormat: jsonSchema({ type: "object" }, { name: "n" }),
      cacheControl: { ttl: "1h" },
      endUserId: "u",
      serviceTier: "auto",
      anthropic: { betas: ["b"] },
      openai: { store: false },
      gemini: { labels: { a: "b" } },
      providerOptions: { anthropic: { b: 1, a: [null] } },
      route: "home",
      unsupportedFields: "drop",
      routeMetadata: { plan: "paid" },
      affinityKey: "a",
      coalescingKey: "c",
      allowRestart: true,
      maxEventDelay: 250,
    };
  assert.deepEqual(request("Hello", options), {
    input: {
      model: "eu/m",
      system: [{ text: { text: "Be brief." } }],
      messages: [
        { role: "ROLE_USER", content: [{ text: { text: "Hi" } }] },
        { role: "ROLE_ASSISTANT", content: [{ text: { text: "Hi!" } }] },
        HELLO,
      ],
      tools: [
        { function: { name: "weather", description: "Now", inputSchemaJson: '{"type": "object"}', strict: false } },
      ],
      toolChoice: { mode: "TOOL_CHOICE_MODE_ANY", parallel: false },
      generation: {
        maxOutputTokens: 0,
        temperature: 0,
        topP: 0.5,
        topK: 3,
        stopSequences: ["END"],
        seed: "7",
        presencePenalty: -1,
        frequencyPenalty: 1,
        logprobs: true,
        topLogprobs: 2,
        logitBias: { 5: -100 },
      },
      reasoning: { mode: "REASONING_MODE_BUDGET", budgetTokens: 1000, effort: "low" },
      outputFormat: { jsonSchema: { schemaJson: '{"type":"object"}', name: "n" } },
      cacheControl: { ttl: "1h" },
      endUserId: "u",
      serviceTier: "auto",
      anthropic: { betas: ["b"] },
      openai: { store: false },
      gemini: { labels: { a: "b" } },
      providerOptionsJson: { anthropic: '{"b":1,"a":[null]}' },
    },
    routing: {
      routeName: "home",
      unsupportedFields: "UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING",
      metadata: { plan: "paid" },
      affinityKey: "a",
      coalescingKey: "c",
    },
    allowRestart: true,
    maxEventDelay: "0.250s",
  });
});

test("what is left out is not sent", () => {
  assert.deepEqual(request("Hello"), { input: { model: "m", messages: [HELLO] } });
  const nothing = { temperature: undefined, toolChoice: undefined, route: undefined, input: undefined };
  assert.deepEqual(request("Hello", nothing), { input: { model: "m", messages: [HELLO] } });
});

test("turns become messages, neighbouring blocks one", () => {
  const turns = [
    "Hello",
    assistant("a"),
    toolResult("1"),
    toolResult("2"),
    "And?",
    image("https://x/y.png"),
    user("z"),
  ];
  const { input } = streamRequest(turns, {}, "m");
  assert.deepEqual(
    input?.messages.map(({ role, content }) => [role, content.length]),
    [
      [3, 1],
      [4, 1],
      [5, 2],
      [3, 2],
      [3, 1],
    ],
  );
});

test("where to ask may be said in several ways", () => {
  const target = { provider: "eu", model: "x" };
  const route = { target };
  const routes = [
    { route: create(TargetSchema, target) },
    { route: { strategy: { case: "target" as const, value: target } } },
    { route: create(RouteSchema, { strategy: { case: "target", value: target } }) },
    {
      routing: {
        destination: { case: "route" as const, value: { strategy: { case: "target" as const, value: target } } },
      },
    },
  ];
  for (const options of routes) {
    assert.deepEqual(request("Hello", options), { input: { model: "m", messages: [HELLO] }, routing: { route } });
  }
});

test("how much to reason may be said in several ways", () => {
  const reasoning = (options: StreamOptions) => (request("Hello", options) as { input: object }).input;
  const of = (value: object) => ({ model: "m", messages: [HELLO], reasoning: value });
  assert.deepEqual(reasoning({ reasoning: true }), of({ mode: "REASONING_MODE_ADAPTIVE" }));
  assert.deepEqual(reasoning({ reasoning: false }), of({ mode: "REASONING_MODE_DISABLED" }));
  assert.deepEqual(reasoning({ reasoning: 0 }), of({ mode: "REASONING_MODE_BUDGET", budgetTokens: 0 }));
  assert.deepEqual(reasoning({ reasoning: { display: "omitted" } }), of({ display: "omitted" }));
});

test("the contract's own message is sent as it is", () => {
  assert.deepEqual(request(undefined, { input: { model: "x" } }), { input: { model: "x" } });
});

test("what cannot be meant is refused", () => {
  const wrong: [Prompt | undefined, object, RegExp][] = [
    ["Hello", { max_tokens: 5 }, /unexpected options: max_tokens/],
    ["Hello", { input: {} }, /input stands for all of its kind, but there are also: prompt/],
    [undefined, { input: {}, temperature: 1 }, /also: temperature/],
    ["Hello", { routing: {}, route: "home" }, /routing stands for all of its kind, but there are also: route/],
    ["Hello", { toolChoice: "some" }, /toolChoice must be one of auto, any, none, not "some"/],
    ["Hello", { unsupportedFields: "toString" }, /must be one of reject, drop/],
    ["Hello", { providerOptions: { a: { b: Number.NaN } } }, /JSON has no NaN/],
    [[5 as unknown as string], {}, /expected a string, a Message or a ContentBlock/],
    ["half \ud800", {}, /half of a surrogate pair/],
  ];
  for (const [prompt, options, message] of wrong) {
    assert.throws(() => request(prompt, options), { name: "TypeError", message });
  }
});

const block = (made: ReturnType<typeof text>) => toJson(ContentBlockSchema, made);

test("blocks", () => {
  const bytes = new Uint8Array([1, 2]);
  const made: [ReturnType<typeof text>, object][] = [
    [text("a"), { text: { text: "a" } }],
    [image(bytes, { mediaType: "image/png", detail: "low" }), image_({ data: "AQI=", mediaType: "image/png" }, "low")],
    [image(new URL("https://x/y")), image_({ url: "https://x/y" })],
    [image({ fileId: "f" }), image_({ fileId: "f" })],
    [audio("https://x/y"), { audio: { media: { url: "https://x/y" } } }],
    [
      document(bytes, { title: "t", context: "c", citations: false }),
      { document: { media: { data: "AQI=" }, title: "t", context: "c", citationsEnabled: false } },
    ],
    [document({ text: "a" }), { document: { text: "a" } }],
    [document({ content: ["a"] }), { document: { content: { blocks: [{ text: { text: "a" } }] } } }],
    [
      searchResult("s", "t", "a", { citations: true }),
      { searchResult: { source: "s", title: "t", content: [{ text: { text: "a" } }], citationsEnabled: true } },
    ],
    [toolUse("1", "n", { a: "é" }), { toolUse: { id: "1", name: "n", inputJson: '{"a":"é"}' } }],
    [
      toolResult("1", { a: 1 }, { isError: false }),
      { toolResult: { toolUseId: "1", content: [{ text: { text: '{"a":1}' } }], isError: false } },
    ],
    [cached(text("a"), "1h"), { text: { text: "a" }, cacheControl: { ttl: "1h" } }],
  ];
  for (const [found, expected] of made) assert.deepEqual(block(found), expected);
  assert.throws(() => image("cat.png"), /not an address/);
  assert.throws(() => image(5 as unknown as string), /expected a Uint8Array/);
});

function image_(media: object, detail?: string) {
  return { image: { media, ...(detail && { detail }) } };
}

test("messages and tools", () => {
  const roles = (...messages: Message[]) => messages.map((each) => toJson(MessageSchema, each));
  assert.deepEqual(roles(system("s"), toolResults(toolResult("1"))), [
    { role: "ROLE_SYSTEM", content: [{ text: { text: "s" } }] },
    { role: "ROLE_TOOL", content: [{ toolResult: { toolUseId: "1" } }] },
  ]);
  const definition = '{"type": "x"}';
  assert.deepEqual(toJson(ToolSchema, cached(providerTool("anthropic", definition))), {
    providerDefined: { providerType: "anthropic", rawJson: definition },
    cacheControl: {},
  });
  assert.equal(jsonObject().format.case, "jsonObject");
});
