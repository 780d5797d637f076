package dev.trunkline;

/** The gateway is full, or about to stop. Another replica may take the call. */
public class GatewayUnavailableException extends UnavailableException {
  private static final long serialVersionUID = 1L;

  GatewayUnavailableException(Failure failure) {
    super(failure);
  }
}
