package dev.trunkline;

/** The provider's policy forbids the request. */
public class ContentBlockedException extends InvalidRequestException {
  private static final long serialVersionUID = 1L;

  ContentBlockedException(Failure failure) {
    super(failure);
  }
}
