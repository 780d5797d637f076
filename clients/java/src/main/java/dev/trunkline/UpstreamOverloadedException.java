package dev.trunkline;

/** The provider is overloaded or down for a while. */
public class UpstreamOverloadedException extends UpstreamUnavailableException {
  private static final long serialVersionUID = 1L;

  UpstreamOverloadedException(Failure failure) {
    super(failure);
  }
}
