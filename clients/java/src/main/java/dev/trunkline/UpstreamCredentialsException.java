package dev.trunkline;

/**
 * The provider rejected the gateway's own key. The gateway's operator has to act, not the caller.
 */
public class UpstreamCredentialsException extends ApiException {
  private static final long serialVersionUID = 1L;

  UpstreamCredentialsException(Failure failure) {
    super(failure);
  }
}
