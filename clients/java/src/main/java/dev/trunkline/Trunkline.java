package dev.trunkline;

import dev.trunkline.v1.ChatRequest;
import dev.trunkline.v1.ChatServiceGrpc;
import dev.trunkline.v1.CountTokensRequest;
import dev.trunkline.v1.EmbedInput;
import dev.trunkline.v1.EmbedRequest;
import dev.trunkline.v1.EmbeddingServiceGrpc;
import dev.trunkline.v1.GetModelRequest;
import dev.trunkline.v1.ListModelsRequest;
import dev.trunkline.v1.Model;
import dev.trunkline.v1.ModelServiceGrpc;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * A client of the gateway. Threads may share one; it connects with the first call. Every call
 * throws an {@link ApiException} if it fails, and is cancelled with the io.grpc.Context that it
 * began in.
 *
 * <pre>{@code
 * try (Trunkline client = Trunkline.connect("gateway:50051").withModel("anthropic/claude-sonnet-5")) {
 *   System.out.println(client.chat("Hello").text());
 * }
 * }</pre>
 */
public final class Trunkline implements AutoCloseable {
  private final ManagedChannel channel;
  private final Settings settings;

  Trunkline(ManagedChannel channel, Settings settings) {
    this.channel = channel;
    this.settings = settings;
  }

  /**
   * A client of the gateway at TRUNKLINE_ADDRESS (of the environment), or else at 127.0.0.1:50051.
   */
  public static Trunkline connect() {
    return builder().build();
  }

  /**
   * A client of the gateway at an address, without TLS.
   *
   * @param address host:port, or any target of gRPC's: see {@link TrunklineBuilder#address}
   */
  public static Trunkline connect(String address) {
    return builder().address(address).build();
  }

  /** Sets up a client that needs more than an address: TLS, keys, options of the channel. */
  public static TrunklineBuilder builder() {
    return new TrunklineBuilder();
  }

  /** Asks a model and waits for the whole answer. */
  public Reply chat(String prompt) {
    return chat(Prompt.of(prompt));
  }

  /** Asks a model and waits for the whole answer. */
  public Reply chat(Prompt prompt) {
    ChatRequest request = prompt.chatRequest(settings.model());
    return call().answer(ChatServiceGrpc.getChatMethod(), request, Reply::new);
  }

  /**
   * Asks a model, and gives the answer as it is written. Close the stream, for it to end in any
   * case.
   */
  public ChatStream stream(String prompt) {
    return stream(Prompt.of(prompt));
  }

  /**
   * Asks a model, and gives the answer as it is written. Close the stream, for it to end in any
   * case.
   */
  public ChatStream stream(Prompt prompt) {
    return new ChatStream(call(), prompt.streamChatRequest(settings.model()));
  }

  /**
   * Asks a model, and calls back as the answer is written.
   *
   * @return the whole answer, once it is complete, or the {@link ApiException}. To cancel it
   *     cancels the call.
   */
  public CompletableFuture<Reply> stream(String prompt, StreamListener listener) {
    return stream(Prompt.of(prompt), listener);
  }

  /**
   * Asks a model, and calls back as the answer is written.
   *
   * @return the whole answer, once it is complete, or the {@link ApiException}. To cancel it
   *     cancels the call.
   */
  public CompletableFuture<Reply> stream(Prompt prompt, StreamListener listener) {
    return ListenedStream.begin(call(), prompt.streamChatRequest(settings.model()), listener);
  }

  /** Counts the tokens that the prompt would have as input, without asking the model. */
  public TokenCount countTokens(String prompt) {
    return countTokens(Prompt.of(prompt));
  }

  /** Counts the tokens that the prompt would have as input, without asking the model. */
  public TokenCount countTokens(Prompt prompt) {
    CountTokensRequest request = prompt.countTokensRequest(settings.model());
    return call().answer(ChatServiceGrpc.getCountTokensMethod(), request, TokenCount::new);
  }

  /** Turns texts into vectors. */
  public Embeddings embed(String... texts) {
    EmbedRequest.Builder request = EmbedRequest.newBuilder();
    for (String text : texts) {
      request.addInputs(EmbedInput.newBuilder().setText(text));
    }
    return embed(request.build());
  }

  /**
   * Turns texts or tokens into vectors, with all that the contract knows. The client's model stands
   * for an empty one.
   */
  public Embeddings embed(EmbedRequest request) {
    EmbedRequest whole =
        request.getModel().isEmpty()
            ? request.toBuilder().setModel(settings.model()).build()
            : request;
    return call().answer(EmbeddingServiceGrpc.getEmbedMethod(), whole, Embeddings::new);
  }

  /** Lists the models that the gateway's providers have. */
  public ModelList listModels() {
    return listModels(ListModelsRequest.getDefaultInstance());
  }

  /** Lists the models that the request asks for, all pages of them. */
  public ModelList listModels(ListModelsRequest request) {
    return ModelList.of(
        request,
        page -> call().answer(ModelServiceGrpc.getListModelsMethod(), page, ModelList.Page::new));
  }

  /**
   * Gets one model: what it can do, what it costs, and for how long it is there.
   *
   * @param name the model, as prompts take it
   * @throws NotFoundException there is no such model, or no longer; the message has the nearest
   *     names
   */
  public Model getModel(String name) {
    GetModelRequest request = GetModelRequest.newBuilder().setModel(name).build();
    return call()
        .answer(
            ModelServiceGrpc.getGetModelMethod(), request, (response, id) -> response.getModel());
  }

  /** The same client with another model for prompts that name none. */
  public Trunkline withModel(String model) {
    return with(settings.withModel(model));
  }

  /**
   * The same client with another time that a call may take. Ten minutes, if nobody says otherwise.
   */
  public Trunkline withTimeout(Duration timeout) {
    return with(settings.withTimeout(timeout));
  }

  /** The same client, whose calls may take any time. */
  public Trunkline withoutTimeout() {
    return with(settings.withTimeout(null));
  }

  /**
   * The same client with something more to send with each call, such as a key; it replaces values
   * of the same key.
   */
  public Trunkline withMetadata(String key, String value) {
    return with(settings.withMetadata(key, value));
  }

  /**
   * The same client with something more to send with each call; it replaces values of the same
   * keys.
   */
  public Trunkline withMetadata(Metadata metadata) {
    return with(settings.withMetadata(metadata));
  }

  /**
   * The same client with an id for its calls in the gateway's log: 1 to 64 printable ASCII
   * characters.
   */
  public Trunkline withRequestId(String id) {
    return with(settings.withRequestId(id));
  }

  /**
   * The same connections, with the client's metadata: for generated stubs of what this class does
   * not do.
   */
  public Channel channel() {
    return ClientInterceptors.intercept(
        channel, MetadataUtils.newAttachHeadersInterceptor(settings.metadata()));
  }

  /** The generated stub of ChatService on {@link #channel}. */
  public ChatServiceGrpc.ChatServiceBlockingStub stub() {
    return ChatServiceGrpc.newBlockingStub(channel());
  }

  /**
   * Closes the connections, also for clients that {@code with...} made of this one. Calls in flight
   * are cancelled.
   */
  @Override
  public void close() {
    channel.shutdownNow();
  }

  private Trunkline with(Settings settings) {
    return new Trunkline(channel, settings);
  }

  private Call call() {
    return settings.call(channel);
  }
}
