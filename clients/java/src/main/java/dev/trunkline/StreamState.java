package dev.trunkline;

import dev.trunkline.v1.ChatEvent;
import dev.trunkline.v1.ChatResponse;
import io.grpc.Status.Code;

/** What came so far of a stream. Knows nothing about waiting. */
final class StreamState {
  final String requestId;
  final Accumulator accumulator = new Accumulator();
  int restarts;

  StreamState(String requestId) {
    this.requestId = requestId;
  }

  void add(ChatEvent event) {
    try {
      accumulator.add(event);
    } catch (ProtocolException e) {
      throw failed(new ProtocolException(Failure.of(e.getMessage(), e.code(), requestId)));
    }
    if (event.hasRestart()) {
      restarts++;
    }
  }

  /** Takes note that the status is OK. Without a completion, the answer is cut off all the same. */
  void end() {
    if (!accumulator.complete()) {
      throw failed(
          new StreamInterruptedException(
              Failure.of("the stream ended without a completion", Code.OK, requestId)));
    }
  }

  /** Puts into the exception what has come; returns the same. */
  ApiException failed(ApiException error) {
    ChatResponse partial = accumulator.response();
    if (partial.getMessage().getContentCount() > 0 || partial.getMessage().hasOrigin()) {
      error.setPartial(new Reply(partial, error.requestId()));
    }
    return error;
  }

  Reply response() {
    return new Reply(accumulator.response(), requestId);
  }

  /** The piece of the answer's text that the event brings; empty if it brings none. */
  static String text(ChatEvent event) {
    return switch (event.getKindCase()) {
      case BLOCK_DELTA -> event.getBlockDelta().getText();
      case BLOCK_START -> event.getBlockStart().getBlock().getText().getText();
      default -> "";
    };
  }
}
