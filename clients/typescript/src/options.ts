/** What a call may be given. What is undefined is the same as left out, and what is left out is not sent. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Content } from "./content.js";
import type { Json } from "./json_text.js";
import type {
  AnthropicOptionsSchema,
  CacheControlSchema,
  ChatInputSchema,
  ContentBlock,
  GeminiOptionsSchema,
  Message,
  OpenAiOptionsSchema,
  OutputFormatSchema,
  ReasoningParamsSchema,
  RouteSchema,
  RoutingOptionsSchema,
  Target,
  Tool,
  ToolChoiceSchema,
} from "./v1.js";

/**
 * A turn of a conversation. A string is the user's. So is a block, unless it is a tool's result; neighbouring blocks make
 * one message, so that the results of one reply's tool calls stay together.
 */
export type Turn = string | Message | ContentBlock;
/** What to say: a turn, or several. */
export type Prompt = Turn | Iterable<Turn>;
/** gRPC metadata. Keys that end in "-bin" have bytes. */
export type Metadata = Readonly<Record<string, Value | readonly Value[]>>;
type Value = string | Uint8Array;

/** What to ask. */
export interface InputOptions {
  /** "provider/model", or a name that the gateway knows. Default: the client's. */
  readonly model?: string | undefined;
  /** The conversation so far; a prompt, if there is one, comes after it. */
  readonly messages?: Prompt | undefined;
  /** Instructions that open the conversation. */
  readonly system?: Content | undefined;
  /** Tools that the model may call: see `tool` and `providerTool`. */
  readonly tools?: Iterable<Tool> | undefined;
  /** Whether it is to call them; `{ choice: { case: "toolName", value: "weather" } }` asks for a certain one. */
  readonly toolChoice?: "auto" | "any" | "none" | MessageInitShape<typeof ToolChoiceSchema> | undefined;
  /** Whether it may call several at once. */
  readonly parallelToolCalls?: boolean | undefined;
  /** At most so many tokens in the answer, reasoning included. */
  readonly maxOutputTokens?: number | undefined;
  /** How freely to sample, in the provider's own range. */
  readonly temperature?: number | undefined;
  /** Sample from the smallest set of tokens whose probabilities add up to this. */
  readonly topP?: number | undefined;
  /** Sample from this many of the likeliest tokens. */
  readonly topK?: number | undefined;
  /** End the answer before any of these. */
  readonly stopSequences?: string | Iterable<string> | undefined;
  /** Make sampling repeatable, as far as the provider can. */
  readonly seed?: number | bigint | undefined;
  /** Lower the odds of tokens that appeared. */
  readonly presencePenalty?: number | undefined;
  /** Lower the odds of tokens by how often they appeared. */
  readonly frequencyPenalty?: number | undefined;
  /** Tell how likely each token of the text was. */
  readonly logprobs?: boolean | undefined;
  /** Tell so many of the likeliest tokens in each place; with `logprobs`. */
  readonly topLogprobs?: number | undefined;
  /** Raise or lower the odds of tokens, by their ids in the model's own vocabulary. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Whether to reason: true for as much as the model finds right, false for not at all, or at most so many tokens. */
  readonly reasoning?: boolean | number | MessageInitShape<typeof ReasoningParamsSchema> | undefined;
  /** How hard to work, in the provider's own word, for example "low". */
  readonly effort?: string | undefined;
  /** The form of the answer: see `jsonSchema` and `jsonObject`. */
  readonly outputFormat?: MessageInitShape<typeof OutputFormatSchema> | undefined;
  /** Caches the longest prefix that can be. To mark a certain one, see `cached`. */
  readonly cacheControl?: MessageInitShape<typeof CacheControlSchema> | undefined;
  /** An opaque id of the person behind the request. */
  readonly endUserId?: string | undefined;
  /** The class of service, in the provider's own word. */
  readonly serviceTier?: string | undefined;
  /** What only Anthropic's API knows. */
  readonly anthropic?: MessageInitShape<typeof AnthropicOptionsSchema> | undefined;
  /** What only OpenAI's APIs know. */
  readonly openai?: MessageInitShape<typeof OpenAiOptionsSchema> | undefined;
  /** What only Gemini's API knows. */
  readonly gemini?: MessageInitShape<typeof GeminiOptionsSchema> | undefined;
  /** Anything newer than the contract, by provider: merged into the body of the upstream request last. */
  readonly providerOptions?: Readonly<Record<string, Json>> | undefined;
  /** Instead of all these: the contract's own message, sent exactly as it is. */
  readonly input?: MessageInitShape<typeof ChatInputSchema> | undefined;
}

/** Where to ask. With none of it, the model says it all. */
export interface RouteOptions {
  /**
   * A route of the gateway's configuration by name, one of the caller's own, or a single target:
   * `create(TargetSchema, { provider: "anthropic" })`.
   */
  readonly route?: string | Target | MessageInitShape<typeof RouteSchema> | undefined;
  /** What to do with fields that the provider cannot honour: fail, which is the default, or drop with a warning. */
  readonly unsupportedFields?: "reject" | "drop" | undefined;
  /** What to tell about the call, for the conditions of routes: who asks, for what. Never goes to a provider. */
  readonly routeMetadata?: Readonly<Record<string, string>> | undefined;
  /** Calls with the same key go to the same target of a load balancer that minds prompt caches. */
  readonly affinityKey?: string | undefined;
  /** Calls in flight with the same key and the same request share one call to a provider. */
  readonly coalescingKey?: string | undefined;
  /** Instead of all these: the contract's own message, sent exactly as it is. */
  readonly routing?: MessageInitShape<typeof RoutingOptionsSchema> | undefined;
}

/** How to call. */
export interface CallOptions {
  /** Milliseconds until the call fails with DeadlineExceededError; Infinity for never. Default: the client's. */
  readonly timeout?: number | undefined;
  /** Cancels the call, which then fails with CallCancelledError; its `cause` is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** gRPC metadata, added to the client's and stronger than it. */
  readonly metadata?: Metadata | undefined;
  /** The call's id in the gateway's log: at most 64 printable ASCII characters. Default: one is made. */
  readonly requestId?: string | undefined;
}

/** The options of `chat` and `countTokens`. */
export interface ChatOptions extends InputOptions, RouteOptions, CallOptions {}

/** The options of `stream`. */
export interface StreamOptions extends ChatOptions {
  /** Let the gateway begin again with another attempt after it has sent something: see ChatStream.restarts. */
  readonly allowRestart?: boolean | undefined;
  /** Let the gateway hold events back for up to so many milliseconds, at most 1000, to send more of them at once. */
  readonly maxEventDelay?: number | undefined;
}

// For callers without types: a misspelt option would be dropped in silence.
export const ROUTE_OPTIONS = [
  "route",
  "unsupportedFields",
  "routeMetadata",
  "affinityKey",
  "coalescingKey",
  "routing",
] as const satisfies (keyof RouteOptions)[];
export const CALL_OPTIONS = ["timeout", "signal", "metadata", "requestId"] as const satisfies (keyof CallOptions)[];
export const STREAM_OPTIONS = ["allowRestart", "maxEventDelay"] as const satisfies (keyof StreamOptions)[];
export const GENERATION_OPTIONS = [
  "maxOutputTokens",
  "temperature",
  "topP",
  "topK",
  "presencePenalty",
  "frequencyPenalty",
  "logprobs",
  "topLogprobs",
  "logitBias",
] as const satisfies (keyof InputOptions)[];
export const INPUT_OPTIONS = [
  ...GENERATION_OPTIONS,
  "model",
  "messages",
  "system",
  "tools",
  "toolChoice",
  "parallelToolCalls",
  "stopSequences",
  "seed",
  "reasoning",
  "effort",
  "outputFormat",
  "cacheControl",
  "endUserId",
  "serviceTier",
  "anthropic",
  "openai",
  "gemini",
  "providerOptions",
  "input",
] as const satisfies (keyof InputOptions)[];

/** Throws TypeError for an option that is none of the `known` ones. */
export function onlyKnown(options: object, ...known: readonly (readonly string[])[]): void {
  const unknown = Object.keys(options).filter((name) => !known.some((names) => names.includes(name)));
  if (unknown.length > 0) throw new TypeError(`unexpected options: ${unknown.join(", ")}`);
}

/** Throws TypeError if `name`, which stands for all of `kind`, is given and another of them as well. */
export function alone(name: string, options: object, kind: readonly string[]): void {
  const given = kind.filter((each) => Reflect.get(options, each) !== undefined);
  const others = given.filter((each) => each !== name);
  if (others.length < given.length && others.length > 0) {
    throw new TypeError(`${name} stands for all of its kind, but there are also: ${others.join(", ")}`);
  }
}

/** Looks a word up. Throws TypeError for one that is not in the table. */
export function oneOf<Found>(table: Readonly<Record<string, Found>>, name: string, word: string): Found {
  const found = Object.hasOwn(table, word) ? table[word] : undefined;
  if (found === undefined) {
    throw new TypeError(`${name} must be one of ${Object.keys(table).join(", ")}, not ${JSON.stringify(word)}`);
  }
  return found;
}
