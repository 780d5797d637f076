/** Short ways to write messages and blocks. Each returns a plain message of the contract. */

import { create, isMessage } from "@bufbuild/protobuf";
import { type Json, jsonText, wellFormed } from "./json_text.js";
import {
  CacheControlSchema,
  type ContentBlock,
  ContentBlockSchema,
  ContentListSchema,
  type DocumentBlock,
  type Media,
  MediaSchema,
  type Message,
  MessageSchema,
  Role,
  type Tool,
} from "./v1.js";

/** A block; a string stands for a text block. */
export type Piece = string | ContentBlock;
/** One piece of content, or several. */
export type Content = Piece | Iterable<Piece>;
/** What a tool said: blocks, or an object, which becomes JSON text. */
export type ToolOutput = Content | { readonly [member: string]: unknown };
/** Bytes, an address that the provider can fetch, or the id of a file that was uploaded to it. */
export type Source = Uint8Array | string | URL | { readonly fileId: string };

// Messages

/**
 * Writes a message of the user's.
 *
 * @example user("What is in this picture?", image(await readFile("cat.png")))
 */
export function user(...content: Piece[]): Message {
  return create(MessageSchema, { role: Role.USER, content: blocks(content) });
}

/**
 * Writes a message of the model's: for examples, or for an answer to be gone on with. To send back what a model really
 * said, use `reply.message`, which has all of it.
 *
 * @example assistant("Let me see.", toolUse("call_1", "weather", { city: "Paris" }))
 */
export function assistant(...content: Piece[]): Message {
  return create(MessageSchema, { role: Role.ASSISTANT, content: blocks(content) });
}

/**
 * Writes instructions for the middle of a conversation. Those that open it go to the option `system`.
 *
 * @example client.chat(["Hello", reply.message, system("Speak French from now on."), "Where were we?"])
 */
export function system(...content: Piece[]): Message {
  return create(MessageSchema, { role: Role.SYSTEM, content: blocks(content) });
}

/**
 * Writes the message that answers the tool calls of one reply, all of them.
 *
 * @example toolResults(toolResult("call_1", "18 degrees"), toolResult("call_2", "no such city", { isError: true }))
 */
export function toolResults(...results: ContentBlock[]): Message {
  return create(MessageSchema, { role: Role.TOOL, content: results });
}

// Blocks

/**
 * Writes a text block. Where blocks are taken, a string does as well.
 *
 * @throws TypeError if the text holds half of a surrogate pair.
 * @example cached(text(manual))
 */
export function text(value: string): ContentBlock {
  return create(ContentBlockSchema, { kind: { case: "text", value: { text: wellFormed(value) } } });
}

/** What else is known of a file: for example "image/png"; for bytes it may be left to the gateway to recognise. */
export interface MediaOptions {
  readonly mediaType?: string | undefined;
}

/** How to show a picture. */
export interface ImageOptions extends MediaOptions {
  /** How closely to look, in the provider's own word. */
  readonly detail?: string | undefined;
}

/**
 * Shows a picture.
 *
 * @example image("https://example.com/cat.png")
 */
export function image(source: Source, { mediaType, detail = "" }: ImageOptions = {}): ContentBlock {
  return create(ContentBlockSchema, { kind: { case: "image", value: { media: media(source, mediaType), detail } } });
}

/**
 * Plays a recording.
 *
 * @example audio(await readFile("question.wav"), { mediaType: "audio/wav" })
 */
export function audio(source: Source, { mediaType }: MediaOptions = {}): ContentBlock {
  return create(ContentBlockSchema, { kind: { case: "audio", value: { media: media(source, mediaType) } } });
}

/** How to show a document. */
export interface DocumentOptions extends MediaOptions {
  /** Shown to the model and named in citations. */
  readonly title?: string | undefined;
  /** What the model should know about the document, but not cite. */
  readonly context?: string | undefined;
  /** Whether it may cite from it. */
  readonly citations?: boolean | undefined;
}

/**
 * Gives a document to read: a file, plain text, or blocks, which are then what citations point to.
 *
 * @example document(await readFile("report.pdf"), { title: "Annual report", citations: true })
 * @example document({ text: "The grass is green." })
 */
export function document(
  source: Source | { readonly text: string } | { readonly content: Content },
  { mediaType, title, context, citations }: DocumentOptions = {},
): ContentBlock {
  const value = {
    source: documentSource(source, mediaType),
    ...given({ title, context, citationsEnabled: citations }),
  };
  return create(ContentBlockSchema, { kind: { case: "document", value } });
}

/**
 * Gives a passage that the caller's own search found.
 *
 * @example searchResult("https://example.com/grass", "Grass", "The grass is green.", { citations: true })
 */
export function searchResult(
  source: string,
  title: string,
  content: Content,
  { citations }: { readonly citations?: boolean | undefined } = {},
): ContentBlock {
  const value = { source, title, content: blocks(content), ...given({ citationsEnabled: citations }) };
  return create(ContentBlockSchema, { kind: { case: "searchResult", value } });
}

/**
 * Writes a tool call as if a model had made it.
 *
 * @param id - What the result will name.
 * @param input - The arguments: an object, or JSON text, which is sent byte for byte.
 * @example assistant(toolUse("call_1", "weather", { city: "Paris" }))
 */
export function toolUse(id: string, name: string, input: Json = ""): ContentBlock {
  return create(ContentBlockSchema, { kind: { case: "toolUse", value: { id, name, inputJson: jsonText(input) } } });
}

/** How a tool's work went. */
export interface ToolResultOptions {
  /** Whether the tool failed. */
  readonly isError?: boolean | undefined;
}

/**
 * Answers a tool call. `call.result(...)` says the same with less.
 *
 * @param toolUseId - The id of the call.
 * @param content - What the tool said: text, blocks, or an object that becomes JSON text.
 * @example toolResult("call_1", "18 degrees")
 */
export function toolResult(
  toolUseId: string,
  content: ToolOutput = [],
  { isError }: ToolResultOptions = {},
): ContentBlock {
  const said = isContent(content) ? blocks(content) : [text(jsonText(content))];
  const value = { toolUseId, content: said, ...given({ isError }) };
  return create(ContentBlockSchema, { kind: { case: "toolResult", value } });
}

/**
 * Marks a block or a tool as the end of a prefix that the provider should cache; returns the same object.
 *
 * @param item - What to mark. For a string, say `cached(text(...))`.
 * @param ttl - How long to keep it, in the provider's own word: "5m" and "1h" on Anthropic.
 * @example client.chat("Summarise chapter 3.", { system: cached(text(book), "1h") })
 */
export function cached<Item extends ContentBlock | Tool>(item: Item, ttl = ""): Item {
  item.cacheControl = create(CacheControlSchema, { ttl });
  return item;
}

/**
 * Makes blocks of whatever stands for them.
 *
 * @throws TypeError if a piece is neither text nor a block.
 */
export function blocks(content: Content): ContentBlock[] {
  const pieces = typeof content === "string" || isMessage(content) ? [content] : content;
  return Array.from(pieces, (piece) => {
    if (typeof piece === "string") return text(piece);
    if (isMessage(piece, ContentBlockSchema)) return piece;
    throw new TypeError("expected a string or a ContentBlock");
  });
}

function isContent(value: ToolOutput): value is Content {
  return typeof value === "string" || isMessage(value) || Symbol.iterator in value;
}

function documentSource(source: Parameters<typeof document>[0], mediaType?: string): DocumentBlock["source"] {
  if (typeof source === "object" && "text" in source) return { case: "text", value: wellFormed(source.text) };
  if (typeof source === "object" && "content" in source) {
    return { case: "content", value: create(ContentListSchema, { blocks: blocks(source.content) }) };
  }
  return { case: "media", value: media(source, mediaType) };
}

function media(source: Source, mediaType = ""): Media {
  return create(MediaSchema, { mediaType, source: mediaSource(source) });
}

function mediaSource(source: Source): Media["source"] {
  if (source instanceof Uint8Array) return { case: "data", value: source };
  if (source instanceof URL) return { case: "url", value: source.href };
  if (typeof source === "string" && source.includes("://")) return { case: "url", value: source };
  if (typeof source === "string")
    throw new TypeError("not an address; for a file, pass its bytes: await readFile(name)");
  if (typeof source.fileId === "string") return { case: "fileId", value: source.fileId };
  throw new TypeError("expected a Uint8Array, an address or a fileId");
}

/** Leaves out what was not given. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>;
}

/** The same fields, none of them undefined. */
export type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
