package dev.trunkline;

import com.google.rpc.Status;
import dev.trunkline.v1.RouteReport;
import io.grpc.Status.Code;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** All that an exception says; null is what nobody told. */
record Failure(
    String message,
    Code code,
    String reason,
    String requestId,
    Map<String, String> metadata,
    boolean retryable,
    Duration retryAfter,
    List<Violation> violations,
    String resource,
    RouteReport routeReport,
    Status status)
    implements Serializable {

  /** What this package itself found, without a status of the gateway's. */
  static Failure of(String message, Code code, String requestId) {
    return new Failure(
        message, code, "", requestId, Map.of(), false, null, List.of(), "", null, null);
  }
}
