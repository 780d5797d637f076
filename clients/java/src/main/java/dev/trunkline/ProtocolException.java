package dev.trunkline;

/** The gateway sent a stream that breaks the contract's grammar: a bug. */
public class ProtocolException extends ApiException {
  private static final long serialVersionUID = 1L;

  ProtocolException(Failure failure) {
    super(failure);
  }
}
