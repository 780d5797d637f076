package trunkline

// The request is at fault: change it.

// InvalidRequestError says that the gateway or the provider found the request wrong; Fields names what is, if known.
type InvalidRequestError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *InvalidRequestError) Unwrap() error { return e.APIError }

// ContextLengthError says that the input is longer than the model's context window.
type ContextLengthError struct{ *InvalidRequestError }

// Unwrap is the InvalidRequestError that it is, too.
func (e *ContextLengthError) Unwrap() error { return e.InvalidRequestError }

// Limit is the size of the window in tokens, if the provider said.
func (e *ContextLengthError) Limit() (int64, bool) { return e.number("limit") }

// Requested is how many tokens were asked for, if the provider said.
func (e *ContextLengthError) Requested() (int64, bool) { return e.number("requested") }

// ContentBlockedError says that the provider's policy forbids the request.
type ContentBlockedError struct{ *InvalidRequestError }

// Unwrap is the InvalidRequestError that it is, too.
func (e *ContentBlockedError) Unwrap() error { return e.InvalidRequestError }

// RequestTooLargeError says that the request has more bytes than the gateway or the provider takes.
type RequestTooLargeError struct{ *InvalidRequestError }

// Unwrap is the InvalidRequestError that it is, too.
func (e *RequestTooLargeError) Unwrap() error { return e.InvalidRequestError }

// Limit is how many bytes it takes, if it said.
func (e *RequestTooLargeError) Limit() (int64, bool) { return e.number("limit") }

// CapabilityNotSupportedError says that the provider or the model has nothing to honour a field of the request with; Fields
// names it.
type CapabilityNotSupportedError struct{ *InvalidRequestError }

// Unwrap is the InvalidRequestError that it is, too.
func (e *CapabilityNotSupportedError) Unwrap() error { return e.InvalidRequestError }

// Capability is what is missing.
func (e *CapabilityNotSupportedError) Capability() string { return e.Metadata["capability"] }

// NotFoundError says that there is no such route, provider or model: see Resource.
type NotFoundError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *NotFoundError) Unwrap() error { return e.APIError }

// MessageTooLargeError says that the request or the response is larger than a message of gRPC's may be.
type MessageTooLargeError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *MessageTooLargeError) Unwrap() error { return e.APIError }

// BatchNotEndedError says that the batch has not ended: there are no results yet, and it cannot be deleted.
type BatchNotEndedError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *BatchNotEndedError) Unwrap() error { return e.APIError }

// UnimplementedError says that the gateway does not know the method: it is older than this package, or not a gateway.
type UnimplementedError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *UnimplementedError) Unwrap() error { return e.APIError }

// Keys and money: somebody has to act.

// AuthenticationError says that the caller's credentials were not accepted: Target.APIKey, or those for the gateway itself.
type AuthenticationError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *AuthenticationError) Unwrap() error { return e.APIError }

// PermissionDeniedError says that the caller's credentials are good, but do not allow this.
type PermissionDeniedError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *PermissionDeniedError) Unwrap() error { return e.APIError }

// UpstreamCredentialsError says that the provider rejected the gateway's own key. Its operator has to act, not the caller.
type UpstreamCredentialsError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *UpstreamCredentialsError) Unwrap() error { return e.APIError }

// QuotaExhaustedError says that the account's money or quota is spent. Waiting seconds does not help.
type QuotaExhaustedError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *QuotaExhaustedError) Unwrap() error { return e.APIError }

// Later may be better.

// RateLimitError says that there were too many calls: try again after RetryAfter.
type RateLimitError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *RateLimitError) Unwrap() error { return e.APIError }

// UnavailableError says that there is no answer for now, for a reason that passes.
type UnavailableError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *UnavailableError) Unwrap() error { return e.APIError }

// UpstreamUnavailableError says that the provider failed, could not be reached, or answered with something that is not its
// own format.
type UpstreamUnavailableError struct{ *UnavailableError }

// Unwrap is the UnavailableError that it is, too.
func (e *UpstreamUnavailableError) Unwrap() error { return e.UnavailableError }

// UpstreamTimeoutError says that the provider was too slow for the gateway's limits, or timed out itself.
type UpstreamTimeoutError struct{ *UpstreamUnavailableError }

// Unwrap is the UpstreamUnavailableError that it is, too.
func (e *UpstreamTimeoutError) Unwrap() error { return e.UpstreamUnavailableError }

// UpstreamOverloadedError says that the provider is overloaded or down for a while.
type UpstreamOverloadedError struct{ *UpstreamUnavailableError }

// Unwrap is the UpstreamUnavailableError that it is, too.
func (e *UpstreamOverloadedError) Unwrap() error { return e.UpstreamUnavailableError }

// GatewayUnavailableError says that the gateway is full, or about to stop. Another replica may take the call.
type GatewayUnavailableError struct{ *UnavailableError }

// Unwrap is the UnavailableError that it is, too.
func (e *GatewayUnavailableError) Unwrap() error { return e.UnavailableError }

// GatewayUnreachableError says that there is no connection to the gateway, or that it broke.
type GatewayUnreachableError struct{ *UnavailableError }

// Unwrap is the UnavailableError that it is, too.
func (e *GatewayUnreachableError) Unwrap() error { return e.UnavailableError }

// ConflictError says that the provider found the request in conflict with its state.
type ConflictError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *ConflictError) Unwrap() error { return e.APIError }

// The call itself ended early.

// StreamInterruptedError says that the answer broke off; Partial holds what had come. That part costs money, so nothing
// repeats the call by itself.
type StreamInterruptedError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *StreamInterruptedError) Unwrap() error { return e.APIError }

// SlowConsumerError says that the caller did not read the stream for so long that the gateway gave it up.
type SlowConsumerError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *SlowConsumerError) Unwrap() error { return e.APIError }

// DeadlineExceededError says that the call's deadline passed. It is a context.DeadlineExceeded, too.
type DeadlineExceededError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *DeadlineExceededError) Unwrap() error { return e.APIError }

// CallCancelledError says that the call was cancelled: by its context, and then it is a context.Canceled, too; by the
// other side; or because its client was closed or its stream left meanwhile.
type CallCancelledError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *CallCancelledError) Unwrap() error { return e.APIError }

// Somebody has made a mistake.

// InternalError says that the gateway itself failed: a bug. Its log has more under RequestID.
type InternalError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *InternalError) Unwrap() error { return e.APIError }

// ProtocolError says that the gateway sent a stream that breaks the contract's grammar: a bug.
type ProtocolError struct{ *APIError }

// Unwrap is the APIError that it is, too.
func (e *ProtocolError) Unwrap() error { return e.APIError }
