package trunkline_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"trunkline.dev/go/trunkline"
	v1 "trunkline.dev/go/trunkline/v1"
)

func TestMetadata(t *testing.T) {
	server := newScripted(t)
	client := server.client(t, trunkline.WithKey("k"), trunkline.WithMetadata("a", "client"),
		trunkline.WithMetadata("b", "client"), trunkline.WithMetadata("C", "1"), trunkline.WithMetadata("c", "2"))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "a", "context", "b", "context")
	reply := must[*trunkline.Reply](t)(client.Chat(ctx, trunkline.Text("Hi"), trunkline.WithMetadata("A", "call")))
	_, asked := server.last()
	for key, expected := range map[string]string{
		"authorization": "Bearer k", "a": "call", "b": "context", "c": "1 2", "x-request-id": reply.RequestID,
	} {
		equal(t, strings.Join(asked.Get(key), " "), expected)
	}
	equal(t, reply.RequestID != "", true)
	equal(t, strings.HasPrefix(asked.Get("user-agent")[0], "trunkline-go/"), true)
}

func TestPagesAreFollowed(t *testing.T) {
	warning := &v1.Warning{Code: v1.WarningCode_WARNING_CODE_PROVIDER_UNAVAILABLE, Value: "eu"}
	server := newScripted(t)
	server.pages = []*v1.ListModelsResponse{
		{Models: []*v1.Model{{Id: "a"}}, NextPageToken: "2", Warnings: []*v1.Warning{warning}},
		{NextPageToken: "3", Warnings: []*v1.Warning{warning}},
		{Models: []*v1.Model{{Id: "b"}}},
	}
	list := must[*trunkline.ModelList](t)(server.client(t).ListModels(t.Context(), trunkline.WithProvider("p"),
		trunkline.WithCapabilities(v1.ModelCapability_MODEL_CAPABILITY_CHAT),
		trunkline.WithLifecycles(v1.ModelLifecycle_MODEL_LIFECYCLE_ACTIVE)))
	equal(t, len(list.Models), 2)
	equal(t, len(list.Warnings), 1)
	equal(t, list.Models[1].GetId(), "b")
	request, _ := server.last()
	sameText(t, request, `provider: "p" capabilities: MODEL_CAPABILITY_CHAT lifecycles: MODEL_LIFECYCLE_ACTIVE page_size: 1000 page_token: "3"`)
	for _, asked := range server.metadata {
		equal(t, asked.Get("x-request-id")[0], list.RequestID)
	}
}

func TestWordsOfNewerGatewaysAreOther(t *testing.T) {
	count := must[*trunkline.TokenCount](t)(newScripted(t).client(t).CountTokens(t.Context(), trunkline.Text("Hi")))
	equal(t, count.Method(), "other")
}

func TestEveryCallHasADeadline(t *testing.T) {
	server := newScripted(t)
	for _, each := range []struct {
		context time.Duration
		options []trunkline.Option
		least   time.Duration
		most    time.Duration
	}{
		{0, nil, 590 * time.Second, 600 * time.Second},
		{0, []trunkline.Option{trunkline.WithTimeout(100 * time.Second)}, 90 * time.Second, 100 * time.Second},
		{50 * time.Second, []trunkline.Option{trunkline.WithTimeout(100 * time.Second)}, 40 * time.Second, 50 * time.Second},
		{700 * time.Second, nil, 690 * time.Second, 700 * time.Second},
	} {
		ctx := t.Context()
		if each.context > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, each.context)
			defer cancel()
		}
		var left time.Duration
		server.onStream = func(stream serverStream) error {
			until, _ := stream.Context().Deadline()
			left = time.Until(until)
			return send(stream, completion)
		}
		must[*trunkline.Reply](t)(server.client(t, each.options...).Stream(ctx, trunkline.Text("Hi")).Final())
		if left < each.least || left > each.most {
			t.Errorf("%v are left of %v", left, each.most)
		}
	}
	server.onStream = func(stream serverStream) error {
		_, has := stream.Context().Deadline()
		equal(t, has, false)
		return send(stream, completion)
	}
	must[*trunkline.Reply](t)(server.client(t, trunkline.WithTimeout(0)).Stream(t.Context(), trunkline.Text("Hi")).Final())
}

func TestGoroutinesShareAClientAndOptions(t *testing.T) {
	server := newScripted(t)
	client := server.client(t)
	options := []trunkline.ChatOption{
		trunkline.User(trunkline.Text("a")), trunkline.Text("b"), trunkline.WithTemperature(1),
		trunkline.WithTools(weather), trunkline.WithProviderOptions("p", "{}"),
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := client.Chat(t.Context(), options...); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, request := range server.requests {
		equal(t, len(request.(*v1.ChatRequest).GetInput().GetMessages()), 2)
	}
}
