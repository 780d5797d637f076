package dev.trunkline;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import com.google.rpc.ResourceInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import dev.trunkline.v1.ErrorReason;
import dev.trunkline.v1.RouteReport;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The one place where a gRPC status becomes an exception: by its ErrorReason, or else by its code.
 */
final class Statuses {
  static final Metadata.Key<String> REQUEST_ID =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
  private static final String DOMAIN = "trunkline";

  private Statuses() {}

  /** Makes the exception for a failed call; {@code requestId} is the one that was sent. */
  static ApiException exception(StatusRuntimeException caught, String requestId) {
    Metadata trailers = caught.getTrailers() == null ? new Metadata() : caught.getTrailers();
    Code code = caught.getStatus().getCode();
    Status status = status(trailers.get(DETAILS));
    ErrorInfo info = detail(status, ErrorInfo.getDefaultInstance());
    boolean known = info.getDomain().equals(DOMAIN);
    RetryInfo retry = detail(status, RetryInfo.getDefaultInstance());
    boolean retryable =
        status != null
            && status.getDetailsList().stream().anyMatch(each -> each.is(RetryInfo.class));
    RouteReport report = detail(status, RouteReport.getDefaultInstance());
    String message = caught.getStatus().getDescription();
    Failure failure =
        new Failure(
            message == null ? code.name() : message,
            code,
            known ? info.getReason() : "",
            requestId(status, trailers, requestId),
            known ? Map.copyOf(info.getMetadataMap()) : Map.of(),
            retryable,
            retry.hasRetryDelay() ? duration(retry.getRetryDelay()) : null,
            detail(status, BadRequest.getDefaultInstance()).getFieldViolationsList().stream()
                .map(each -> new Violation(each.getField(), each.getDescription()))
                .toList(),
            detail(status, ResourceInfo.getDefaultInstance()).getResourceName(),
            report.equals(RouteReport.getDefaultInstance()) ? null : report,
            status);
    ApiException result = kind(failure).apply(failure);
    result.initCause(caught);
    return result;
  }

  private static Function<Failure, ApiException> kind(Failure failure) {
    if (failure.reason().isEmpty()) {
      return byCodeAlone(failure.code());
    }
    ErrorReason reason = reason(failure.reason());
    if (reason != null) {
      return byReason(reason);
    }
    boolean limited = failure.code() == Code.RESOURCE_EXHAUSTED && failure.retryable();
    return limited ? RateLimitException::new : byCode(failure.code());
  }

  private static ErrorReason reason(String name) {
    var value = ErrorReason.getDescriptor().findValueByName(name);
    return value == null ? null : ErrorReason.valueOf(value);
  }

  private static Function<Failure, ApiException> byReason(ErrorReason reason) {
    return switch (reason) {
      case ERROR_REASON_INVALID_REQUEST, ERROR_REASON_UPSTREAM_REJECTED_REQUEST ->
          InvalidRequestException::new;
      case ERROR_REASON_CONTEXT_LENGTH_EXCEEDED -> ContextLengthException::new;
      case ERROR_REASON_CONTENT_BLOCKED -> ContentBlockedException::new;
      case ERROR_REASON_REQUEST_TOO_LARGE -> RequestTooLargeException::new;
      case ERROR_REASON_CAPABILITY_NOT_SUPPORTED -> CapabilityNotSupportedException::new;
      case ERROR_REASON_ROUTE_NOT_FOUND,
          ERROR_REASON_MODEL_NOT_FOUND,
          ERROR_REASON_BATCH_NOT_FOUND ->
          NotFoundException::new;
      case ERROR_REASON_ANSWER_TOO_LARGE -> MessageTooLargeException::new;
      case ERROR_REASON_BATCH_NOT_ENDED -> BatchNotEndedException::new;
      case ERROR_REASON_CALLER_CREDENTIALS_REJECTED -> AuthenticationException::new;
      case ERROR_REASON_CALLER_PERMISSION_DENIED -> PermissionDeniedException::new;
      case ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED -> UpstreamCredentialsException::new;
      case ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED -> QuotaExhaustedException::new;
      case ERROR_REASON_UPSTREAM_RATE_LIMITED -> RateLimitException::new;
      case ERROR_REASON_UPSTREAM_TIMEOUT -> UpstreamTimeoutException::new;
      case ERROR_REASON_UPSTREAM_OVERLOADED -> UpstreamOverloadedException::new;
      case ERROR_REASON_UPSTREAM_ERROR,
          ERROR_REASON_UPSTREAM_UNREACHABLE,
          ERROR_REASON_UPSTREAM_PROTOCOL_ERROR ->
          UpstreamUnavailableException::new;
      case ERROR_REASON_GATEWAY_OVERLOADED, ERROR_REASON_GATEWAY_SHUTTING_DOWN ->
          GatewayUnavailableException::new;
      case ERROR_REASON_UPSTREAM_CONFLICT -> ConflictException::new;
      case ERROR_REASON_STREAM_INTERRUPTED -> StreamInterruptedException::new;
      case ERROR_REASON_SLOW_CONSUMER -> SlowConsumerException::new;
      case ERROR_REASON_DEADLINE_EXCEEDED -> DeadlineExceededException::new;
      case ERROR_REASON_INTERNAL -> InternalException::new;
      case ERROR_REASON_UNSPECIFIED, UNRECOGNIZED -> ApiException::new;
    };
  }

  /** For reasons newer than this package. */
  private static Function<Failure, ApiException> byCode(Code code) {
    return switch (code) {
      case INVALID_ARGUMENT, OUT_OF_RANGE -> InvalidRequestException::new;
      case NOT_FOUND -> NotFoundException::new;
      case UNIMPLEMENTED -> UnimplementedException::new;
      case UNAUTHENTICATED -> AuthenticationException::new;
      case PERMISSION_DENIED -> PermissionDeniedException::new;
      case RESOURCE_EXHAUSTED -> QuotaExhaustedException::new;
      case UNAVAILABLE -> UnavailableException::new;
      case ABORTED, ALREADY_EXISTS -> ConflictException::new;
      case DEADLINE_EXCEEDED -> DeadlineExceededException::new;
      case CANCELLED -> CallCancelledException::new;
      case INTERNAL, DATA_LOSS -> InternalException::new;
      case OK, UNKNOWN, FAILED_PRECONDITION -> ApiException::new;
    };
  }

  /** Without an ErrorInfo it was gRPC itself that spoke, here or on the other side. */
  private static Function<Failure, ApiException> byCodeAlone(Code code) {
    return switch (code) {
      case RESOURCE_EXHAUSTED -> MessageTooLargeException::new;
      case UNAVAILABLE -> GatewayUnreachableException::new;
      default -> byCode(code);
    };
  }

  private static Status status(byte[] details) {
    try {
      return details == null ? null : Status.parseFrom(details);
    } catch (InvalidProtocolBufferException e) {
      return null;
    }
  }

  /** Finds a detail. It is empty if the status has none of its kind, or one that is broken. */
  @SuppressWarnings("unchecked")
  private static <M extends Message> M detail(Status status, M empty) {
    for (Any each : status == null ? List.<Any>of() : status.getDetailsList()) {
      if (each.is(empty.getClass())) {
        try {
          return (M) each.unpack(empty.getClass());
        } catch (InvalidProtocolBufferException e) {
          return empty;
        }
      }
    }
    return empty;
  }

  private static String requestId(Status status, Metadata trailers, String sent) {
    String told = detail(status, RequestInfo.getDefaultInstance()).getRequestId();
    return told.isEmpty() ? requestId(trailers, sent) : told;
  }

  /** The call's id as it came back, or else as it was sent. */
  static String requestId(Metadata trailers, String sent) {
    String told = trailers == null ? null : trailers.get(REQUEST_ID);
    return told == null ? sent : told;
  }

  private static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }
}
