package dev.trunkline;

/** The call's deadline passed: see {@link Trunkline#withTimeout}. */
public class DeadlineExceededException extends ApiException {
  private static final long serialVersionUID = 1L;

  DeadlineExceededException(Failure failure) {
    super(failure);
  }
}
