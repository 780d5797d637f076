package trunkline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
)

// invoke makes a unary call. The string is the call's id.
func invoke[Request any, Response proto.Message](
	ctx context.Context, c *Client, s *settings,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) (Response, string, error) {
	var none Response
	ctx, requestID, err := c.withMetadata(ctx, s)
	if err != nil {
		return none, "", err
	}
	ctx, cancel := c.withDeadline(ctx)
	defer cancel()
	var trailer metadata.MD
	response, err := method(ctx, request, grpc.Trailer(&trailer))
	if err != nil {
		return none, requestID, callError(ctx, err, any(request).(proto.Message), trailer, requestID)
	}
	return response, idIn(trailer, requestID), nil
}

// withDeadline sees to it that a call ends some day: by the context's deadline, or else by the client's timeout.
func (c *Client) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has || c.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// withMetadata puts the call's metadata over the context's, and that over the client's. The id is always there, so that
// even a call without an answer can be found in the gateway's log.
func (c *Client) withMetadata(ctx context.Context, s *settings) (context.Context, string, error) {
	if s.err != nil {
		return nil, "", s.err
	}
	all := c.metadata.Copy()
	ofContext, _ := metadata.FromOutgoingContext(ctx)
	for _, above := range []metadata.MD{ofContext, s.metadata} {
		for key, values := range above {
			all.Set(key, values...)
		}
	}
	if s.requestID != nil {
		all.Set(requestIDKey, *s.requestID)
	} else if len(all.Get(requestIDKey)) == 0 {
		all.Set(requestIDKey, rand.Text())
	}
	requestID := all.Get(requestIDKey)[0]
	if requestID == "" || len(requestID) > 64 || strings.ContainsFunc(requestID, isNotPrintable) {
		return nil, "", errors.New("trunkline: a request id has 1 to 64 printable ASCII characters")
	}
	return metadata.NewOutgoingContext(ctx, all), requestID, nil
}

func isNotPrintable(r rune) bool { return r < ' ' || r > '~' }

// callError makes an error of what a call failed with.
func callError(ctx context.Context, err error, request proto.Message, trailer metadata.MD, requestID string) error {
	if len(trailer) == 0 && status.Code(err) == codes.Internal {
		// Nobody answered, so it may be the request: gRPC refuses a text that is none, but does not say which.
		if mistake := textError(request); mistake != nil {
			return mistake
		}
	}
	return failure(ctx, err, trailer, requestID)
}

// textError names the first text of a request that is no UTF-8.
func textError(request proto.Message) error {
	return protorange.Range(request.ProtoReflect(), func(at protopath.Values) error {
		step := at.Index(-1)
		if text, is := step.Value.Interface().(string); is && !utf8.ValidString(text) {
			return fmt.Errorf("trunkline: %s is no UTF-8", strings.TrimPrefix(at.Path[1:].String(), "."))
		}
		return nil
	})
}
