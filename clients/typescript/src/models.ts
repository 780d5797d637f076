/** Asking what models there are: what the methods take, and what they give back. */

import { create } from "@bufbuild/protobuf";
import { CALL_OPTIONS, type CallOptions, oneOf, onlyKnown } from "./options.js";
import {
  type ListModelsRequest,
  ListModelsRequestSchema,
  type ListModelsResponse,
  type Model,
  ModelCapability,
  ModelLifecycle,
  type Warning,
} from "./v1.js";

/** What a model can do. */
export type CapabilityWord = Exclude<Lowercase<keyof typeof ModelCapability>, "unspecified">;
/** How long a model will be there. */
export type LifecycleWord = Lowercase<keyof typeof ModelLifecycle>;

const PAGE_SIZE = 1000;
const CAPABILITIES = byWord<ModelCapability>(ModelCapability, ModelCapability.UNSPECIFIED);
const LIFECYCLES = byWord<ModelLifecycle>(ModelLifecycle);

/** The options of `listModels`. */
export interface ModelsOptions extends CallOptions {
  /** The provider's name in the gateway's configuration. Default: all. */
  readonly provider?: string | undefined;
  /** Only models that are known to have all of these. */
  readonly capabilities?: CapabilityWord | Iterable<CapabilityWord> | undefined;
  /** Only models in one of these. Default: all that are not retired. */
  readonly lifecycles?: LifecycleWord | Iterable<LifecycleWord> | undefined;
}

/**
 * The models of a gateway's providers: by provider, and by id within it.
 *
 * @example
 * for (const { provider, id, contextWindow } of await client.listModels({ capabilities: ["tools"] })) {
 *   console.log(`${provider}/${id}`, contextWindow);
 * }
 */
export class ModelList implements Iterable<Model> {
  readonly models: readonly Model[];
  /** What the gateway wants the caller to know: for one, which providers could not be asked. */
  readonly warnings: readonly Warning[];
  /** The id of the last call, to look it up in the gateway's log. */
  readonly requestId: string;

  constructor(models: readonly Model[], warnings: readonly Warning[], requestId = "") {
    this.models = models;
    this.warnings = warnings;
    this.requestId = requestId;
  }

  [Symbol.iterator](): Iterator<Model> {
    return this.models.values();
  }
}

/** Gathers the pages of a list. `request` is what to ask next, as long as it is not `done`. */
export class Pages {
  readonly request: ListModelsRequest;
  done = false;
  readonly #models: Model[] = [];
  readonly #warnings = new Map<string, Warning>();
  #requestId = "";

  /** Throws TypeError for options that are none. */
  constructor(options: ModelsOptions) {
    onlyKnown(options, ["provider", "capabilities", "lifecycles"], CALL_OPTIONS);
    this.request = create(ListModelsRequestSchema, {
      provider: options.provider ?? "",
      capabilities: list(options.capabilities).map((word) => oneOf(CAPABILITIES, "capabilities", word)),
      lifecycles: list(options.lifecycles).map((word) => oneOf(LIFECYCLES, "lifecycles", word)),
      pageSize: PAGE_SIZE,
    });
  }

  /** Takes what came. */
  add({ models, warnings, nextPageToken }: ListModelsResponse, requestId: string): void {
    this.#models.push(...models);
    // Each page says again which providers could not be asked.
    for (const warning of warnings) {
      this.#warnings.set(JSON.stringify([warning.code, warning.field, warning.value]), warning);
    }
    this.#requestId = requestId;
    this.request.pageToken = nextPageToken;
    this.done = nextPageToken === "";
  }

  /** Gives what has come. */
  all(): ModelList {
    return new ModelList(this.#models, [...this.#warnings.values()], this.#requestId);
  }
}

function list<Word extends string>(words: Word | Iterable<Word> = []): Word[] {
  return typeof words === "string" ? [words] : [...words];
}

/** An enum's values by their names in small letters. */
function byWord<Value extends number>(
  names: Readonly<Record<string, string | Value>>,
  except?: Value,
): Readonly<Record<string, Value>> {
  const values = Object.entries(names).filter(
    (entry): entry is [string, Value] => typeof entry[1] === "number" && entry[1] !== except,
  );
  return Object.fromEntries(values.map(([name, value]) => [name.toLowerCase(), value]));
}
