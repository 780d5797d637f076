package trunkline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"trunkline.dev/go/trunkline"
	v1 "trunkline.dev/go/trunkline/v1"
)

type serverStream = grpc.ServerStreamingServer[v1.StreamChatResponse]

func TestNothingIsSentUntilAStreamIsRead(t *testing.T) {
	server := newScripted(t)
	stream := server.client(t).Stream(t.Context(), trunkline.Text("Hi"))
	equal(t, server.asked(), 0)
	equal(t, stream.Reply().Complete(), false)
	equal(t, must[*trunkline.Reply](t)(stream.Final()).Text(), "Hello")
	equal(t, server.asked(), 1)
}

func TestAStreamIsReadOnce(t *testing.T) {
	server := newScripted(t)
	stream := server.client(t).Stream(t.Context(), trunkline.Text("Hi"))
	equal(t, must[*trunkline.Reply](t)(stream.Final()).Text(), "Hello")
	for event, err := range stream.Events() {
		t.Errorf("%v, %v", event, err)
	}
	equal(t, must[*trunkline.Reply](t)(stream.Final()).Text(), "Hello")
	equal(t, server.asked(), 1)
}

func TestEventsAreNotChanged(t *testing.T) {
	server := newScripted(t)
	citation := &v1.BlockDelta{Delta: &v1.BlockDelta_Citation{Citation: &v1.Citation{}}}
	server.onStream = func(stream serverStream) error {
		return send(stream, begin("a"), &v1.ChatEvent{Kind: &v1.ChatEvent_BlockDelta{BlockDelta: citation}}, completion)
	}
	stream := server.client(t).Stream(t.Context(), trunkline.Text("Hi"))
	var first *trunkline.Event
	for event, err := range stream.Events() {
		equal(t, err, nil)
		if first == nil {
			first = event
		}
	}
	equal(t, len(stream.Reply().Proto.GetMessage().GetContent()[0].GetText().GetCitations()), 1)
	sameText(t, first, `block_start { block { text { text: "a" } } }`)
}

func TestRepliesAreSnapshots(t *testing.T) {
	stream := newScripted(t).client(t).Stream(t.Context(), trunkline.Text("Hi"))
	var texts []string
	var replies []*trunkline.Reply
	for _, err := range stream.Events() {
		equal(t, err, nil)
		replies = append(replies, stream.Reply())
	}
	for _, reply := range replies {
		texts = append(texts, reply.Text())
	}
	equal(t, len(texts), 3)
	equal(t, texts[0]+" "+texts[1]+" "+texts[2], "Hel Hello Hello")
}

// However a range is left, the call ends.
func TestLeavingARangeCancels(t *testing.T) {
	for name, leave := range map[string]func(*trunkline.Stream){
		"break": func(stream *trunkline.Stream) {
			for range stream.Events() {
				break
			}
		},
		"break of text": func(stream *trunkline.Stream) {
			for range stream.Text() {
				break
			}
		},
		"panic": func(stream *trunkline.Stream) {
			defer func() { _ = recover() }()
			for range stream.Events() {
				panic("left")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, ended := newScripted(t), make(chan error, 1)
			server.onStream = func(stream serverStream) error {
				err := send(stream, begin("Hel"), more("lo"))
				<-stream.Context().Done()
				ended <- stream.Context().Err()
				return err
			}
			stream := server.client(t).Stream(t.Context(), trunkline.Text("Hi"))
			leave(stream)
			select {
			case err := <-ended:
				equal(t, errors.Is(err, context.Canceled), true)
			case <-time.After(10 * time.Second):
				t.Error("the call goes on")
			}
			_, err := stream.Final()
			equal(t, as[*trunkline.CallCancelledError](t, err).Partial.Text(), "Hel")
			equal(t, errors.Is(err, context.Canceled), false)
		})
	}
}

func TestLeavingAtTheCompletionIsNoFailure(t *testing.T) {
	stream := newScripted(t).client(t).Stream(t.Context(), trunkline.Text("Hi"))
	for event := range stream.Events() {
		if event.GetCompletion() != nil {
			break
		}
	}
	equal(t, must[*trunkline.Reply](t)(stream.Final()).Text(), "Hello")
}

func TestAnErrorIsTheLastThatARangeYieldsAndStays(t *testing.T) {
	server := newScripted(t)
	server.onStream = func(stream serverStream) error {
		if err := send(stream, begin("Hel")); err != nil {
			return err
		}
		return status.Error(codes.Aborted, "broken")
	}
	stream := server.client(t).Stream(t.Context(), trunkline.Text("Hi"))
	yields, last := 0, error(nil)
	for _, err := range stream.Events() {
		yields++
		last = err
	}
	equal(t, yields, 2)
	equal(t, as[*trunkline.ConflictError](t, last).Partial.Text(), "Hel")
	_, again := stream.Final()
	equal(t, again, last)
	equal(t, status.Code(last), codes.Aborted)
}

func TestUnavailableIsTriedThreeTimesAndNotOnceSomethingCame(t *testing.T) {
	server := newScripted(t)
	server.onStream = func(serverStream) error { return status.Error(codes.Unavailable, "not now") }
	_, err := server.client(t).Stream(t.Context(), trunkline.Text("Hi")).Final()
	as[*trunkline.GatewayUnreachableError](t, err)
	equal(t, server.asked(), 3)

	server = newScripted(t)
	server.onStream = func(stream serverStream) error {
		if err := send(stream, begin("Hel")); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "not any more")
	}
	_, err = server.client(t).Stream(t.Context(), trunkline.Text("Hi")).Final()
	as[*trunkline.GatewayUnreachableError](t, err)
	equal(t, server.asked(), 1)
}

// By default, gRPC repeats no request above 256 KiB.
func TestLargeRequestsAreTriedAgain(t *testing.T) {
	server, large := newScripted(t), trunkline.Image(trunkline.Bytes(make([]byte, 8*mib)))
	server.onStream = func(stream serverStream) error {
		if server.asked() < 2 {
			return status.Error(codes.Unavailable, "not now")
		}
		return send(stream, completion)
	}
	must[*trunkline.Reply](t)(server.client(t).Stream(t.Context(), large).Final())
	equal(t, server.asked(), 2)
}

func TestWhatTheServerCancelsIsNotTheCallersDoing(t *testing.T) {
	server := newScripted(t)
	server.onStream = func(serverStream) error { return status.Error(codes.Canceled, "no") }
	_, err := server.client(t).Stream(t.Context(), trunkline.Text("Hi")).Final()
	as[*trunkline.CallCancelledError](t, err)
	equal(t, errors.Is(err, context.Canceled), false)
}

func TestAClientThatIsClosed(t *testing.T) {
	client := newScripted(t).client(t)
	equal(t, client.Close(), nil)
	_, err := client.Chat(t.Context(), trunkline.Text("Hi"))
	as[*trunkline.CallCancelledError](t, err)
}
