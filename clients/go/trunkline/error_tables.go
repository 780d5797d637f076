package trunkline

import (
	"google.golang.org/grpc/codes"

	v1 "trunkline.dev/go/trunkline/v1"
)

const codeUnknown = codes.Unknown

// A kind makes an APIError one of the types that say what to do about it.
type kind func(*APIError) error

func anyError(e *APIError) error            { return e }
func invalidRequest(e *APIError) error      { return &InvalidRequestError{e} }
func contextLength(e *APIError) error       { return &ContextLengthError{&InvalidRequestError{e}} }
func contentBlocked(e *APIError) error      { return &ContentBlockedError{&InvalidRequestError{e}} }
func requestTooLarge(e *APIError) error     { return &RequestTooLargeError{&InvalidRequestError{e}} }
func capability(e *APIError) error          { return &CapabilityNotSupportedError{&InvalidRequestError{e}} }
func notFound(e *APIError) error            { return &NotFoundError{e} }
func messageTooLarge(e *APIError) error     { return &MessageTooLargeError{e} }
func batchNotEnded(e *APIError) error       { return &BatchNotEndedError{e} }
func unimplemented(e *APIError) error       { return &UnimplementedError{e} }
func authentication(e *APIError) error      { return &AuthenticationError{e} }
func permissionDenied(e *APIError) error    { return &PermissionDeniedError{e} }
func upstreamCredentials(e *APIError) error { return &UpstreamCredentialsError{e} }
func quotaExhausted(e *APIError) error      { return &QuotaExhaustedError{e} }
func rateLimit(e *APIError) error           { return &RateLimitError{e} }
func unavailable(e *APIError) error         { return &UnavailableError{e} }
func upstreamUnavailable(e *APIError) error { return upstream(e) }
func upstreamTimeout(e *APIError) error     { return &UpstreamTimeoutError{upstream(e)} }
func upstreamOverloaded(e *APIError) error  { return &UpstreamOverloadedError{upstream(e)} }
func gatewayUnavailable(e *APIError) error  { return &GatewayUnavailableError{&UnavailableError{e}} }
func gatewayUnreachable(e *APIError) error  { return &GatewayUnreachableError{&UnavailableError{e}} }
func conflict(e *APIError) error            { return &ConflictError{e} }
func streamInterrupted(e *APIError) error   { return &StreamInterruptedError{e} }
func slowConsumer(e *APIError) error        { return &SlowConsumerError{e} }
func deadlineExceeded(e *APIError) error    { return &DeadlineExceededError{e} }
func callCancelled(e *APIError) error       { return &CallCancelledError{e} }
func internal(e *APIError) error            { return &InternalError{e} }

func upstream(e *APIError) *UpstreamUnavailableError {
	return &UpstreamUnavailableError{&UnavailableError{e}}
}

var byReason = named(map[v1.ErrorReason]kind{
	v1.ErrorReason_ERROR_REASON_UNSPECIFIED:                   anyError,
	v1.ErrorReason_ERROR_REASON_INVALID_REQUEST:               invalidRequest,
	v1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND:               notFound,
	v1.ErrorReason_ERROR_REASON_CAPABILITY_NOT_SUPPORTED:      capability,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED_REQUEST:     invalidRequest,
	v1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED:       contextLength,
	v1.ErrorReason_ERROR_REASON_CONTENT_BLOCKED:               contentBlocked,
	v1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE:             requestTooLarge,
	v1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND:               notFound,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED: upstreamCredentials,
	v1.ErrorReason_ERROR_REASON_CALLER_CREDENTIALS_REJECTED:   authentication,
	v1.ErrorReason_ERROR_REASON_CALLER_PERMISSION_DENIED:      permissionDenied,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED:      quotaExhausted,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED:         rateLimit,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT:              upstreamTimeout,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_CONFLICT:             conflict,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_ERROR:                upstreamUnavailable,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED:           upstreamOverloaded,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE:          upstreamUnavailable,
	v1.ErrorReason_ERROR_REASON_UPSTREAM_PROTOCOL_ERROR:       upstreamUnavailable,
	v1.ErrorReason_ERROR_REASON_STREAM_INTERRUPTED:            streamInterrupted,
	v1.ErrorReason_ERROR_REASON_GATEWAY_OVERLOADED:            gatewayUnavailable,
	v1.ErrorReason_ERROR_REASON_GATEWAY_SHUTTING_DOWN:         gatewayUnavailable,
	v1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED:             deadlineExceeded,
	v1.ErrorReason_ERROR_REASON_SLOW_CONSUMER:                 slowConsumer,
	v1.ErrorReason_ERROR_REASON_INTERNAL:                      internal,
	v1.ErrorReason_ERROR_REASON_ANSWER_TOO_LARGE:              messageTooLarge,
	v1.ErrorReason_ERROR_REASON_BATCH_NOT_FOUND:               notFound,
	v1.ErrorReason_ERROR_REASON_BATCH_NOT_ENDED:               batchNotEnded,
})

func named(byValue map[v1.ErrorReason]kind) map[string]kind {
	byName := make(map[string]kind, len(byValue))
	for reason, make := range byValue {
		byName[reason.String()] = make
	}
	return byName
}

// For reasons newer than this package.
var byCode = map[codes.Code]kind{
	codes.InvalidArgument:   invalidRequest,
	codes.OutOfRange:        invalidRequest,
	codes.NotFound:          notFound,
	codes.Unimplemented:     unimplemented,
	codes.Unauthenticated:   authentication,
	codes.PermissionDenied:  permissionDenied,
	codes.ResourceExhausted: quotaExhausted,
	codes.Unavailable:       unavailable,
	codes.Aborted:           conflict,
	codes.AlreadyExists:     conflict,
	codes.DeadlineExceeded:  deadlineExceeded,
	codes.Canceled:          callCancelled,
	codes.Internal:          internal,
	codes.DataLoss:          internal,
}

// Without an ErrorInfo it was gRPC itself that spoke, here or on the other side.
var byCodeAlone = map[codes.Code]kind{
	codes.ResourceExhausted: messageTooLarge,
	codes.Unavailable:       gatewayUnreachable,
}
