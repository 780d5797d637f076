package dev.trunkline;

import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.ToolUseBlock;
import java.util.List;

/**
 * A call of one of the caller's tools.
 *
 * @param proto all that came, as the contract has it
 */
public record ToolCall(ToolUseBlock proto) {
  /** What the result has to name. */
  public String id() {
    return proto.getId();
  }

  /** The tool's name. */
  public String name() {
    return proto.getName();
  }

  /**
   * The arguments, JSON as the model wrote it. After an answer that was cut short it may not be
   * whole.
   */
  public String argumentsJson() {
    return proto.getInputJson().isEmpty() ? "{}" : proto.getInputJson();
  }

  /** Makes the block that answers this call. */
  public ContentBlock result(String output) {
    return result(List.of(Blocks.text(output)));
  }

  /** Makes the block that answers this call, with more than text. */
  public ContentBlock result(List<ContentBlock> output) {
    ContentBlock.Builder block = Blocks.toolResult(id(), output).toBuilder();
    block.getToolResultBuilder().setToolsetName(proto.getToolsetName());
    return block.build();
  }

  /** Makes the block that says that the tool failed. */
  public ContentBlock error(String output) {
    ContentBlock.Builder block = result(output).toBuilder();
    block.getToolResultBuilder().setIsError(true);
    return block.build();
  }

  @Override
  public String toString() {
    return "ToolCall[id=%s, name=%s]".formatted(id(), name());
  }
}
