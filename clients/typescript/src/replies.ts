/** What comes back: thin views of the contract's messages, which stay in reach as `proto`. */

import { create } from "@bufbuild/protobuf";
import { type ToolOutput, type ToolResultOptions, toolResult } from "./content.js";
import {
  type ChatResponse,
  type ContentBlock,
  type Cost,
  CountMethod,
  type CountTokensResponse,
  FinishReason,
  type Message,
  MessageSchema,
  type RouteReport,
  RouteReportSchema,
  ToolRunner,
  type ToolUseBlock,
  type Usage,
  UsageSchema,
  type Warning,
} from "./v1.js";

/**
 * What a model answered, or the part that came so far.
 *
 * @example
 * const reply = await client.chat("What is the capital of France?", { model: "anthropic/claude-sonnet-5" });
 * console.log(reply.text, reply.finishReason, reply.usage.outputTotal);
 * history.push(reply.message);
 */
export class Reply {
  /** All that came. */
  readonly proto: ChatResponse;
  /** The call's id, to look it up in the gateway's log. */
  readonly requestId: string;

  constructor(proto: ChatResponse, requestId = "") {
    this.proto = proto;
    this.requestId = requestId;
  }

  /** The answer as the model gave it. To go on, append it to the messages of the next call. */
  get message(): Message {
    this.proto.message ??= create(MessageSchema);
    return this.proto.message;
  }

  /** The text blocks, one after the other. Empty if the model only called tools or refused. */
  get text(): string {
    return this.#kinds("text", ({ text }) => text).join("");
  }

  /** The reasoning, its blocks set apart by empty lines. Empty if the provider keeps it to itself. */
  get thinking(): string {
    return this.#kinds("thinking", ({ text }) => text).join("\n\n");
  }

  /** The model's own words for why it will not answer. May be empty though `finishReason` is "refusal". */
  get refusal(): string {
    return this.#kinds("refusal", ({ text }) => text).join("");
  }

  /**
   * The tool calls that wait for the caller, in order; not those that the provider runs itself. Do not run them unless
   * `finishReason` is "tool_use": they may be cut short.
   *
   * @example const results = reply.toolCalls.map((call) => call.result(run(call.name, call.arguments)));
   */
  get toolCalls(): ToolCall[] {
    return this.#kinds("toolUse", (call) => call)
      .filter(({ runner }) => runner === ToolRunner.UNSPECIFIED || runner === ToolRunner.CLIENT)
      .map((call) => new ToolCall(call));
  }

  /**
   * Why the answer ended: the name of a FinishReason in small letters, for example "max_output_tokens". "other" if the
   * gateway is newer than this package and has a reason that this one does not know; see then `providerFinishReason`.
   * Empty as long as the answer is not complete.
   */
  get finishReason(): string {
    return word(FinishReason, this.proto.completion?.finishReason);
  }

  /** The same in the provider's own word, for example "end_turn". */
  get providerFinishReason(): string {
    return this.proto.completion?.providerFinishReason ?? "";
  }

  /** Whether this is the whole answer, not a part of a stream's. */
  get complete(): boolean {
    return this.proto.completion !== undefined;
  }

  /** The tokens it took. A number that the provider does not tell is undefined. */
  get usage(): Usage {
    return this.proto.completion?.usage ?? create(UsageSchema);
  }

  /** What it cost, in nano-dollars, by the gateway's price list; undefined if a price is not known. */
  get cost(): Cost | undefined {
    return this.proto.completion?.cost;
  }

  /** What the gateway wants the caller to know: fields left out, defaults applied, odd output. */
  get warnings(): readonly Warning[] {
    return this.proto.completion?.warnings ?? [];
  }

  /** Where the call went: every attempt, those that did not answer among them. */
  get routeReport(): RouteReport {
    return this.proto.completion?.routeReport ?? create(RouteReportSchema);
  }

  #kinds<Case extends Kind["case"], Out>(wanted: Case, view: (value: Value<Case>) => Out): Out[] {
    const content = this.proto.message?.content ?? [];
    return content.flatMap(({ kind }) => (kind.case === wanted ? [view(kind.value as Value<Case>)] : []));
  }
}

type Kind = ContentBlock["kind"];
type Value<Case extends Kind["case"]> = Extract<Kind, { case: Case }>["value"];

/**
 * A call of one of the caller's tools.
 *
 * @example for (const call of reply.toolCalls) console.log(call.id, call.name, call.arguments);
 */
export class ToolCall {
  /** All that came. */
  readonly proto: ToolUseBlock;

  constructor(proto: ToolUseBlock) {
    this.proto = proto;
  }

  /** What the result has to name. */
  get id(): string {
    return this.proto.id;
  }

  /** The tool's name. */
  get name(): string {
    return this.proto.name;
  }

  /** The arguments as the model wrote them, byte for byte. Not always JSON; empty stands for no arguments. */
  get argumentsJson(): string {
    return this.proto.inputJson;
  }

  /**
   * The arguments, parsed: an object, if the model keeps to the rules.
   *
   * @throws SyntaxError if they are not JSON, or cut short.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as JSON.parse has it, the tool's own schema says what it is
  get arguments(): any {
    return JSON.parse(this.proto.inputJson || "{}");
  }

  /**
   * Makes the block that answers this call.
   *
   * @example messages.push(reply.message, ...reply.toolCalls.map((call) => call.result(run(call))));
   */
  result(content: ToolOutput = [], options: ToolResultOptions = {}): ContentBlock {
    const block = toolResult(this.proto.id, content, options);
    if (block.kind.case === "toolResult") block.kind.value.toolsetName = this.proto.toolsetName;
    return block;
  }
}

/**
 * How many tokens an input has.
 *
 * @example const { inputTokens, method } = await client.countTokens("Hello", { model: "anthropic/claude-sonnet-5" });
 */
export class TokenCount {
  /** All that came. */
  readonly proto: CountTokensResponse;
  /** The call's id, to look it up in the gateway's log. */
  readonly requestId: string;

  constructor(proto: CountTokensResponse, requestId = "") {
    this.proto = proto;
    this.requestId = requestId;
  }

  /** The tokens. */
  get inputTokens(): number {
    return this.proto.inputTokens;
  }

  /** Who counted: "provider", "tokenizer" or "estimate"; "other" if this package does not know the word. */
  get method(): string {
    return word(CountMethod, this.proto.method);
  }
}

function word(names: Readonly<Record<number, string>>, value = 0): string {
  return value === 0 ? "" : (names[value]?.toLowerCase() ?? "other");
}
