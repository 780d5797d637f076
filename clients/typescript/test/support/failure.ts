import assert from "node:assert/strict";
import { APIError } from "../../src/index.js";

/** The error of a call that has to fail with this very class. */
export async function failure<Kind extends APIError>(
  call: Promise<unknown>,
  kind: abstract new (...given: never[]) => Kind,
): Promise<Kind> {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (caught: unknown) => caught,
  );
  if (!(error instanceof APIError)) throw error;
  assert.equal(error.constructor, kind, error.message);
  return error as Kind;
}
