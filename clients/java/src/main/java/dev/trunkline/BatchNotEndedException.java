package dev.trunkline;

/** The batch has not ended: there are no results yet, and it cannot be deleted. */
public class BatchNotEndedException extends ApiException {
  private static final long serialVersionUID = 1L;

  BatchNotEndedException(Failure failure) {
    super(failure);
  }
}
