package dev.trunkline;

/**
 * The call was cancelled: by the other side, by its context or its thread's interruption, or
 * because its stream or client was closed meanwhile.
 */
public class CallCancelledException extends ApiException {
  private static final long serialVersionUID = 1L;

  CallCancelledException(Failure failure) {
    super(failure);
  }
}
