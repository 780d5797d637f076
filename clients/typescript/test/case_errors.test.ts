/** The error cases of cases.md: each class that the simulator can bring about, and what the error tells. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as errors from "../src/index.js";
import { type APIError, create, TargetSchema, Trunkline } from "../src/index.js";
import { failure } from "./support/failure.js";
import { gateway, vectors } from "./support/world.js";

type ErrorClass<Kind> = abstract new (...given: never[]) => Kind;

const ofModel = <Kind extends APIError>(name: string, kind: ErrorClass<Kind>) =>
  failure(gateway().chat("Hello", { model: `simulator/${name}` }), kind);

for (const [name, model, kind] of [
  ["request_too_large", "error-413", errors.RequestTooLargeError],
  ["message_too_large", "big-n33", errors.MessageTooLargeError],
  ["upstream_credentials", "error-401", errors.UpstreamCredentialsError],
  ["upstream_timeout", "error-408", errors.UpstreamTimeoutError],
  ["upstream_overloaded", "error-529", errors.UpstreamOverloadedError],
  ["conflict", "error-409", errors.ConflictError],
] as const) {
  test(`case error_${name}`, async () => {
    await ofModel(model, kind);
  });
}

for (const [name, model, kind] of [
  ["authentication", "error-401", errors.AuthenticationError],
  ["permission_denied", "error-403", errors.PermissionDeniedError],
] as const) {
  test(`case error_${name}`, async () => {
    const route = create(TargetSchema, { provider: "simulator", model, apiKey: "sk-of-typescript-1234" });
    await failure(gateway().chat("Hello", { route }), kind);
  });
}

test("case error_invalid_request", async () => {
  const error = await failure(gateway().chat("Hello", { temperature: 9 }), errors.InvalidRequestError);
  assert.equal(error.reason, "ERROR_REASON_INVALID_REQUEST");
  assert.deepEqual(
    error.violations.map(({ field }) => field),
    ["input.generation.temperature"],
  );
});

test("case error_upstream_rejected", async () => {
  const error = await ofModel("error-400", errors.InvalidRequestError);
  assert.deepEqual([error.reason, error.provider], ["ERROR_REASON_UPSTREAM_REJECTED_REQUEST", "simulator"]);
});

test("case error_context_length", async () => {
  const error = await ofModel("error-context", errors.ContextLengthError);
  assert.deepEqual([error.limit, error.requested], [200000, 210000]);
});

test("case error_capability_not_supported", async () => {
  const error = await failure(gateway().chat("Hello", { logprobs: true }), errors.CapabilityNotSupportedError);
  assert.deepEqual(
    error.violations.map(({ field }) => field),
    ["input.generation.logprobs"],
  );
});

test("case error_not_found", async () => {
  assert.equal((await ofModel("error-404", errors.NotFoundError)).resource, "error-404");
  const call = gateway().chat("Hello", { route: "nowhere" });
  assert.equal((await failure(call, errors.NotFoundError)).resource, "nowhere");
});

test("case error_quota_exhausted", async () => {
  assert.equal((await ofModel("error-402", errors.QuotaExhaustedError)).retryable, false);
});

test("case error_rate_limit", async () => {
  const error = await ofModel("error-429", errors.RateLimitError);
  assert.deepEqual([error.retryable, error.retryAfter], [true, 7000]);
  assert.deepEqual([error.provider, error.model], ["simulator", "error-429"]);
  assert.match(error.requestId, /^[0-9a-f]{32}$/);
});

test("case error_upstream_unavailable", async () => {
  const error = await ofModel("error-500", errors.UpstreamUnavailableError);
  assert.deepEqual([error.retryable, error.upstreamStatus], [true, 500]);
});

test("case error_unimplemented", async () => {
  await failure(vectors().countTokens("Hello", { model: "m" }), errors.UnimplementedError);
});

test("case error_gateway_unreachable", async () => {
  const client = new Trunkline({ address: "127.0.0.1:1", model: "m" });
  await failure(client.chat("Hello"), errors.GatewayUnreachableError);
});

test("case error_stream_interrupted", async () => {
  const stream = gateway().stream("Hello", { model: "simulator/cut" });
  const error = await failure(stream.final(), errors.StreamInterruptedError);
  assert.match(error.partial?.text ?? "", /./);
});
