package dev.trunkline;

/**
 * The provider or the model has nothing to honour a field of the request with; {@link #violations}
 * names it.
 */
public class CapabilityNotSupportedException extends InvalidRequestException {
  private static final long serialVersionUID = 1L;

  CapabilityNotSupportedException(Failure failure) {
    super(failure);
  }

  /** What is missing. */
  public String capability() {
    return metadata().getOrDefault("capability", "");
  }
}
