package trunkline

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	v1 "trunkline.dev/go/trunkline/v1"
)

// APIError says why a call failed. Every error that stands for the outcome of a call is one of these or, more often, one of
// the types that wrap it and are named after what the caller can do about them. They are found with errors.As:
//
//	var limited *trunkline.RateLimitError
//	var failed *trunkline.APIError
//	switch {
//	case errors.As(err, &limited):
//		time.Sleep(limited.RetryAfter)
//	case errors.As(err, &failed):
//		log.Print(failed.Reason, failed.Retryable)
//	}
//
// The type follows from the reason that the gateway states, or else from the gRPC code. If the caller's own context ended
// the call, errors.Is finds context.Canceled or context.DeadlineExceeded.
type APIError struct {
	// Message says what happened, for people; its wording may change.
	Message string
	// Code is the gRPC code.
	Code codes.Code
	// Reason is the full name of an ErrorReason, perhaps one newer than this package; empty if there was none.
	Reason string
	// RequestID is the call's id, to look it up in the gateway's log.
	RequestID string
	// Provider is the one that was asked last, by its name in the gateway's configuration; empty if none was.
	Provider string
	// Model is the one that was asked last; empty if none was.
	Model string
	// Metadata is all that the gateway says about this reason; ErrorReason lists the keys.
	Metadata map[string]string
	// Retryable tells whether the gateway says that the same call, unchanged, may work after a while.
	Retryable bool
	// RetryAfter is how long that is; 0 if nobody said.
	RetryAfter time.Duration
	// Fields are those of the request that are wrong or cannot be honoured.
	Fields []Violation
	// Resource is what was not found: a route, a provider or a model.
	Resource string
	// RouteReport tells where the call went: every attempt, and why it failed. Nil, of which all getters give nothing, if the
	// call did not get that far.
	RouteReport *v1.RouteReport
	// Partial is, for streams, what had come of the answer before it failed. Nil if nothing had.
	Partial *Reply

	status *status.Status
	cause  error
}

// Violation is a field of the request that is wrong, and why.
type Violation struct {
	// Field is its path, for example "input.messages[0].content[1]".
	Field string
	// Description is for people; its wording may change.
	Description string
}

// Error has the reason, the message and where it happened.
func (e *APIError) Error() string {
	var text strings.Builder
	text.WriteString("trunkline: ")
	if e.Reason != "" {
		text.WriteString(e.Reason)
	} else {
		text.WriteString(e.Code.String())
	}
	text.WriteString(": " + e.Message)
	before := " ("
	for _, known := range [][2]string{{"provider", e.Provider}, {"model", e.Model}, {"request_id", e.RequestID}} {
		if known[1] != "" {
			text.WriteString(before + known[0] + "=" + known[1])
			before = ", "
		}
	}
	if before == ", " {
		text.WriteString(")")
	}
	return text.String()
}

// Unwrap is context.Canceled or context.DeadlineExceeded if that is why the call ended, and otherwise nil.
func (e *APIError) Unwrap() error { return e.cause }

// GRPCStatus is the status with all its details, as status.FromError finds it.
func (e *APIError) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// UpstreamStatus is the provider's HTTP status; 0 if there was none.
func (e *APIError) UpstreamStatus() int {
	number, _ := e.number("upstream_status")
	return int(number)
}

// UpstreamRequestID is the provider's own id of the request, to quote to its support; empty if there was none.
func (e *APIError) UpstreamRequestID() string { return e.Metadata["upstream_request_id"] }

func (e *APIError) number(key string) (int64, bool) {
	number, err := strconv.ParseUint(e.Metadata[key], 10, 63)
	return int64(number), err == nil
}
