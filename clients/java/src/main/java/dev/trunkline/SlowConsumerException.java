package dev.trunkline;

/** The caller did not read the stream for so long that the gateway gave it up. */
public class SlowConsumerException extends ApiException {
  private static final long serialVersionUID = 1L;

  SlowConsumerException(Failure failure) {
    super(failure);
  }
}
