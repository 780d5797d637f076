package dev.trunkline;

import dev.trunkline.v1.ChatResponse;
import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.Cost;
import dev.trunkline.v1.FinishReason;
import dev.trunkline.v1.Message;
import dev.trunkline.v1.Origin;
import dev.trunkline.v1.RouteReport;
import dev.trunkline.v1.ToolRunner;
import dev.trunkline.v1.Usage;
import dev.trunkline.v1.Warning;
import java.io.Serializable;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a model answered, or the part that came so far.
 *
 * @param proto all that came, as the contract has it
 * @param requestId the call's id, to look it up in the gateway's log
 */
public record Reply(ChatResponse proto, String requestId) implements Serializable {
  private static final Set<ToolRunner> OURS =
      EnumSet.of(ToolRunner.TOOL_RUNNER_UNSPECIFIED, ToolRunner.TOOL_RUNNER_CLIENT);

  /** The answer as the model gave it. To go on, append it to the messages of the next prompt. */
  public Message message() {
    return proto.getMessage();
  }

  /** The text blocks, one after the other. Empty if the model only called tools or refused. */
  public String text() {
    return blocks().stream().map(block -> block.getText().getText()).collect(Collectors.joining());
  }

  /**
   * The reasoning, its blocks set apart by empty lines. Empty if the provider keeps it to itself.
   */
  public String thinking() {
    return blocks().stream()
        .filter(ContentBlock::hasThinking)
        .map(block -> block.getThinking().getText())
        .collect(Collectors.joining("\n\n"));
  }

  /** The model's own words for why it will not answer. May be empty though it refused. */
  public String refusal() {
    return blocks().stream()
        .map(block -> block.getRefusal().getText())
        .collect(Collectors.joining());
  }

  /**
   * The tool calls that wait for the caller, in order; not those that the provider runs itself. Do
   * not run them unless {@link #finishReason} is FINISH_REASON_TOOL_USE: they may be cut short.
   */
  public List<ToolCall> toolCalls() {
    return blocks().stream()
        .filter(block -> block.hasToolUse() && OURS.contains(block.getToolUse().getRunner()))
        .map(block -> new ToolCall(block.getToolUse()))
        .toList();
  }

  /**
   * Why the answer ended; FINISH_REASON_UNSPECIFIED as long as it has not. A reason that is newer
   * than this package is FINISH_REASON_OTHER: see then {@link #providerFinishReason}.
   */
  public FinishReason finishReason() {
    FinishReason reason = proto.getCompletion().getFinishReason();
    return reason == FinishReason.UNRECOGNIZED ? FinishReason.FINISH_REASON_OTHER : reason;
  }

  /** The same in the provider's own word, for example "end_turn". */
  public String providerFinishReason() {
    return proto.getCompletion().getProviderFinishReason();
  }

  /** Whether this is the whole answer, not a part of a stream's. */
  public boolean complete() {
    return proto.hasCompletion();
  }

  /** The provider and model that answered. */
  public Origin origin() {
    return message().getOrigin();
  }

  /** The tokens it took. A number that the provider does not tell is not set, and reads as 0. */
  public Usage usage() {
    return proto.getCompletion().getUsage();
  }

  /** What it cost, in nano-dollars, by the gateway's price list; empty if a price is not known. */
  public Optional<Cost> cost() {
    return proto.getCompletion().hasCost()
        ? Optional.of(proto.getCompletion().getCost())
        : Optional.empty();
  }

  /** What the gateway wants the caller to know: fields left out, defaults applied, odd output. */
  public List<Warning> warnings() {
    return proto.getCompletion().getWarningsList();
  }

  /** Where the call went: every attempt, those that did not answer among them. */
  public RouteReport routeReport() {
    return proto.getCompletion().getRouteReport();
  }

  private List<ContentBlock> blocks() {
    return message().getContentList();
  }

  @Override
  public String toString() {
    return "Reply[id=%s, provider=%s, model=%s, finishReason=%s, requestId=%s]"
        .formatted(
            proto.getId(), origin().getProvider(), origin().getModel(), finishReason(), requestId);
  }
}
