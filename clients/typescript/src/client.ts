/** The client: everything but the way to the gateway, which Node and browsers have each their own for. */

import { create } from "@bufbuild/protobuf";
import { type Client, type CallOptions as ConnectOptions, createClient, type Transport } from "@connectrpc/connect";
import { type CallDefaults, follow, newCall, timeoutOf } from "./calls.js";
import { Embeddings, type EmbedOptions, embedRequest, type Inputs } from "./embeddings.js";
import { type ModelList, type ModelsOptions, Pages } from "./models.js";
import {
  CALL_OPTIONS,
  type CallOptions,
  type ChatOptions,
  type Metadata,
  onlyKnown,
  type Prompt,
  type StreamOptions,
} from "./options.js";
import { Reply, TokenCount } from "./replies.js";
import { chatRequest, streamRequest } from "./requests.js";
import { Retries } from "./retries.js";
import { apiError, REQUEST_ID_KEY } from "./statuses.js";
import { ChatStream } from "./stream.js";
import {
  BatchService,
  ChatService,
  CountTokensRequestSchema,
  EmbeddingService,
  GetModelRequestSchema,
  type Model,
  ModelSchema,
  ModelService,
} from "./v1.js";

/** Settings of a client. */
export interface ClientSettings {
  /** For calls that name none. */
  readonly model?: string | undefined;
  /** Milliseconds that a call may take, unless it says otherwise; Infinity for any time. Default: 600,000. */
  readonly timeout?: number | undefined;
  /** Sent with every call, for example `{ authorization: "Bearer ..." }`. */
  readonly metadata?: Metadata | undefined;
}

/** The generated stubs, for what the client's own methods do not do. They throw ConnectError: see `apiError`. */
export interface Stubs {
  readonly chat: Client<typeof ChatService>;
  readonly embeddings: Client<typeof EmbeddingService>;
  readonly models: Client<typeof ModelService>;
  readonly batches: Client<typeof BatchService>;
}

/** What the clients of Node and browsers have in common. */
export abstract class BaseClient {
  /** The model of calls that name none. */
  readonly model: string;
  /**
   * The generated stubs on the client's connection, without its defaults and retries.
   *
   * @example await client.stubs.batches.getBatch({ id }, { timeoutMs: 5000 });
   */
  readonly stubs: Stubs;
  readonly #defaults: CallDefaults;
  readonly #retries = new Retries();

  protected constructor(transport: Transport, { model = "", timeout = 600_000, metadata = {} }: ClientSettings) {
    this.model = model;
    this.#defaults = { timeout: timeoutOf(timeout), metadata };
    this.stubs = {
      chat: createClient(ChatService, transport),
      embeddings: createClient(EmbeddingService, transport),
      models: createClient(ModelService, transport),
      batches: createClient(BatchService, transport),
    };
  }

  /**
   * Asks a model and waits for the whole answer.
   *
   * @param prompt - What to say: a string, a message, a block, or several of them.
   * @throws APIError if the call failed.
   * @example const reply = await client.chat("Hello", { model: "anthropic/claude-sonnet-5", maxOutputTokens: 100 });
   */
  async chat(prompt?: Prompt, options: ChatOptions = {}): Promise<Reply> {
    const request = chatRequest(prompt, options, this.model);
    return this.#call(
      options,
      (call) => this.stubs.chat.chat(request, call),
      (proto, id) => new Reply(proto, id),
    );
  }

  /**
   * Asks a model and reads the answer as it is written. The call begins with the first read.
   *
   * @param prompt - What to say: a string, a message, a block, or several of them.
   * @example for await (const piece of client.stream("Tell me a story.").text) process.stdout.write(piece);
   */
  stream(prompt?: Prompt, options: StreamOptions = {}): ChatStream {
    const request = streamRequest(prompt, options, this.model);
    return new ChatStream(newCall(this.#defaults, options), this.#retries, (call) =>
      this.stubs.chat.streamChat(request, call),
    );
  }

  /**
   * Counts the tokens that the same arguments would cost `chat` as input.
   *
   * @throws APIError if the call failed.
   * @example const { inputTokens } = await client.countTokens("Hello", { model: "anthropic/claude-sonnet-5" });
   */
  async countTokens(prompt?: Prompt, options: ChatOptions = {}): Promise<TokenCount> {
    const { input, routing } = chatRequest(prompt, options, this.model);
    const request = create(CountTokensRequestSchema, { ...(input && { input }), ...(routing && { routing }) });
    return this.#call(
      options,
      (call) => this.stubs.chat.countTokens(request, call),
      (proto, id) => new TokenCount(proto, id),
    );
  }

  /**
   * Turns texts into vectors.
   *
   * @param inputs - A text, or several; or lists of tokens of the model's own vocabulary.
   * @throws CapabilityNotSupportedError if the provider has no embeddings.
   * @throws APIError if the call failed.
   * @example const vectors = await client.embed(["One text", "Another"], { model: "openai/text-embedding-3-small" });
   */
  async embed(inputs: Inputs, options: EmbedOptions = {}): Promise<Embeddings> {
    const request = embedRequest(inputs, options, this.model);
    return this.#call(
      options,
      (call) => this.stubs.embeddings.embed(request, call),
      (proto, id) => new Embeddings(proto, id),
    );
  }

  /**
   * Lists the models that the gateway's providers have, all pages of them.
   *
   * @throws APIError if a call failed.
   * @example const models = await client.listModels({ provider: "anthropic", capabilities: ["tools", "image_input"] });
   */
  async listModels(options: ModelsOptions = {}): Promise<ModelList> {
    const pages = new Pages(options);
    while (!pages.done) {
      await this.#call(
        options,
        (call) => this.stubs.models.listModels(pages.request, call),
        (page, id) => pages.add(page, id),
      );
    }
    return pages.all();
  }

  /**
   * Gets one model: what it can do, what it costs, and for how long it is there.
   *
   * @param name - The model, as `chat` takes it.
   * @throws NotFoundError if there is no such model, or no longer; the message has the nearest names.
   * @throws APIError if the call failed.
   * @example const model = await client.getModel("anthropic/claude-sonnet-5");
   */
  async getModel(name: string, options: CallOptions = {}): Promise<Model> {
    onlyKnown(options, CALL_OPTIONS);
    const request = create(GetModelRequestSchema, { model: name });
    return this.#call(
      options,
      (call) => this.stubs.models.getModel(request, call),
      ({ model }) => model ?? create(ModelSchema),
    );
  }

  async #call<Response, View>(
    options: CallOptions,
    invoke: (call: ConnectOptions) => Promise<Response>,
    view: (response: Response, requestId: string) => View,
  ): Promise<View> {
    const call = newCall(this.#defaults, options);
    const controller = new AbortController();
    const release = follow(controller, call.signal);
    let { requestId } = call;
    const onTrailer = (trailers: Headers) => {
      requestId = trailers.get(REQUEST_ID_KEY) ?? requestId;
    };
    try {
      const response = await this.#retries.run(call, controller.signal, (attempt) => invoke({ ...attempt, onTrailer }));
      return view(response, requestId);
    } catch (error) {
      throw apiError(error, requestId);
    } finally {
      release();
    }
  }
}
