package dev.trunkline;

import dev.trunkline.v1.CountMethod;
import dev.trunkline.v1.CountTokensResponse;

/**
 * How many tokens an input has.
 *
 * @param proto all that came, as the contract has it
 * @param requestId the call's id, to look it up in the gateway's log
 */
public record TokenCount(CountTokensResponse proto, String requestId) {
  /** The tokens. */
  public int inputTokens() {
    return proto.getInputTokens();
  }

  /** Who counted. UNRECOGNIZED if the gateway is newer than this package and has another way. */
  public CountMethod method() {
    return proto.getMethod();
  }
}
