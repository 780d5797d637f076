/** The one fold: what the events of a stream add up to. */

import { clone, create } from "@bufbuild/protobuf";
import { ProtocolError } from "./errors.js";
import { laidOver } from "./json_text.js";
import {
  type BlockDelta,
  type BlockStart,
  type ChatEvent,
  type ChatResponse,
  ChatResponseSchema,
  type Completion,
  CompletionSchema,
  type ContentBlock,
  ContentBlockSchema,
  Role,
  type StreamStart,
  StreamStartSchema,
  type ToolUseBlock,
  type Usage,
  UsageSchema,
} from "./v1.js";

/**
 * Adds events up. The text is put together when `response` is asked for.
 *
 * Events and deltas of kinds that this package does not know are ignored, and so are deltas for such blocks. Opaque events
 * and BlockDelta.providerFieldsJson have no place in a response.
 *
 * @example
 * const accumulator = new Accumulator();
 * for await (const message of client.stubs.chat.streamChat(request)) message.events.forEach((each) => accumulator.add(each));
 * if (accumulator.complete) console.log(accumulator.response.message);
 */
export class Accumulator {
  #start: StreamStart | undefined;
  #blocks = new Map<number, Block>();
  #completion: Completion | undefined;

  /**
   * Adds the next event; `restart` discards what there is.
   *
   * @throws ProtocolError if the event has no place in what came so far: a delta for a block that has not begun or is of
   *   another kind, or a block that begins twice.
   */
  add({ kind }: ChatEvent): void {
    switch (kind.case) {
      case "blockDelta":
        this.#grow(kind.value);
        break;
      case "blockStart":
        this.#begin(kind.value);
        break;
      case "start":
        this.#start = clone(StreamStartSchema, kind.value);
        break;
      case "completion":
        this.#completion = clone(CompletionSchema, kind.value);
        break;
      case "restart":
        this.#start = this.#completion = undefined;
        this.#blocks.clear();
        break;
      default: // the end of a block, what is opaque, and what is newer than this package
    }
  }

  /** Whether the completion came: what `response` holds is then the whole answer. */
  get complete(): boolean {
    return this.#completion !== undefined;
  }

  /** What is known of the usage so far: the completion's, or until that comes, the start's. */
  get usage(): Usage {
    return (this.#completion ?? this.#start)?.usage ?? create(UsageSchema);
  }

  /**
   * What the events so far add up to: a message of its own, which later events do not change. `completion` is not set
   * until it came. Takes time in proportion to the answer.
   */
  get response(): ChatResponse {
    const origin = this.#completion?.origin ?? this.#start?.origin;
    const blocks = [...this.#blocks].sort(([left], [right]) => left - right);
    const response = create(ChatResponseSchema, {
      id: this.#start?.id ?? "",
      message: {
        role: Role.ASSISTANT,
        content: blocks.map(([, block]) => block.content),
        ...(origin && { origin }),
      },
      ...(this.#completion && { completion: this.#completion }),
    });
    return clone(ChatResponseSchema, response);
  }

  #begin({ index, block }: BlockStart): void {
    if (this.#blocks.has(index)) throw new ProtocolError(`block ${index} began twice`);
    this.#blocks.set(index, new Block(index, block ? clone(ContentBlockSchema, block) : create(ContentBlockSchema)));
  }

  #grow(delta: BlockDelta): void {
    const block = this.#blocks.get(delta.index);
    if (!block) throw new ProtocolError(`a delta came for block ${delta.index}, which has not begun`);
    block.add(delta);
  }
}

/** A block that grows. Engines join what is appended to a string when it is read, so that it may grow by pieces. */
class Block {
  readonly #index: number;
  readonly content: ContentBlock;
  #arguments: "inputJson" | "inputText" | undefined;

  constructor(index: number, content: ContentBlock) {
    this.#index = index;
    this.content = content;
  }

  add({ delta }: BlockDelta): void {
    switch (delta.case) {
      case undefined:
        return;
      case "opaque":
        this.content.opaqueDeltas.push(delta.value);
        return;
      case "providerState":
        this.content.providerState = delta.value;
        return;
      case "blockFieldsJson":
        this.#putFields(delta.value);
        return;
      default:
        if (this.content.kind.case !== undefined && !this.#grow(delta)) {
          const kind = this.content.kind.case;
          throw new ProtocolError(`a delta of kind ${delta.case} came for block ${this.#index}, of kind ${kind}`);
        }
    }
  }

  /** Tells whether the block is of a kind that takes the delta. */
  #grow(delta: BlockDelta["delta"]): boolean {
    const { kind } = this.content;
    if (kind.case === "text") {
      if (delta.case === "text") kind.value.text += delta.value;
      else if (delta.case === "citation") kind.value.citations.push(delta.value);
      else if (delta.case === "logprobs") kind.value.logprobs.push(...delta.value.tokens);
      else return false;
    } else if (kind.case === "thinking") {
      if (delta.case === "thinking") kind.value.text += delta.value;
      else if (delta.case === "signature") kind.value.signature = delta.value;
      else return false;
    } else if (kind.case === "toolUse") {
      return this.#growArguments(kind.value, delta);
    } else if (kind.case === "refusal" && delta.case === "refusal") {
      kind.value.text += delta.value;
    } else {
      return false;
    }
    return true;
  }

  /** A tool takes JSON or text, never both. */
  #growArguments(tool: ToolUseBlock, delta: BlockDelta["delta"]): boolean {
    if (delta.case !== "inputJson" && delta.case !== "inputText") return false;
    this.#arguments ??= delta.case;
    if (delta.case !== this.#arguments) return false;
    tool[delta.case] = (tool[delta.case] ?? "") + delta.value;
    return true;
  }

  #putFields(fields: string): void {
    const before = this.content.providerFieldsJson;
    try {
      this.content.providerFieldsJson = before ? laidOver(before, fields) : fields;
    } catch (cause) {
      throw new ProtocolError(`what came as fields of block ${this.#index} is no JSON object`, { cause });
    }
  }
}
