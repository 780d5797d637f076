package trunkline

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	v1 "trunkline.dev/go/trunkline/v1"
)

// Event is one step of an answer.
type Event = v1.ChatEvent

// Stream is an answer as it comes:
//
//	stream := client.Stream(ctx, trunkline.Text("Tell me a story."))
//	for piece, err := range stream.Text() {
//		if err != nil {
//			return err
//		}
//		fmt.Print(piece)
//	}
//	fmt.Println(stream.Reply().Usage().GetOutputTotal())
//
// The call begins with the first range and is cancelled when that is left, in whatever way: the provider is then told at
// once to stop. If the call fails, the error is the last that the range yields. A Stream is read once, and is not safe for
// concurrent use; to end one from another goroutine, cancel its context.
type Stream struct {
	begin     func() error
	ctx       context.Context // the call's
	call      grpc.ServerStreamingClient[v1.StreamChatResponse]
	cancel    context.CancelFunc
	requestID string
	request   *v1.StreamChatRequest

	accumulator Accumulator
	pending     []*v1.ChatEvent
	restarts    int
	end         error // io.EOF if all went well; nil as long as it goes on
}

// Events yields the events, one by one. Those of kinds that this package does not know have a nil Kind.
func (s *Stream) Events() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		defer s.leave()
		for {
			event, err := s.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// Text yields the pieces of the answer's text. After a restart, those of the new answer follow: see Restarts.
func (s *Stream) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for event, err := range s.Events() {
			piece := textOf(event)
			if (piece != "" || err != nil) && !yield(piece, err) {
				return
			}
		}
	}
}

func textOf(event *Event) string {
	if delta := event.GetBlockDelta(); delta != nil {
		return delta.GetText()
	}
	return event.GetBlockStart().GetBlock().GetText().GetText()
}

// Final reads to the end and gives the whole answer. If the call fails, the error's Partial has what came before.
func (s *Stream) Final() (*Reply, error) {
	for _, err := range s.Events() {
		if err != nil {
			return nil, err
		}
	}
	return s.Reply(), nil
}

// Reply is what the events so far add up to; later events do not change it. It costs time in proportion to its blocks.
func (s *Stream) Reply() *Reply { return &Reply{s.accumulator.Response(), s.requestID} }

// Usage is what is known of the usage so far. It may be nil, of which all getters give 0.
func (s *Stream) Usage() *v1.Usage { return s.accumulator.Usage() }

// Restarts is how often the answer began again. Each time, all that came before is void.
func (s *Stream) Restarts() int { return s.restarts }

// RequestID is the call's id, to look it up in the gateway's log.
func (s *Stream) RequestID() string { return s.requestID }

// next takes the next event; io.EOF means that the answer is whole.
func (s *Stream) next() (*v1.ChatEvent, error) {
	for len(s.pending) == 0 && s.end == nil {
		s.receive()
	}
	if len(s.pending) == 0 {
		return nil, s.end
	}
	event := s.pending[0]
	s.pending = s.pending[1:]
	if err := s.accumulator.Add(event); err != nil {
		var wrong *ProtocolError
		errors.As(err, &wrong)
		wrong.RequestID = s.requestID
		s.fail(err)
		return nil, err
	}
	if event.GetRestart() != nil {
		s.restarts++
	}
	return event, nil
}

func (s *Stream) receive() {
	if s.call == nil {
		if err := s.begin(); err != nil {
			s.fail(err)
			return
		}
	}
	message, err := s.call.Recv()
	switch {
	case err == nil:
		s.pending = message.GetEvents()
	case !errors.Is(err, io.EOF):
		s.fail(callError(s.ctx, err, s.request, s.call.Trailer(), s.requestID))
	case s.accumulator.Complete():
		s.end = io.EOF
	default:
		// The status is OK, but the answer is cut off all the same.
		s.fail(streamInterrupted(s.mistake(codes.OK, "the stream ended without a completion")))
	}
}

func (s *Stream) mistake(code codes.Code, message string) *APIError {
	return &APIError{Code: code, Message: message, RequestID: s.requestID}
}

func (s *Stream) fail(err error) {
	s.end, s.pending = err, nil
	var failed *APIError
	partial := s.Reply()
	if errors.As(err, &failed) && (len(partial.blocks()) > 0 || partial.Origin() != nil) {
		failed.Partial = partial
	}
}

// leave gives the call up, unless it has ended.
func (s *Stream) leave() {
	if s.cancel != nil {
		s.cancel()
	}
	switch {
	case s.end != nil:
	case s.accumulator.Complete() && len(s.pending) == 0:
		s.end = io.EOF
	default:
		s.fail(callCancelled(s.mistake(codes.Canceled, "the stream was left before its end")))
	}
}
