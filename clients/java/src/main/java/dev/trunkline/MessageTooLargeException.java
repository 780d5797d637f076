package dev.trunkline;

/** The request or the answer is larger than a message may be. */
public class MessageTooLargeException extends ApiException {
  private static final long serialVersionUID = 1L;

  MessageTooLargeException(Failure failure) {
    super(failure);
  }
}
