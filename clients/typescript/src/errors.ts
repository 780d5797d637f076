/**
 * Why calls fail: one tree of errors below APIError, named after what the caller can do about them.
 *
 * The class follows from the reason that the gateway states (`ErrorReason`), or else from the gRPC code.
 */

import type { Status } from "./gen/google/rpc/status_pb.js";
import type { Reply } from "./replies.js";
import type { RouteReport } from "./v1.js";

/** The name of a gRPC code. "OK" is that of a stream that ended well, but without its completion. */
export type StatusCode =
  | "OK"
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** A field of the request that is wrong, and why. */
export interface Violation {
  /** Its path, for example "input.messages[0].content[1]". */
  readonly field: string;
  /** For people; its wording may change. */
  readonly description: string;
}

/** What is known about a failure. */
export interface Failure {
  readonly code?: StatusCode | undefined;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly retryable?: boolean | undefined;
  readonly retryAfter?: number | undefined;
  readonly violations?: readonly Violation[] | undefined;
  readonly resource?: string | undefined;
  readonly routeReport?: RouteReport | undefined;
  readonly status?: Status | undefined;
  readonly cause?: unknown;
}

/**
 * A call failed. Every error that stands for the outcome of a call is one of these. Its `message` has all that one needs
 * to find the call again.
 *
 * @example
 * try {
 *   const reply = await client.chat("Hello", { model: "anthropic/claude-sonnet-5" });
 * } catch (error) {
 *   if (error instanceof RateLimitError) await setTimeout(error.retryAfter ?? 1000);
 *   else if (error instanceof APIError) console.error(error.message, error.retryable);
 *   else throw error;
 * }
 */
export class APIError extends Error {
  override name = "APIError";
  /** What happened, for people; its wording may change. */
  readonly rawMessage: string;
  /** The gRPC code. */
  readonly code: StatusCode;
  /** The full name of an ErrorReason, perhaps one newer than this package; empty if there was none. */
  readonly reason: string;
  /** The call's id, to look it up in the gateway's log. */
  readonly requestId: string;
  /** All that the gateway says about this reason; ErrorReason lists the keys. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the gateway says that the same call, unchanged, may work after a while. */
  readonly retryable: boolean;
  /** In how many milliseconds; undefined if nobody said, or if it is not retryable. */
  readonly retryAfter: number | undefined;
  /** The fields of the request that are wrong or cannot be honoured. */
  readonly violations: readonly Violation[];
  /** What was not found: a route, a provider, a model or a batch. */
  readonly resource: string;
  /** Where the call went: every attempt, and why it failed. Undefined if the call did not get that far. */
  readonly routeReport: RouteReport | undefined;
  /** The google.rpc.Status with all details, if one came. */
  readonly status: Status | undefined;
  /** For streams: what had come of the answer before it failed. Undefined if nothing had. */
  partial: Reply | undefined;

  constructor(rawMessage: string, failure: Failure = {}) {
    const { code = "UNKNOWN", reason = "", requestId = "", metadata = {} } = failure;
    const known = { provider: metadata["provider"], model: metadata["model"], request_id: requestId };
    const context = Object.entries(known).flatMap(([name, value]) => (value ? [`${name}=${value}`] : []));
    super(`${reason || code}: ${rawMessage}${context.length > 0 ? ` (${context.join(", ")})` : ""}`, failure);
    this.rawMessage = rawMessage;
    this.code = code;
    this.reason = reason;
    this.requestId = requestId;
    this.metadata = metadata;
    this.retryable = failure.retryable ?? false;
    this.retryAfter = failure.retryAfter;
    this.violations = failure.violations ?? [];
    this.resource = failure.resource ?? "";
    this.routeReport = failure.routeReport;
    this.status = failure.status;
  }

  /** The provider that was asked last, by its name in the gateway's configuration; empty if none was. */
  get provider(): string {
    return this.metadata["provider"] ?? "";
  }

  /** The model that was asked last; empty if none was. */
  get model(): string {
    return this.metadata["model"] ?? "";
  }

  /** The provider's HTTP status; undefined if there was none. */
  get upstreamStatus(): number | undefined {
    return number(this.metadata["upstream_status"]);
  }

  /** The provider's own id of the request, to quote to its support; empty if there was none. */
  get upstreamRequestId(): string {
    return this.metadata["upstream_request_id"] ?? "";
  }
}

// The request is at fault: change it.

/** The gateway or the provider found the request wrong; `violations` names the fields, if known. */
export class InvalidRequestError extends APIError {
  override name = "InvalidRequestError";
}

/** The input is longer than the model's context window. */
export class ContextLengthError extends InvalidRequestError {
  override name = "ContextLengthError";

  /** The size of the window in tokens; undefined if the provider did not say. */
  get limit(): number | undefined {
    return number(this.metadata["limit"]);
  }

  /** The tokens that were asked for; undefined if the provider did not say. */
  get requested(): number | undefined {
    return number(this.metadata["requested"]);
  }
}

/** The provider's policy forbids the request. */
export class ContentBlockedError extends InvalidRequestError {
  override name = "ContentBlockedError";
}

/** The request has more bytes than the gateway or the provider takes. */
export class RequestTooLargeError extends InvalidRequestError {
  override name = "RequestTooLargeError";

  /** How many it takes; undefined if it did not say. */
  get limit(): number | undefined {
    return number(this.metadata["limit"]);
  }
}

/** The provider or the model has nothing to honour a field of the request with; `violations` names it. */
export class CapabilityNotSupportedError extends InvalidRequestError {
  override name = "CapabilityNotSupportedError";

  /** What is missing. */
  get capability(): string {
    return this.metadata["capability"] ?? "";
  }
}

/** There is no such route, provider, model or batch: see `resource`. */
export class NotFoundError extends APIError {
  override name = "NotFoundError";
}

/** gRPC itself refused the request or the response, as it is larger than a message may be. */
export class MessageTooLargeError extends APIError {
  override name = "MessageTooLargeError";
}

/** The batch has not ended: there are no results yet, and it cannot be deleted. */
export class BatchNotEndedError extends APIError {
  override name = "BatchNotEndedError";
}

/** The gateway does not know the method: it is older than this package, or not a gateway. */
export class UnimplementedError extends APIError {
  override name = "UnimplementedError";
}

// Keys and money: somebody has to act.

/** The caller's credentials were not accepted: Target.apiKey, or those for the gateway itself. */
export class AuthenticationError extends APIError {
  override name = "AuthenticationError";
}

/** The caller's credentials are good, but do not allow this. */
export class PermissionDeniedError extends APIError {
  override name = "PermissionDeniedError";
}

/** The provider rejected the gateway's own key. The gateway's operator has to act, not the caller. */
export class UpstreamCredentialsError extends APIError {
  override name = "UpstreamCredentialsError";
}

/** The account's money or quota is spent. Waiting seconds does not help. */
export class QuotaExhaustedError extends APIError {
  override name = "QuotaExhaustedError";
}

// Later may be better.

/** Too many calls: try again in `retryAfter` milliseconds. */
export class RateLimitError extends APIError {
  override name = "RateLimitError";
}

/** No answer for now, for a reason that passes. */
export class UnavailableError extends APIError {
  override name = "UnavailableError";
}

/** The provider failed, could not be reached, or answered with something that is not its own format. */
export class UpstreamUnavailableError extends UnavailableError {
  override name = "UpstreamUnavailableError";
}

/** The provider was too slow for the gateway's limits, or timed out itself. */
export class UpstreamTimeoutError extends UpstreamUnavailableError {
  override name = "UpstreamTimeoutError";
}

/** The provider is overloaded or down for a while. */
export class UpstreamOverloadedError extends UpstreamUnavailableError {
  override name = "UpstreamOverloadedError";
}

/** The gateway is full, or about to stop. Another replica may take the call. */
export class GatewayUnavailableError extends UnavailableError {
  override name = "GatewayUnavailableError";
}

/** There is no connection to the gateway, or it broke. */
export class GatewayUnreachableError extends UnavailableError {
  override name = "GatewayUnreachableError";
}

/** The provider found the request in conflict with its state. */
export class ConflictError extends APIError {
  override name = "ConflictError";
}

// The call itself ended early.

/**
 * The answer broke off; `partial` holds what had come.
 *
 * That part costs money, so nothing repeats the call by itself.
 */
export class StreamInterruptedError extends APIError {
  override name = "StreamInterruptedError";
}

/** The caller did not read the stream for so long that the gateway gave it up. */
export class SlowConsumerError extends APIError {
  override name = "SlowConsumerError";
}

/** The call's deadline passed: see the option `timeout`. */
export class DeadlineExceededError extends APIError {
  override name = "DeadlineExceededError";
}

/** The call was cancelled: by its AbortSignal, whose reason is `cause`, by closing its stream or client, or over there. */
export class CallCancelledError extends APIError {
  override name = "CallCancelledError";
}

// Somebody has made a mistake.

/** The gateway itself failed: a bug. Its log has more under `requestId`. */
export class InternalError extends APIError {
  override name = "InternalError";
}

/** The gateway sent a stream that breaks the contract's grammar: a bug. */
export class ProtocolError extends APIError {
  override name = "ProtocolError";
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}
