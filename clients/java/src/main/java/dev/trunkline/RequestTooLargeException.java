package dev.trunkline;

import java.util.OptionalLong;

/** The request has more bytes than the gateway or the provider takes. */
public class RequestTooLargeException extends InvalidRequestException {
  private static final long serialVersionUID = 1L;

  RequestTooLargeException(Failure failure) {
    super(failure);
  }

  /** How many it takes, if it told. */
  public OptionalLong limit() {
    return number("limit");
  }
}
