/** How a call is made: its deadline, its headers, its id, and what cancels it. */

import { Code, ConnectError, encodeBinaryHeader } from "@connectrpc/connect";
import type { CallOptions, Metadata } from "./options.js";
import { REQUEST_ID_KEY } from "./statuses.js";

// gRPC says a timeout in at most 8 digits; 27 hours are of no use to anybody who waits for an answer.
const LONGEST = 99_999_999;

/** What goes with a request. */
export interface Call {
  /** Milliseconds from its beginning; Infinity for any time. */
  readonly timeout: number;
  readonly headers: Headers;
  /** The id that is sent. Always there, so that even a call without an answer can be found in the gateway's log. */
  readonly requestId: string;
  readonly signal: AbortSignal | undefined;
}

/** What a client's calls have in common. */
export interface CallDefaults {
  readonly timeout: number;
  readonly metadata: Metadata;
}

/**
 * Puts the options of one call over the defaults.
 *
 * @throws TypeError if the request id is too long or has characters that it may not have, or the timeout is none.
 */
export function newCall(defaults: CallDefaults, options: CallOptions): Call {
  const headers = new Headers();
  for (const metadata of [defaults.metadata, options.metadata ?? {}]) {
    for (const key of Object.keys(metadata)) headers.delete(key);
    for (const [key, values] of Object.entries(metadata)) {
      for (const value of [values].flat()) {
        headers.append(key, typeof value === "string" ? value : encodeBinaryHeader(value as Uint8Array));
      }
    }
  }
  const requestId = options.requestId ?? headers.get(REQUEST_ID_KEY) ?? newId();
  if (!/^[ -~]{1,64}$/.test(requestId)) throw new TypeError("a request id has 1 to 64 printable ASCII characters");
  headers.set(REQUEST_ID_KEY, requestId);
  return {
    timeout: timeoutOf(options.timeout ?? defaults.timeout),
    headers,
    requestId,
    signal: options.signal,
  };
}

/** Not crypto.randomUUID(): browsers have that only on pages that came by TLS. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Checks a timeout. Throws TypeError if it is none. */
export function timeoutOf(milliseconds: number): number {
  if (milliseconds >= 0 && (milliseconds <= LONGEST || milliseconds === Infinity)) return milliseconds;
  throw new TypeError(`a timeout is a number of milliseconds up to ${LONGEST}, or Infinity`);
}

/** Aborts the controller when the signal aborts, in gRPC's words, until the function that comes back is called. */
export function follow(controller: AbortController, signal: AbortSignal | undefined): () => void {
  const abort = () => {
    const message = "the call was cancelled by its signal";
    controller.abort(new ConnectError(message, Code.Canceled, undefined, undefined, signal?.reason));
  };
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return () => signal?.removeEventListener("abort", abort);
}
