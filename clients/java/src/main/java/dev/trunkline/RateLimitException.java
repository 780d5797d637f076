package dev.trunkline;

/** Too many calls: try again after {@link #retryAfter}. */
public class RateLimitException extends ApiException {
  private static final long serialVersionUID = 1L;

  RateLimitException(Failure failure) {
    super(failure);
  }
}
