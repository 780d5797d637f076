/**
 * Other tries of calls that found the gateway unavailable, as long as nothing of the answer has come: what gRPC's own
 * clients do by a service config, and connect does not. The gateway forbids it by pushback where it has tried enough itself;
 * where the connection broke, an answer that nobody saw may be paid for twice.
 */

import { ConnectError } from "@connectrpc/connect";
import type { Call } from "./calls.js";
import { given } from "./content.js";
import { codeOf } from "./statuses.js";

const MAX_ATTEMPTS = 3;
const FIRST_BACKOFF = 200;
const MAX_BACKOFF = 2000;
const MAX_TOKENS = 10;
const TOKEN_RATIO = 0.1;

/** What one attempt is made with. */
export interface Attempt {
  readonly headers: Headers;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** The retries of one client. Many failures in a row stop them until calls succeed again. */
export class Retries {
  #tokens = MAX_TOKENS;

  /**
   * Makes attempts until one succeeds or no other may be made.
   *
   * @throws What the last attempt threw.
   */
  async run<Outcome>(call: Call, signal: AbortSignal, begin: (attempt: Attempt) => Promise<Outcome>): Promise<Outcome> {
    const deadline = performance.now() + call.timeout;
    for (let failures = 0; ; failures += 1) {
      const headers = new Headers(call.headers);
      if (failures > 0) headers.set("grpc-previous-rpc-attempts", String(failures));
      try {
        const outcome = await begin({ headers, signal, ...given({ timeoutMs: timeLeft(deadline) }) });
        this.#tokens = Math.min(MAX_TOKENS, this.#tokens + TOKEN_RATIO);
        return outcome;
      } catch (error) {
        const delay = this.#delay(ConnectError.from(error), failures + 1);
        if (delay === undefined || performance.now() + delay >= deadline) throw error;
        await sleep(delay, signal);
      }
    }
  }

  /** Milliseconds until the next attempt; undefined if there is to be none. */
  #delay(error: ConnectError, failures: number): number | undefined {
    if (codeOf(error) !== "UNAVAILABLE") return undefined;
    this.#tokens = Math.max(0, this.#tokens - 1);
    if (failures >= MAX_ATTEMPTS || this.#tokens <= MAX_TOKENS / 2) return undefined;
    const pushback = error.metadata.get("grpc-retry-pushback-ms");
    if (pushback !== null) return /^[0-9]+$/.test(pushback) ? Number(pushback) : undefined;
    return Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** (failures - 1)) * (0.8 + 0.4 * Math.random());
  }
}

/** What is left of a deadline, as connect takes it: whole milliseconds, at least 1, or undefined for no deadline. */
function timeLeft(deadline: number): number | undefined {
  return deadline === Infinity ? undefined : Math.max(1, Math.ceil(deadline - performance.now()));
}

/** Rejects with the signal's reason if that aborts before. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
