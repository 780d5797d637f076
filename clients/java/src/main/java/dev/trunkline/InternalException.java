package dev.trunkline;

/** The gateway itself failed: a bug. Its log has more under {@link #requestId}. */
public class InternalException extends ApiException {
  private static final long serialVersionUID = 1L;

  InternalException(Failure failure) {
    super(failure);
  }
}
