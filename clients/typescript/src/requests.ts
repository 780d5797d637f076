/** How requests are made of what a method was called with. */

import { create, isMessage } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { blocks, given } from "./content.js";
import { jsonText } from "./json_text.js";
import {
  alone,
  CALL_OPTIONS,
  type ChatOptions,
  GENERATION_OPTIONS,
  INPUT_OPTIONS,
  type InputOptions,
  oneOf,
  onlyKnown,
  type Prompt,
  ROUTE_OPTIONS,
  type RouteOptions,
  STREAM_OPTIONS,
  type StreamOptions,
  type Turn,
} from "./options.js";
import {
  type ChatInput,
  ChatInputSchema,
  type ChatRequest,
  ChatRequestSchema,
  ContentBlockSchema,
  type GenerationParams,
  GenerationParamsSchema,
  type Message,
  MessageSchema,
  ReasoningMode,
  type ReasoningParams,
  ReasoningParamsSchema,
  Role,
  RouteSchema,
  type RoutingOptions,
  RoutingOptionsSchema,
  type StreamChatRequest,
  StreamChatRequestSchema,
  TargetSchema,
  type ToolChoice,
  ToolChoiceMode,
  ToolChoiceSchema,
  UnsupportedFieldPolicy,
} from "./v1.js";

const TOOL_CHOICES = { auto: ToolChoiceMode.AUTO, any: ToolChoiceMode.ANY, none: ToolChoiceMode.NONE };
const UNSUPPORTED_FIELDS = {
  reject: UnsupportedFieldPolicy.REJECT,
  drop: UnsupportedFieldPolicy.DROP_WITH_WARNING,
};

/**
 * Makes the request of `chat`; that of `countTokens` has the same fields.
 *
 * @throws TypeError if an option is not known, excludes another one that was given too, or has a value that it cannot have.
 */
export function chatRequest(prompt: Prompt | undefined, options: ChatOptions, defaultModel: string): ChatRequest {
  onlyKnown(options, INPUT_OPTIONS, ROUTE_OPTIONS, CALL_OPTIONS);
  return create(ChatRequestSchema, common(prompt, options, defaultModel));
}

/** Makes the request of `stream`. Throws as chatRequest does. */
export function streamRequest(
  prompt: Prompt | undefined,
  options: StreamOptions,
  defaultModel: string,
): StreamChatRequest {
  onlyKnown(options, INPUT_OPTIONS, ROUTE_OPTIONS, CALL_OPTIONS, STREAM_OPTIONS);
  const { allowRestart = false, maxEventDelay } = options;
  return create(StreamChatRequestSchema, {
    ...common(prompt, options, defaultModel),
    allowRestart,
    ...given({ maxEventDelay: maxEventDelay === undefined ? undefined : durationFromMs(maxEventDelay) }),
  });
}

function common(prompt: Prompt | undefined, options: ChatOptions, defaultModel: string) {
  alone("input", { ...options, prompt }, [...INPUT_OPTIONS, "prompt"]);
  const input = options.input ? create(ChatInputSchema, options.input) : chatInput(prompt, options, defaultModel);
  return { input, ...given({ routing: routing(options) }) };
}

/** Says where to ask, as the options do; undefined if they say nothing. */
export function routing(options: RouteOptions): RoutingOptions | undefined {
  alone("routing", options, ROUTE_OPTIONS);
  const { route, unsupportedFields, routeMetadata: metadata, affinityKey, coalescingKey } = options;
  if (options.routing !== undefined) return create(RoutingOptionsSchema, options.routing);
  if (ROUTE_OPTIONS.every((name) => options[name] === undefined)) return undefined;
  const made = create(RoutingOptionsSchema, given({ metadata, affinityKey, coalescingKey }));
  if (unsupportedFields !== undefined) {
    made.unsupportedFields = oneOf(UNSUPPORTED_FIELDS, "unsupportedFields", unsupportedFields);
  }
  if (typeof route === "string") made.destination = { case: "routeName", value: route };
  else if (isMessage(route, TargetSchema)) {
    const value = create(RouteSchema, { strategy: { case: "target", value: route } });
    made.destination = { case: "route", value };
  } else if (route !== undefined) made.destination = { case: "route", value: create(RouteSchema, route) };
  return made;
}

function chatInput(prompt: Prompt | undefined, options: InputOptions, defaultModel: string): ChatInput {
  const { outputFormat, cacheControl, anthropic, openai, gemini } = options;
  const providerOptions = Object.entries(options.providerOptions ?? {});
  return create(ChatInputSchema, {
    model: options.model ?? defaultModel,
    system: blocks(options.system ?? []),
    messages: conversation([...turns(options.messages), ...turns(prompt)]),
    tools: [...(options.tools ?? [])],
    ...given({ toolChoice: toolChoice(options), generation: generation(options), reasoning: reasoning(options) }),
    ...given({ outputFormat, cacheControl, anthropic, openai, gemini }),
    ...given({ endUserId: options.endUserId, serviceTier: options.serviceTier }),
    providerOptionsJson: Object.fromEntries(providerOptions.map(([provider, value]) => [provider, jsonText(value)])),
  });
}

function turns(prompt: Prompt | undefined): Turn[] {
  if (prompt === undefined) return [];
  return typeof prompt === "string" || isMessage(prompt) ? [prompt] : [...prompt];
}

/**
 * Makes messages of turns: see Turn.
 *
 * @throws TypeError if a turn is none.
 */
export function conversation(turns: Iterable<Turn>): Message[] {
  const messages: Message[] = [];
  let gathering: Message | undefined; // the message that takes the next bare block, if it is of the same role
  for (const turn of turns) {
    if (isMessage(turn, MessageSchema)) {
      messages.push(turn);
      gathering = undefined;
      continue;
    }
    if (typeof turn !== "string" && !isMessage(turn, ContentBlockSchema)) {
      throw new TypeError("expected a string, a Message or a ContentBlock");
    }
    const content = blocks(turn);
    const role = content.some(({ kind }) => kind.case === "toolResult") ? Role.TOOL : Role.USER;
    if (gathering?.role === role) {
      gathering.content.push(...content);
    } else {
      gathering = create(MessageSchema, { role, content });
      messages.push(gathering);
    }
  }
  return messages;
}

function generation(options: InputOptions): GenerationParams | undefined {
  const stop = options.stopSequences ?? [];
  const fields = given(Object.fromEntries(GENERATION_OPTIONS.map((name) => [name, options[name]])));
  const params = create(GenerationParamsSchema, {
    ...fields,
    ...given({ seed: options.seed === undefined ? undefined : BigInt(options.seed) }),
    stopSequences: typeof stop === "string" ? [stop] : [...stop],
  });
  const empty = Object.keys(fields).length === 0 && params.seed === undefined && params.stopSequences.length === 0;
  return empty ? undefined : params;
}

function toolChoice({ toolChoice: choice, parallelToolCalls }: InputOptions): ToolChoice | undefined {
  if (choice === undefined && parallelToolCalls === undefined) return undefined;
  const made =
    typeof choice === "string"
      ? create(ToolChoiceSchema, { choice: { case: "mode", value: oneOf(TOOL_CHOICES, "toolChoice", choice) } })
      : create(ToolChoiceSchema, { ...choice });
  if (parallelToolCalls !== undefined) made.parallel = parallelToolCalls;
  return made;
}

function reasoning({ reasoning: wanted, effort }: InputOptions): ReasoningParams | undefined {
  if (wanted === undefined && !effort) return undefined;
  const made = create(ReasoningParamsSchema, typeof wanted === "object" ? { ...wanted } : mode(wanted));
  if (effort) made.effort = effort;
  return made;
}

function mode(wanted: boolean | number | undefined) {
  if (wanted === undefined) return {};
  if (typeof wanted === "number") return { mode: ReasoningMode.BUDGET, budgetTokens: wanted };
  return { mode: wanted ? ReasoningMode.ADAPTIVE : ReasoningMode.DISABLED };
}
