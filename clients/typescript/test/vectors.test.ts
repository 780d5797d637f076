/** The vectors that all clients share: what streams add up to, and which errors statuses become. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fromBinary, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { Accumulator, APIError, ProtocolError } from "../src/index.js";
import { type ChatResponse, ChatResponseSchema, StreamChatResponseSchema } from "../src/v1.js";
import { place, vectors } from "./support/world.js";

interface ExpectedError {
  readonly class: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly request_id: string | null;
}

interface Vector {
  readonly messages?: JsonValue[];
  readonly messages_base64?: string[];
  readonly response?: JsonValue;
  readonly partial: JsonValue;
  readonly texts: string[];
  readonly restarts: number;
  readonly error: ExpectedError | null;
}

// Sent where a vector leaves the id to the client.
const OWN_ID = "own-1";

function read(kind: string): [string, Vector][] {
  const folder = join(place("TRUNKLINE_VECTORS_DIR"), kind);
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return files.map((name) => [name.slice(0, -5), JSON.parse(readFileSync(join(folder, name), "utf8"))]);
}

/** As JSON, in which fields that nobody knows do not show; the order of its members does not count. */
const described = (answer: ChatResponse | undefined) => (answer ? toJson(ChatResponseSchema, answer) : null);
const expectedAnswer = (json: JsonValue | undefined) =>
  json ? toJson(ChatResponseSchema, fromJson(ChatResponseSchema, json)) : null;

function check(error: unknown, expected: ExpectedError): void {
  if (!(error instanceof APIError)) throw error;
  const found = {
    class: error.constructor.name,
    reason: error.reason,
    code: error.code,
    message: error.rawMessage,
    retryable: error.retryable,
    retry_after_seconds: error.retryAfter === undefined ? null : error.retryAfter / 1000,
    provider: error.provider,
    model: error.model,
    request_id: error.requestId,
    resource: error.resource,
    fields: error.violations,
    metadata: { ...error.metadata },
  };
  assert.deepEqual(found, {
    ...expected,
    code: expected.code ?? found.code,
    message: expected.message ?? found.message,
    request_id: expected.request_id ?? OWN_ID,
  });
  assert.equal(error.name, error.constructor.name);
}

function folds({ messages = [], messages_base64 = [], response, partial, error }: Vector): void {
  const accumulator = new Accumulator();
  const all = [
    ...messages.map((message) => fromJson(StreamChatResponseSchema, message)),
    ...messages_base64.map((raw) => fromBinary(StreamChatResponseSchema, Buffer.from(raw, "base64"))),
  ];
  let broken = false;
  try {
    for (const event of all.flatMap(({ events }) => events)) accumulator.add(event);
  } catch (caught) {
    assert.ok(caught instanceof ProtocolError);
    broken = true;
  }
  assert.equal(broken, error?.class === "ProtocolError");
  if (!error) assert.ok(accumulator.complete);
  const nothing = { message: { role: "ROLE_ASSISTANT" } };
  assert.deepEqual(described(accumulator.response), expectedAnswer(response ?? partial) ?? nothing);
}

async function streams(name: string, vector: Vector): Promise<void> {
  const options = { model: `vectors/streams/${name}`, allowRestart: true, requestId: OWN_ID };
  const stream = vectors().stream("Hi", options);
  const texts: string[] = [];
  let error: unknown;
  try {
    for await (const piece of stream.text) texts.push(piece);
  } catch (caught) {
    error = caught;
  }
  assert.deepEqual([texts, stream.restarts], [vector.texts, vector.restarts]);
  if (!vector.error) {
    assert.equal(error, undefined);
    assert.deepEqual(described(stream.response.proto), expectedAnswer(vector.response));
  } else {
    check(error, vector.error);
    assert.deepEqual(described((error as APIError).partial?.proto), expectedAnswer(vector.partial));
  }
}

async function fails(name: string, { error: expected }: Vector): Promise<void> {
  assert.ok(expected);
  const options = { model: `vectors/errors/${name}`, requestId: OWN_ID };
  for (const call of [() => vectors().chat("Hi", options), () => vectors().stream("Hi", options).final()]) {
    const error = await call().then(
      () => undefined,
      (caught: unknown) => caught,
    );
    check(error, expected);
  }
}

test("case vectors", async (all: TestContext) => {
  for (const [name, vector] of read("streams")) {
    await all.test(`${name} folds`, () => folds(vector));
    await all.test(`${name} streams`, () => streams(name, vector));
  }
  for (const [name, vector] of read("errors")) await all.test(name, () => fails(name, vector));
  await all.test("an answer in one piece", async () => {
    const reply = await vectors().chat("Hi", { model: "vectors/streams/several_blocks" });
    const vector = read("streams").find(([name]) => name === "several_blocks");
    assert.deepEqual(described(reply.proto), expectedAnswer(vector?.[1].response));
  });
});
