/** The one place where a gRPC status becomes an error: by its ErrorReason, or else by its code. */

import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, decodeBinaryHeader } from "@connectrpc/connect";
import * as errors from "./errors.js";
import { APIError, type Failure, type StatusCode } from "./errors.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";
import { RouteReportSchema } from "./v1.js";

export const DOMAIN = "trunkline";
export const REQUEST_ID_KEY = "x-request-id";
export const DETAILS_KEY = "grpc-status-details-bin";
const STATUS_KEY = "grpc-status";

type ErrorClass = new (rawMessage: string, failure: Failure) => APIError;

const BY_REASON: ReadonlyMap<string, ErrorClass> = new Map(
  Object.entries({
    UNSPECIFIED: APIError,
    INVALID_REQUEST: errors.InvalidRequestError,
    ROUTE_NOT_FOUND: errors.NotFoundError,
    CAPABILITY_NOT_SUPPORTED: errors.CapabilityNotSupportedError,
    UPSTREAM_REJECTED_REQUEST: errors.InvalidRequestError,
    CONTEXT_LENGTH_EXCEEDED: errors.ContextLengthError,
    CONTENT_BLOCKED: errors.ContentBlockedError,
    REQUEST_TOO_LARGE: errors.RequestTooLargeError,
    MODEL_NOT_FOUND: errors.NotFoundError,
    UPSTREAM_CREDENTIALS_REJECTED: errors.UpstreamCredentialsError,
    CALLER_CREDENTIALS_REJECTED: errors.AuthenticationError,
    CALLER_PERMISSION_DENIED: errors.PermissionDeniedError,
    UPSTREAM_QUOTA_EXHAUSTED: errors.QuotaExhaustedError,
    UPSTREAM_RATE_LIMITED: errors.RateLimitError,
    UPSTREAM_TIMEOUT: errors.UpstreamTimeoutError,
    UPSTREAM_CONFLICT: errors.ConflictError,
    UPSTREAM_ERROR: errors.UpstreamUnavailableError,
    UPSTREAM_OVERLOADED: errors.UpstreamOverloadedError,
    UPSTREAM_UNREACHABLE: errors.UpstreamUnavailableError,
    UPSTREAM_PROTOCOL_ERROR: errors.UpstreamUnavailableError,
    STREAM_INTERRUPTED: errors.StreamInterruptedError,
    GATEWAY_OVERLOADED: errors.GatewayUnavailableError,
    GATEWAY_SHUTTING_DOWN: errors.GatewayUnavailableError,
    DEADLINE_EXCEEDED: errors.DeadlineExceededError,
    SLOW_CONSUMER: errors.SlowConsumerError,
    INTERNAL: errors.InternalError,
    ANSWER_TOO_LARGE: errors.MessageTooLargeError,
    BATCH_NOT_FOUND: errors.NotFoundError,
    BATCH_NOT_ENDED: errors.BatchNotEndedError,
  }),
);

// For reasons newer than this package.
const BY_CODE: Readonly<Partial<Record<StatusCode, ErrorClass>>> = {
  INVALID_ARGUMENT: errors.InvalidRequestError,
  OUT_OF_RANGE: errors.InvalidRequestError,
  NOT_FOUND: errors.NotFoundError,
  UNIMPLEMENTED: errors.UnimplementedError,
  UNAUTHENTICATED: errors.AuthenticationError,
  PERMISSION_DENIED: errors.PermissionDeniedError,
  RESOURCE_EXHAUSTED: errors.QuotaExhaustedError,
  UNAVAILABLE: errors.UnavailableError,
  ABORTED: errors.ConflictError,
  ALREADY_EXISTS: errors.ConflictError,
  DEADLINE_EXCEEDED: errors.DeadlineExceededError,
  CANCELLED: errors.CallCancelledError,
  INTERNAL: errors.InternalError,
  DATA_LOSS: errors.InternalError,
};

// Without an ErrorInfo it was gRPC itself that spoke, here or on the other side.
const BY_CODE_ALONE: typeof BY_CODE = {
  ...BY_CODE,
  RESOURCE_EXHAUSTED: errors.MessageTooLargeError,
  UNAVAILABLE: errors.GatewayUnreachableError,
};

/**
 * Makes an APIError of whatever a call failed with, for example a ConnectError of one of `Trunkline.stubs`.
 *
 * @param caught - What was thrown.
 * @param requestId - The id that was sent, for calls that the gateway did not answer.
 * @example
 * await client.stubs.batches.getBatch({ id }).catch((error) => { throw apiError(error); });
 */
export function apiError(caught: unknown, requestId = ""): APIError {
  if (caught instanceof APIError) return caught;
  const error = ConnectError.from(caught);
  const code = codeOf(error);
  const info = detail(error, ErrorInfoSchema);
  const known = info?.domain === DOMAIN ? info : undefined;
  const retryable = error.details.some((each) => "type" in each && each.type === RetryInfoSchema.typeName);
  const delay = detail(error, RetryInfoSchema)?.retryDelay;
  return new (classOf(code, known?.reason ?? "", retryable))(messageOf(error) || code, {
    code,
    reason: known?.reason,
    requestId: detail(error, RequestInfoSchema)?.requestId || (error.metadata.get(REQUEST_ID_KEY) ?? requestId),
    metadata: known?.metadata,
    retryable,
    retryAfter: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    violations: detail(error, BadRequestSchema)?.fieldViolations.map(({ field, description }) => ({
      field,
      description,
    })),
    resource: detail(error, ResourceInfoSchema)?.resourceName,
    routeReport: detail(error, RouteReportSchema),
    status: statusOf(error),
    cause: error.cause ?? error,
  });
}

function classOf(code: StatusCode, reason: string, retryable: boolean): ErrorClass {
  if (!reason) return BY_CODE_ALONE[code] ?? APIError;
  const byReason = BY_REASON.get(reason.replace(/^ERROR_REASON_/, ""));
  if (byReason !== undefined) return byReason;
  if (code === "RESOURCE_EXHAUSTED" && retryable) return errors.RateLimitError;
  return BY_CODE[code] ?? APIError;
}

/** The gRPC code. A connection that breaks has many faces, which gRPC's own clients all call UNAVAILABLE. */
export function codeOf(error: ConnectError): StatusCode {
  if (connectionBroke(error)) return "UNAVAILABLE";
  if (error.rawMessage.startsWith("serialize ")) return "INVALID_ARGUMENT"; // a number that its field cannot hold
  const name = (Code[error.code] ?? "Unknown").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return (name === "CANCELED" ? "CANCELLED" : name) as StatusCode;
}

function connectionBroke(error: ConnectError): boolean {
  if (error.metadata.has(STATUS_KEY)) return false; // the server has said what happened
  if (error.code === Code.Aborted || error.code === Code.Unavailable) return true;
  if (error.code === Code.Canceled) return error.rawMessage.startsWith("http/2 stream closed"); // none of our own words
  if (error.code !== Code.Internal && error.code !== Code.Unknown) return false;
  // Sockets, TLS and HTTP/2 in Node have codes that are words; browsers have a TypeError for all of it.
  const { cause } = error;
  if (cause instanceof TypeError || (cause instanceof Error && typeof Reflect.get(cause, "code") === "string")) {
    return true;
  }
  return /missing (status|trailer)/.test(error.rawMessage);
}

/** The text beside the status: connect takes the one within the details, which may be another. */
function messageOf(error: ConnectError): string {
  try {
    return decodeURIComponent(error.metadata.get("grpc-message") ?? "") || error.rawMessage;
  } catch {
    return error.rawMessage;
  }
}

/** Finds a detail of a status. There is none if it is broken. */
function detail<Desc extends DescMessage>(error: ConnectError, schema: Desc): MessageShape<Desc> | undefined {
  return error.findDetails(schema)[0];
}

function statusOf(error: ConnectError): Status | undefined {
  const raw = error.metadata.get(DETAILS_KEY);
  return raw === null ? undefined : decodeBinaryHeader(raw, StatusSchema);
}
