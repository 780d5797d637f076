package dev.trunkline;

/** The caller's credentials were not accepted: Target.api_key, or those for the gateway itself. */
public class AuthenticationException extends ApiException {
  private static final long serialVersionUID = 1L;

  AuthenticationException(Failure failure) {
    super(failure);
  }
}
