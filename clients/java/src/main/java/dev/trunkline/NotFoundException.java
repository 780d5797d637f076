package dev.trunkline;

/** There is no such route, provider, model or batch: see {@link #resource}. */
public class NotFoundException extends ApiException {
  private static final long serialVersionUID = 1L;

  NotFoundException(Failure failure) {
    super(failure);
  }
}
