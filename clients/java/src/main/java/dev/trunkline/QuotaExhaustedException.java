package dev.trunkline;

/** The account's money or quota is spent. Waiting seconds does not help. */
public class QuotaExhaustedException extends ApiException {
  private static final long serialVersionUID = 1L;

  QuotaExhaustedException(Failure failure) {
    super(failure);
  }
}
