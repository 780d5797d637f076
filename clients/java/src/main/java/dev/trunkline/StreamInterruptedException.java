package dev.trunkline;

/**
 * The answer broke off; {@link #partial} holds what had come. That part costs money, so nothing
 * repeats the call by itself.
 */
public class StreamInterruptedException extends ApiException {
  private static final long serialVersionUID = 1L;

  StreamInterruptedException(Failure failure) {
    super(failure);
  }
}
