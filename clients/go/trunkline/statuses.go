package trunkline

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	v1 "trunkline.dev/go/trunkline/v1"
)

const (
	domain       = "trunkline"
	requestIDKey = "x-request-id"
)

// failure is the one place where a status becomes an error: by its ErrorReason, or else by its code. The id is the one that
// was sent.
func failure(ctx context.Context, err error, trailer metadata.MD, requestID string) error {
	known := status.Convert(err)
	details := known.Proto().GetDetails()
	e := &APIError{
		Message:   known.Message(),
		Code:      known.Code(),
		RequestID: idIn(trailer, requestID),
		cause:     causeIn(ctx, known.Code()),
		status:    known,
	}
	if e.Message == "" {
		e.Message = e.Code.String()
	}
	var info errdetails.ErrorInfo
	if find(details, &info) && info.GetDomain() == domain {
		e.Reason, e.Metadata = info.GetReason(), info.GetMetadata()
		e.Provider, e.Model = e.Metadata["provider"], e.Metadata["model"]
	}
	var retry errdetails.RetryInfo
	e.Retryable = find(details, &retry)
	e.RetryAfter = retry.GetRetryDelay().AsDuration()
	var request errdetails.RequestInfo
	if find(details, &request); request.GetRequestId() != "" {
		e.RequestID = request.GetRequestId()
	}
	var bad errdetails.BadRequest
	find(details, &bad)
	for _, each := range bad.GetFieldViolations() {
		e.Fields = append(e.Fields, Violation{each.GetField(), each.GetDescription()})
	}
	var resource errdetails.ResourceInfo
	find(details, &resource)
	e.Resource = resource.GetResourceName()
	var report v1.RouteReport
	if find(details, &report); proto.Size(&report) > 0 {
		e.RouteReport = &report
	}
	return typed(e)
}

func typed(e *APIError) error {
	make, known := byReason[e.Reason]
	switch {
	case known:
	case e.Reason == "":
		make, known = byCodeAlone[e.Code]
	case e.Code == codes.ResourceExhausted && e.Retryable:
		make, known = rateLimit, true
	}
	if !known {
		make, known = byCode[e.Code]
	}
	if !known {
		return e
	}
	return make(e)
}

// find fills detail from the first of its kind, and tells whether there was one. One that is broken leaves it empty.
func find(details []*anypb.Any, detail proto.Message) bool {
	for _, packed := range details {
		if packed.MessageIs(detail) {
			if packed.UnmarshalTo(detail) != nil {
				proto.Reset(detail)
			}
			return true
		}
	}
	return false
}

// causeIn tells what in the caller's own context ended the call. A deadline that the gateway noticed first is one of the
// caller's all the same.
func causeIn(ctx context.Context, code codes.Code) error {
	switch {
	case code == codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case code == codes.Canceled && errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	}
	return nil
}

func idIn(trailer metadata.MD, sent string) string {
	if ids := trailer.Get(requestIDKey); len(ids) > 0 {
		return ids[0]
	}
	return sent
}
