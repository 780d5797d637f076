package dev.trunkline;

import dev.trunkline.v1.BlockDelta;
import dev.trunkline.v1.BlockDelta.DeltaCase;
import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.ContentBlock.KindCase;

/**
 * A block of a stream. What deltas append is collected here, and put into the block when it is
 * asked for.
 */
final class GrowingBlock {
  private final int index;
  private final ContentBlock.Builder block;
  private final KindCase kind;
  private final StringBuilder appended = new StringBuilder();
  private DeltaCase appends;
  private boolean grown;

  GrowingBlock(int index, ContentBlock begun) {
    this.index = index;
    this.block = begun.toBuilder();
    this.kind = begun.getKindCase();
    this.appends =
        switch (kind) {
          case TEXT -> DeltaCase.TEXT;
          case THINKING -> DeltaCase.THINKING;
          case TOOL_USE -> DeltaCase.INPUT_JSON;
          case REFUSAL -> DeltaCase.REFUSAL;
          default -> DeltaCase.DELTA_NOT_SET;
        };
  }

  void add(BlockDelta delta) {
    DeltaCase what = delta.getDeltaCase();
    boolean fits =
        switch (what) {
          case TEXT -> append(what, delta.getText());
          case THINKING -> append(what, delta.getThinking());
          case INPUT_JSON -> append(what, delta.getInputJson());
          case INPUT_TEXT -> appendInputText(delta.getInputText());
          case REFUSAL -> append(what, delta.getRefusal());
          case SIGNATURE -> kind == KindCase.THINKING && setSignature(delta.getSignature());
          case CITATION -> kind == KindCase.TEXT && addCitation(delta);
          case LOGPROBS -> kind == KindCase.TEXT && addLogprobs(delta);
          case OPAQUE -> {
            block.addOpaqueDeltas(delta.getOpaque());
            yield true;
          }
          case PROVIDER_STATE -> {
            block.setProviderState(delta.getProviderState());
            yield true;
          }
          case BLOCK_FIELDS_JSON -> putFields(delta.getBlockFieldsJson());
          case DELTA_NOT_SET -> true;
        };
    if (!fits && kind != KindCase.KIND_NOT_SET) {
      throw Accumulator.broken(
          "a delta of kind " + what + " came for block " + index + ", of kind " + kind);
    }
  }

  private boolean append(DeltaCase what, String piece) {
    if (what != appends) {
      return false;
    }
    appended.append(piece);
    grown = true;
    return true;
  }

  /** A tool takes JSON or text, never both. */
  private boolean appendInputText(String piece) {
    if (kind == KindCase.TOOL_USE && !grown) {
      appends = DeltaCase.INPUT_TEXT;
    }
    return append(DeltaCase.INPUT_TEXT, piece);
  }

  private boolean setSignature(String signature) {
    block.getThinkingBuilder().setSignature(signature);
    return true;
  }

  private boolean addCitation(BlockDelta delta) {
    block.getTextBuilder().addCitations(delta.getCitation());
    return true;
  }

  private boolean addLogprobs(BlockDelta delta) {
    block.getTextBuilder().addAllLogprobs(delta.getLogprobs().getTokensList());
    return true;
  }

  private boolean putFields(String fields) {
    String before = block.getProviderFieldsJson();
    try {
      block.setProviderFieldsJson(before.isEmpty() ? fields : JsonObjects.laidOver(before, fields));
    } catch (IllegalArgumentException e) {
      throw Accumulator.broken("what came as fields of block " + index + " is no JSON object");
    }
    return true;
  }

  ContentBlock content() {
    if (!grown) {
      return block.build();
    }
    ContentBlock.Builder whole = block.build().toBuilder();
    switch (appends) {
      case TEXT -> whole.getTextBuilder().setText(whole.getText().getText() + appended);
      case THINKING -> whole.getThinkingBuilder().setText(whole.getThinking().getText() + appended);
      case INPUT_JSON ->
          whole.getToolUseBuilder().setInputJson(whole.getToolUse().getInputJson() + appended);
      case INPUT_TEXT ->
          whole.getToolUseBuilder().setInputText(whole.getToolUse().getInputText() + appended);
      case REFUSAL -> whole.getRefusalBuilder().setText(whole.getRefusal().getText() + appended);
      default -> throw new AssertionError(appends);
    }
    return whole.build();
  }
}
