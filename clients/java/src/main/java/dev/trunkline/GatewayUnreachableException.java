package dev.trunkline;

/** There is no connection to the gateway, or it broke. */
public class GatewayUnreachableException extends UnavailableException {
  private static final long serialVersionUID = 1L;

  GatewayUnreachableException(Failure failure) {
    super(failure);
  }
}
