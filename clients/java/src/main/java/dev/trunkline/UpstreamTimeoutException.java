package dev.trunkline;

/** The provider was too slow for the gateway's limits, or timed out itself. */
public class UpstreamTimeoutException extends UpstreamUnavailableException {
  private static final long serialVersionUID = 1L;

  UpstreamTimeoutException(Failure failure) {
    super(failure);
  }
}
