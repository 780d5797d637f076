package dev.trunkline;

import dev.trunkline.v1.ChatInput;
import dev.trunkline.v1.ChatRequest;
import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.CountTokensRequest;
import dev.trunkline.v1.GenerationParams;
import dev.trunkline.v1.Message;
import dev.trunkline.v1.OutputFormat;
import dev.trunkline.v1.ReasoningMode;
import dev.trunkline.v1.ReasoningParams;
import dev.trunkline.v1.Route;
import dev.trunkline.v1.RoutingOptions;
import dev.trunkline.v1.StreamChatRequest;
import dev.trunkline.v1.Target;
import dev.trunkline.v1.Tool;
import dev.trunkline.v1.ToolChoice;
import dev.trunkline.v1.UnsupportedFieldPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What to ask a model, and where. It never changes: each method returns a prompt that has something
 * more. What is not set is not sent to the provider.
 *
 * <pre>{@code
 * Prompt.of("What is the weather in Paris?").model("anthropic/claude-sonnet-5").tools(weather).temperature(0)
 * Prompt.of(question, reply.message(), Messages.toolResults(result)).tools(weather)
 * }</pre>
 */
public final class Prompt {
  private final ChatInput input;
  private final RoutingOptions routing;
  private final boolean allowRestart;
  private final Duration maxEventDelay;

  private Prompt(
      ChatInput input, RoutingOptions routing, boolean allowRestart, Duration maxEventDelay) {
    this.input = input;
    this.routing = routing;
    this.allowRestart = allowRestart;
    this.maxEventDelay = maxEventDelay;
  }

  /** What the user says. */
  public static Prompt of(String text) {
    return of(Messages.user(text));
  }

  /** A conversation: see {@link Messages}. */
  public static Prompt of(Message... messages) {
    return of(List.of(messages));
  }

  /** A conversation: see {@link Messages}. */
  public static Prompt of(List<Message> messages) {
    return of(ChatInput.newBuilder().addAllMessages(messages).build());
  }

  /** The contract's own message. The client's model stands for an empty one. */
  public static Prompt of(ChatInput input) {
    return new Prompt(input, null, false, null);
  }

  /** "provider/model", or a name that the gateway knows. If not set: the client's. */
  public Prompt model(String model) {
    return with(input -> input.setModel(model));
  }

  /** Instructions that open the conversation. */
  public Prompt system(String text) {
    return system(Blocks.text(text));
  }

  /** Instructions that open the conversation. */
  public Prompt system(ContentBlock... blocks) {
    return with(input -> input.clearSystem().addAllSystem(List.of(blocks)));
  }

  /** Tools that the model may call: see {@link Tools}. */
  public Prompt tools(Tool... tools) {
    return tools(List.of(tools));
  }

  /** Tools that the model may call: see {@link Tools}. */
  public Prompt tools(List<Tool> tools) {
    return with(input -> input.clearTools().addAllTools(tools));
  }

  /** Whether and which tools it is to call: see {@link Tools#choice(String)}. */
  public Prompt toolChoice(ToolChoice choice) {
    return with(input -> input.setToolChoice(choice));
  }

  /** At most so many tokens in the answer, reasoning included. */
  public Prompt maxOutputTokens(int tokens) {
    return generation(params -> params.setMaxOutputTokens(tokens));
  }

  /** How freely to sample, in the provider's own range. */
  public Prompt temperature(double temperature) {
    return generation(params -> params.setTemperature(temperature));
  }

  /** End the answer before any of these. */
  public Prompt stopSequences(String... sequences) {
    return generation(
        params -> params.clearStopSequences().addAllStopSequences(List.of(sequences)));
  }

  /** All about length and sampling: seed, penalties, log probabilities and so on. */
  public Prompt generation(Consumer<GenerationParams.Builder> change) {
    return with(input -> change.accept(input.getGenerationBuilder()));
  }

  /** Reason as much as the model finds right, or not at all. */
  public Prompt reasoning(boolean on) {
    ReasoningMode mode =
        on ? ReasoningMode.REASONING_MODE_ADAPTIVE : ReasoningMode.REASONING_MODE_DISABLED;
    return reasoning(params -> params.setMode(mode));
  }

  /** Reason for at most so many tokens. */
  public Prompt reasoning(int budgetTokens) {
    return reasoning(
        params ->
            params.setMode(ReasoningMode.REASONING_MODE_BUDGET).setBudgetTokens(budgetTokens));
  }

  /** How hard to work, in the provider's own word, for example "low". */
  public Prompt effort(String effort) {
    return reasoning(params -> params.setEffort(effort));
  }

  private Prompt reasoning(Consumer<ReasoningParams.Builder> change) {
    return with(input -> change.accept(input.getReasoningBuilder()));
  }

  /** The form of the answer: see {@link Tools#jsonSchema(String)} and {@link Tools#jsonObject}. */
  public Prompt outputFormat(OutputFormat format) {
    return with(input -> input.setOutputFormat(format));
  }

  /**
   * Something newer than the contract: a JSON object, merged into the body of the upstream request
   * last.
   */
  public Prompt providerOptions(String provider, String json) {
    return with(input -> input.putProviderOptionsJson(provider, json));
  }

  /**
   * Anything else that the contract has, for example {@code with(input ->
   * input.setEndUserId("u-1"))}.
   */
  public Prompt with(Consumer<ChatInput.Builder> change) {
    ChatInput.Builder changed = input.toBuilder();
    change.accept(changed);
    return new Prompt(changed.build(), routing, allowRestart, maxEventDelay);
  }

  /** A route of the gateway's configuration. */
  public Prompt route(String name) {
    return routing(options -> options.setRouteName(name));
  }

  /** A route of the caller's own. */
  public Prompt route(Route route) {
    return routing(options -> options.setRoute(route));
  }

  /** One provider, perhaps with a key of the caller's own. */
  public Prompt route(Target target) {
    return route(Route.newBuilder().setTarget(target).build());
  }

  /**
   * What to tell about the call, for the conditions of routes: who asks, for what. Never goes to a
   * provider.
   */
  public Prompt routeMetadata(Map<String, String> metadata) {
    return routing(options -> options.clearMetadata().putAllMetadata(metadata));
  }

  /** Calls with the same key go to the same target of a load balancer that minds prompt caches. */
  public Prompt affinityKey(String key) {
    return routing(options -> options.setAffinityKey(key));
  }

  /** Calls in flight with the same key and the same request share one call to a provider. */
  public Prompt coalescingKey(String key) {
    return routing(options -> options.setCoalescingKey(key));
  }

  /**
   * Leave out, with a warning, the fields that the provider cannot honour; the default is to fail.
   */
  public Prompt dropUnsupportedFields() {
    return routing(
        options ->
            options.setUnsupportedFields(
                UnsupportedFieldPolicy.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING));
  }

  /**
   * Anything else that the contract has about where to ask: what is newer than this class, or a
   * whole message, with {@code routing(options -> options.mergeFrom(whole))}.
   */
  public Prompt routing(Consumer<RoutingOptions.Builder> change) {
    RoutingOptions.Builder changed =
        (routing == null ? RoutingOptions.getDefaultInstance() : routing).toBuilder();
    change.accept(changed);
    return new Prompt(input, changed.build(), allowRestart, maxEventDelay);
  }

  /** For streams: let the gateway begin again with another attempt after it has sent something. */
  public Prompt allowRestart() {
    return new Prompt(input, routing, true, maxEventDelay);
  }

  /**
   * For streams: let the gateway hold events back for so long, at most a second, to send more of
   * them at once.
   */
  public Prompt maxEventDelay(Duration delay) {
    return new Prompt(input, routing, allowRestart, delay);
  }

  ChatRequest chatRequest(String defaultModel) {
    ChatRequest.Builder request = ChatRequest.newBuilder().setInput(input(defaultModel));
    return (routing == null ? request : request.setRouting(routing)).build();
  }

  StreamChatRequest streamChatRequest(String defaultModel) {
    StreamChatRequest.Builder request =
        StreamChatRequest.newBuilder().setInput(input(defaultModel)).setAllowRestart(allowRestart);
    if (maxEventDelay != null) {
      request
          .getMaxEventDelayBuilder()
          .setSeconds(maxEventDelay.getSeconds())
          .setNanos(maxEventDelay.getNano());
    }
    return (routing == null ? request : request.setRouting(routing)).build();
  }

  CountTokensRequest countTokensRequest(String defaultModel) {
    CountTokensRequest.Builder request =
        CountTokensRequest.newBuilder().setInput(input(defaultModel));
    return (routing == null ? request : request.setRouting(routing)).build();
  }

  private ChatInput input(String defaultModel) {
    return input.getModel().isEmpty() ? input.toBuilder().setModel(defaultModel).build() : input;
  }

  /** Not the conversation, which may be long or private. */
  @Override
  public String toString() {
    return "Prompt[model=%s, messages=%d]".formatted(input.getModel(), input.getMessagesCount());
  }
}
