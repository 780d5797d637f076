package dev.trunkline;

/** No answer for now, for a reason that passes. */
public class UnavailableException extends ApiException {
  private static final long serialVersionUID = 1L;

  UnavailableException(Failure failure) {
    super(failure);
  }
}
