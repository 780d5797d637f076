/** Turning texts into vectors: what the method takes, and what it gives back. */

import { create } from "@bufbuild/protobuf";
import { given } from "./content.js";
import { type Json, jsonText, wellFormed } from "./json_text.js";
import { CALL_OPTIONS, type CallOptions, onlyKnown, ROUTE_OPTIONS, type RouteOptions } from "./options.js";
import { routing } from "./requests.js";
import {
  type Cost,
  type EmbedInput,
  EmbedInputSchema,
  type EmbedRequest,
  EmbedRequestSchema,
  type EmbedResponse,
  type Origin,
  OriginSchema,
  type Usage,
  UsageSchema,
  type Warning,
} from "./v1.js";

/** A text, or several; or lists of tokens of the model's own vocabulary. */
export type Inputs = string | Iterable<string> | Iterable<readonly number[]>;

/** The options of `embed`. */
export interface EmbedOptions extends RouteOptions, CallOptions {
  /** "provider/model", or a name that the gateway knows. Default: the client's. */
  readonly model?: string | undefined;
  /** How many numbers each vector is to have, for models that can shorten theirs. */
  readonly dimensions?: number | undefined;
  /** What the vectors are for, in the provider's own word, for example "RETRIEVAL_QUERY". */
  readonly taskType?: string | undefined;
  /** An opaque id of the person behind the request. */
  readonly endUserId?: string | undefined;
  /** Anything newer than the contract, by provider: merged into the body of the upstream request last. */
  readonly providerOptions?: Readonly<Record<string, Json>> | undefined;
}

const EMBED_OPTIONS = [
  "model",
  "dimensions",
  "taskType",
  "endUserId",
  "providerOptions",
] as const satisfies (keyof EmbedOptions)[];

/**
 * A vector for each input, in their order.
 *
 * @example const [first, second] = await client.embed(["One text", "Another"], { model: "openai/text-embedding-3-small" });
 */
export class Embeddings implements Iterable<readonly number[]> {
  /** The contract's own message. */
  readonly proto: EmbedResponse;
  /** The call's id, to look it up in the gateway's log. */
  readonly requestId: string;

  constructor(proto: EmbedResponse, requestId = "") {
    this.proto = proto;
    this.requestId = requestId;
  }

  /** The vectors. */
  get vectors(): readonly (readonly number[])[] {
    return this.proto.embeddings.map(({ values }) => values);
  }

  [Symbol.iterator](): Iterator<readonly number[]> {
    return this.vectors.values();
  }

  /** The provider and model that answered. */
  get origin(): Origin {
    return this.proto.origin ?? create(OriginSchema);
  }

  /** The tokens it took. */
  get usage(): Usage {
    return this.proto.usage ?? create(UsageSchema);
  }

  /** What it cost, in nano-dollars; undefined if a price is not known. */
  get cost(): Cost | undefined {
    return this.proto.cost;
  }

  /** What the gateway wants the caller to know. */
  get warnings(): readonly Warning[] {
    return this.proto.warnings;
  }
}

/**
 * Makes the request.
 *
 * @throws TypeError if an option is not known or has a value that it cannot have.
 */
export function embedRequest(inputs: Inputs, options: EmbedOptions, defaultModel: string): EmbedRequest {
  onlyKnown(options, EMBED_OPTIONS, ROUTE_OPTIONS, CALL_OPTIONS);
  const { model = defaultModel, dimensions, taskType, endUserId } = options;
  const providerOptions = Object.entries(options.providerOptions ?? {});
  return create(EmbedRequestSchema, {
    model,
    inputs: Array.from<string | readonly number[], EmbedInput>(
      typeof inputs === "string" ? [inputs] : inputs,
      embedInput,
    ),
    ...given({ dimensions, taskType, endUserId, routing: routing(options) }),
    providerOptionsJson: Object.fromEntries(providerOptions.map(([provider, value]) => [provider, jsonText(value)])),
  });
}

function embedInput(input: string | readonly number[]): EmbedInput {
  if (typeof input === "string") {
    return create(EmbedInputSchema, { kind: { case: "text", value: wellFormed(input) } });
  }
  return create(EmbedInputSchema, { kind: { case: "tokens", value: { ids: [...input] } } });
}
