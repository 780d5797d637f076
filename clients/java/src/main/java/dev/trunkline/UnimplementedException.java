package dev.trunkline;

/** The gateway does not know the method: it is older than this package, or not a gateway. */
public class UnimplementedException extends ApiException {
  private static final long serialVersionUID = 1L;

  UnimplementedException(Failure failure) {
    super(failure);
  }
}
