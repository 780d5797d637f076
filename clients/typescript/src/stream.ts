/// <reference lib="esnext.disposable" preserve="true" />

/** Streams: the events of an answer as they come, and what they add up to. */

import { Code, ConnectError } from "@connectrpc/connect";
import { Accumulator } from "./accumulate.js";
import { type Call, follow } from "./calls.js";
import { type APIError, ProtocolError, StreamInterruptedError } from "./errors.js";
import { Reply } from "./replies.js";
import type { Attempt, Retries } from "./retries.js";
import { apiError } from "./statuses.js";
import type { ChatEvent, StreamChatResponse, Usage } from "./v1.js";

type Messages = AsyncIterator<StreamChatResponse>;

/**
 * An answer as it comes. The call begins with the first read. Leaving a loop over the stream or its text early, in whatever
 * way, cancels the call: the provider is then told at once to stop.
 *
 * Iteration yields the events that have not been read yet, and throws APIError if the call fails.
 *
 * @example
 * const stream = client.stream("Tell me a story.");
 * for await (const piece of stream.text) process.stdout.write(piece);
 * const reply = await stream.final();
 */
export class ChatStream implements AsyncIterable<ChatEvent>, AsyncDisposable {
  /** The call's id, to look it up in the gateway's log. */
  readonly requestId: string;
  readonly #events: AsyncGenerator<ChatEvent, undefined, undefined>;
  readonly #accumulator = new Accumulator();
  readonly #controller = new AbortController();
  #restarts = 0;
  #ended = false;
  #failure: APIError | undefined;

  /** Streams are made by `Trunkline.stream`. */
  constructor(call: Call, retries: Retries, begin: Begin) {
    this.requestId = call.requestId;
    this.#events = this.#read(call, retries, begin);
  }

  /** What the events so far add up to; later events do not change it. Costs time in proportion to it. */
  get response(): Reply {
    return new Reply(this.#accumulator.response, this.requestId);
  }

  /** What is known of the usage so far. */
  get usage(): Usage {
    return this.#accumulator.usage;
  }

  /** How often the answer began again. Each time, all that came before is void. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The pieces of the answer's text. After a restart, those of the new answer follow. */
  get text(): AsyncIterable<string> {
    return textOf(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<ChatEvent, undefined, undefined> {
    return {
      next: async () => {
        const result = await this.#events.next();
        if (result.done && !this.#ended) throw this.#failure;
        return result;
      },
      return: async () => {
        await this[Symbol.asyncDispose]();
        return { done: true, value: undefined };
      },
    };
  }

  /**
   * Reads to the end and returns the whole answer.
   *
   * @throws APIError if the call failed; `partial` has what came before.
   */
  async final(): Promise<Reply> {
    for await (const _ of this);
    return this.response;
  }

  /** Gives the call up. Whoever waits for events, or still wants them, gets CallCancelledError. */
  cancel(): void {
    this.#controller.abort(new ConnectError("the stream was closed", Code.Canceled));
  }

  /** Gives the call up, unless it has ended, and waits until it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.#events.return(undefined);
    if (!this.#ended && !this.#failure) this.#failed(this.#controller.signal.reason);
  }

  async *#read(call: Call, retries: Retries, begin: Begin): AsyncGenerator<ChatEvent, undefined, undefined> {
    const release = follow(this.#controller, call.signal);
    let messages: Messages | undefined;
    try {
      let result: IteratorResult<StreamChatResponse>;
      [messages, result] = await retries.run(call, this.#controller.signal, async (attempt) => {
        const opened = begin(attempt)[Symbol.asyncIterator]();
        return [opened, await opened.next()];
      });
      for (; !result.done; result = await messages.next()) yield* this.#added(result.value.events);
      if (!this.#accumulator.complete) {
        throw new StreamInterruptedError("the stream ended without a completion", { code: "OK", ...this.#id });
      }
      this.#ended = true;
    } catch (error) {
      throw this.#failed(error);
    } finally {
      release();
      this.cancel();
      // Without this, connect leaves the timer of the deadline running, and Node with it.
      await messages?.next().catch(() => undefined);
    }
  }

  *#added(events: readonly ChatEvent[]): Generator<ChatEvent> {
    for (const event of events) {
      this.#accumulator.add(event);
      if (event.kind.case === "restart") this.#restarts += 1;
      yield event;
    }
  }

  #failed(caught: unknown): APIError {
    const ofOurs = caught instanceof ProtocolError;
    const failure = ofOurs
      ? new ProtocolError(caught.rawMessage, { ...this.#id, cause: caught })
      : apiError(caught, this.requestId);
    const partial = this.response;
    if (partial.message.content.length > 0 || partial.message.origin) failure.partial = partial;
    this.#failure = failure;
    return failure;
  }

  get #id() {
    return { requestId: this.requestId };
  }
}

type Begin = (attempt: Attempt) => AsyncIterable<StreamChatResponse>;

async function* textOf(stream: ChatStream): AsyncGenerator<string, undefined, undefined> {
  for await (const { kind } of stream) {
    let piece = "";
    if (kind.case === "blockDelta" && kind.value.delta.case === "text") piece = kind.value.delta.value;
    else if (kind.case === "blockStart" && kind.value.block?.kind.case === "text")
      piece = kind.value.block.kind.value.text;
    if (piece) yield piece;
  }
}
