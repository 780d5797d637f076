package dev.trunkline;

import com.google.rpc.Status;
import dev.trunkline.v1.RouteReport;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * A call failed. Every exception that stands for the outcome of a call is one of these; its class
 * follows from the reason that the gateway states (an ErrorReason of the contract), or else from
 * the gRPC code, and says what to do.
 *
 * <pre>{@code
 * try {
 *   reply = client.chat("Hello");
 * } catch (RateLimitException e) {
 *   Thread.sleep(e.retryAfter().orElse(Duration.ofSeconds(1)).toMillis());
 * } catch (ApiException e) {
 *   log.error("{} (retryable: {})", e, e.retryable());
 * }
 * }</pre>
 */
public class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Failure failure;
  private Reply partial;

  ApiException(Failure failure) {
    super(failure.message());
    this.failure = failure;
  }

  /** Makes the exception for a call on a generated stub that failed. */
  public static ApiException of(StatusRuntimeException caught) {
    return Statuses.exception(caught, "");
  }

  /** The gRPC code. */
  public Code code() {
    return failure.code();
  }

  /**
   * The full name of an ErrorReason, perhaps one newer than this package; empty if there was none.
   */
  public String reason() {
    return failure.reason();
  }

  /** The call's id, to look it up in the gateway's log. */
  public String requestId() {
    return failure.requestId();
  }

  /** All that the gateway says about this reason; ErrorReason lists the keys. */
  public Map<String, String> metadata() {
    return failure.metadata();
  }

  /** Whether the gateway says that the same call, unchanged, may work after a while. */
  public boolean retryable() {
    return failure.retryable();
  }

  /** After how long, if anybody said so. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(failure.retryAfter());
  }

  /** The fields of the request that are wrong or cannot be honoured. */
  public List<Violation> violations() {
    return failure.violations();
  }

  /** What was not found: a route, a provider or a model. */
  public String resource() {
    return failure.resource();
  }

  /**
   * Where the call went: every attempt, and why it failed. Empty if the call did not get that far.
   */
  public Optional<RouteReport> routeReport() {
    return Optional.ofNullable(failure.routeReport());
  }

  /** The google.rpc.Status with all details, if one came. */
  public Optional<Status> status() {
    return Optional.ofNullable(failure.status());
  }

  /** For streams: what had come of the answer before it failed, if anything had. */
  public Optional<Reply> partial() {
    return Optional.ofNullable(partial);
  }

  /**
   * The provider that was asked last, by its name in the gateway's configuration; empty if none
   * was.
   */
  public String provider() {
    return metadata().getOrDefault("provider", "");
  }

  /** The model that was asked last; empty if none was. */
  public String model() {
    return metadata().getOrDefault("model", "");
  }

  /** The provider's HTTP status, if there was one. */
  public OptionalInt upstreamStatus() {
    OptionalLong status = number("upstream_status");
    return status.isPresent() ? OptionalInt.of((int) status.getAsLong()) : OptionalInt.empty();
  }

  /** The provider's own id of the request, to quote to its support; empty if there was none. */
  public String upstreamRequestId() {
    return metadata().getOrDefault("upstream_request_id", "");
  }

  @Override
  public String toString() {
    StringBuilder context = new StringBuilder();
    tell(context, "provider", provider());
    tell(context, "model", model());
    tell(context, "request_id", requestId());
    String what = reason().isEmpty() ? code().name() : reason();
    String where = context.isEmpty() ? "" : " (" + context + ")";
    return getClass().getSimpleName() + ": " + what + ": " + getMessage() + where;
  }

  private static void tell(StringBuilder context, String name, String value) {
    if (!value.isEmpty()) {
      context.append(context.isEmpty() ? "" : ", ").append(name).append('=').append(value);
    }
  }

  void setPartial(Reply reply) {
    partial = reply;
  }

  OptionalLong number(String key) {
    String text = metadata().getOrDefault(key, "");
    return text.matches("[0-9]{1,18}")
        ? OptionalLong.of(Long.parseLong(text))
        : OptionalLong.empty();
  }
}
