package dev.trunkline;

import dev.trunkline.v1.BlockDelta;
import dev.trunkline.v1.BlockStart;
import dev.trunkline.v1.ChatEvent;
import dev.trunkline.v1.ChatResponse;
import dev.trunkline.v1.Completion;
import dev.trunkline.v1.Message;
import dev.trunkline.v1.Role;
import dev.trunkline.v1.StreamStart;
import dev.trunkline.v1.Usage;
import io.grpc.Status.Code;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Adds up the events of a stream. Events and deltas of kinds that this package does not know are
 * ignored, and so are deltas for such blocks. Opaque events and BlockDelta.provider_fields_json
 * have no place in a response.
 *
 * <p>{@link ChatStream} has one; on its own it serves those who read a stream from the generated
 * stub. It is not for several threads.
 */
public final class Accumulator {
  private StreamStart start;
  private final SortedMap<Integer, GrowingBlock> blocks = new TreeMap<>();
  private Completion completion;

  /** Holds nothing. */
  public Accumulator() {}

  /**
   * Adds the next event; {@code restart} discards what there is.
   *
   * @throws ProtocolException the event has no place in what came so far: a delta for a block that
   *     has not begun or is of another kind, or a block that begins twice
   */
  public void add(ChatEvent event) {
    switch (event.getKindCase()) {
      case START -> start = event.getStart();
      case BLOCK_START -> begin(event.getBlockStart());
      case BLOCK_DELTA -> extend(event.getBlockDelta());
      case COMPLETION -> completion = event.getCompletion();
      case RESTART -> {
        start = null;
        blocks.clear();
        completion = null;
      }
      case BLOCK_END, OPAQUE, KIND_NOT_SET -> {}
    }
  }

  private void begin(BlockStart begun) {
    GrowingBlock block = new GrowingBlock(begun.getIndex(), begun.getBlock());
    if (blocks.putIfAbsent(begun.getIndex(), block) != null) {
      throw broken("block " + begun.getIndex() + " began twice");
    }
  }

  private void extend(BlockDelta delta) {
    GrowingBlock block = blocks.get(delta.getIndex());
    if (block == null) {
      throw broken("a delta came for block " + delta.getIndex() + ", which has not begun");
    }
    block.add(delta);
  }

  /** Whether the completion came: what {@link #response} holds is then the whole answer. */
  public boolean complete() {
    return completion != null;
  }

  /** What is known of the usage so far: the completion's, or until that comes, the start's. */
  public Usage usage() {
    if (completion != null) {
      return completion.getUsage();
    }
    return start == null ? Usage.getDefaultInstance() : start.getUsage();
  }

  /**
   * What the events so far add up to; later events do not change it. Its completion is not set
   * until that came. Takes time in proportion to the answer.
   */
  public ChatResponse response() {
    ChatResponse.Builder response = ChatResponse.newBuilder();
    Message.Builder message = response.getMessageBuilder().setRole(Role.ROLE_ASSISTANT);
    if (start != null) {
      response.setId(start.getId());
      message.setOrigin(start.getOrigin());
    }
    blocks.values().forEach(block -> message.addContent(block.content()));
    if (completion != null) {
      response.setCompletion(completion);
      if (completion.hasOrigin()) {
        message.setOrigin(completion.getOrigin());
      }
    }
    return response.build();
  }

  static ProtocolException broken(String message) {
    return new ProtocolException(Failure.of(message, Code.UNKNOWN, ""));
  }
}
