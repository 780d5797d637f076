package dev.trunkline;

/**
 * The gateway or the provider found the request wrong; {@link #violations} names the fields, if
 * known.
 */
public class InvalidRequestException extends ApiException {
  private static final long serialVersionUID = 1L;

  InvalidRequestException(Failure failure) {
    super(failure);
  }
}
