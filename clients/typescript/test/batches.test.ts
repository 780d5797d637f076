/** Batches, by the generated stub: a stream of requests, and a stream of results. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { apiError, NotFoundError, Reply, user } from "../src/index.js";
import { BatchState, type CreateBatchRequestSchema } from "../src/v1.js";
import { failure } from "./support/failure.js";
import { gateway } from "./support/world.js";

async function* twoQuestions(): AsyncGenerator<MessageInitShape<typeof CreateBatchRequestSchema>> {
  yield { kind: { case: "header", value: { provider: "simulator" } } };
  for (const customId of ["one", "two"]) {
    const input = { model: "text", messages: [user(customId)], generation: { maxOutputTokens: 100 } };
    yield { kind: { case: "items", value: { items: [{ customId, input }] } } };
  }
  yield { kind: { case: "end", value: {} } };
}

test("a batch is created, awaited and read", async () => {
  const { batches } = gateway().stubs;
  let { batch } = await batches.createBatch(twoQuestions(), { timeoutMs: 30_000 });
  const id = batch?.id ?? "";
  for (let tries = 0; batch?.state !== BatchState.ENDED; tries += 1) {
    assert.ok(tries < 200, "the batch does not end");
    await sleep(50);
    ({ batch } = await batches.getBatch({ id }));
  }
  const answers: Record<string, string> = {};
  for await (const { results } of batches.streamBatchResults({ id })) {
    for (const { customId, outcome } of results) {
      assert.equal(outcome.case, "response");
      if (outcome.case === "response") answers[customId] = new Reply(outcome.value).text;
    }
  }
  assert.deepEqual(answers, { one: "You said: one", two: "You said: two" });
});

test("what a stub throws becomes one of our errors", async () => {
  const call = gateway().stubs.batches.getBatch({ id: "simulator/none" });
  const ours = call.catch((error: unknown) => {
    throw apiError(error);
  });
  assert.equal((await failure(ours, NotFoundError)).reason, "ERROR_REASON_BATCH_NOT_FOUND");
});
