/** What is the same in Node and in browsers. */

// Of the runtime of the generated code: makes the contract's messages.
export { create } from "@bufbuild/protobuf";
export { Accumulator } from "./accumulate.js";
export type { ClientSettings, Stubs } from "./client.js";
export {
  assistant,
  audio,
  type Content,
  cached,
  type DocumentOptions,
  document,
  type ImageOptions,
  image,
  type MediaOptions,
  type Piece,
  type Source,
  searchResult,
  system,
  type ToolOutput,
  type ToolResultOptions,
  text,
  toolResult,
  toolResults,
  toolUse,
  user,
} from "./content.js";
export { Embeddings, type EmbedOptions, type Inputs } from "./embeddings.js";
export * from "./errors.js";
export type { Json } from "./json_text.js";
export { type CapabilityWord, type LifecycleWord, ModelList, type ModelsOptions } from "./models.js";
export type {
  CallOptions,
  ChatOptions,
  InputOptions,
  Metadata,
  Prompt,
  RouteOptions,
  StreamOptions,
  Turn,
} from "./options.js";
export { Reply, TokenCount, ToolCall } from "./replies.js";
export { apiError } from "./statuses.js";
export { ChatStream } from "./stream.js";
export { type JsonSchemaOptions, jsonObject, jsonSchema, providerTool, type ToolOptions, tool } from "./tools.js";
// The contract's messages that one needs most; all of them are in "trunkline/v1".
export {
  type ChatEvent,
  type ChatInput,
  ChatInputSchema,
  type ContentBlock,
  type Message,
  type Route,
  RouteSchema,
  type RoutingOptions,
  RoutingOptionsSchema,
  type Target,
  TargetSchema,
  type Tool,
  type ToolChoice,
  ToolChoiceSchema,
} from "./v1.js";
