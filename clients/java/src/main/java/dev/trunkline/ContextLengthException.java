package dev.trunkline;

import java.util.OptionalLong;

/** The input is longer than the model's context window. */
public class ContextLengthException extends InvalidRequestException {
  private static final long serialVersionUID = 1L;

  ContextLengthException(Failure failure) {
    super(failure);
  }

  /** The size of the window in tokens, if the provider told it. */
  public OptionalLong limit() {
    return number("limit");
  }

  /** The tokens that were asked for, if the provider told them. */
  public OptionalLong requested() {
    return number("requested");
  }
}
