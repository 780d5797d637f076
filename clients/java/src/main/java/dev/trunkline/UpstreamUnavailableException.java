package dev.trunkline;

/**
 * The provider failed, could not be reached, or answered with something that is not its own format.
 */
public class UpstreamUnavailableException extends UnavailableException {
  private static final long serialVersionUID = 1L;

  UpstreamUnavailableException(Failure failure) {
    super(failure);
  }
}
