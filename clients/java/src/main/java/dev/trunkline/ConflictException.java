package dev.trunkline;

/** The provider found the request in conflict with its state. */
public class ConflictException extends ApiException {
  private static final long serialVersionUID = 1L;

  ConflictException(Failure failure) {
    super(failure);
  }
}
