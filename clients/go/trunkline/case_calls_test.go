package trunkline_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"trunkline.dev/go/trunkline"
	v1 "trunkline.dev/go/trunkline/v1"
)

var (
	png, _ = base64.StdEncoding.DecodeString(
		"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/VsfBXQAAAABJRU5ErkJggg==")
	weather = trunkline.Function("weather", "", `{"type":"object","properties":{"city":{"type":"string"}}}`)
)

const mib = 1 << 20

func chat(t *testing.T) {
	reply := must[*trunkline.Reply](t)(gateway(t).Chat(t.Context(), trunkline.Text("Hello"), trunkline.WithRequestID("case-chat")))
	equal(t, reply.Text(), "You said: Hello")
	equal(t, reply.FinishReason(), trunkline.FinishStop)
	equal(t, reply.ProviderFinishReason(), "end_turn")
	equal(t, reply.Origin().GetProvider(), "simulator")
	equal(t, reply.Usage().GetOutputTotal() > 0, true)
	equal(t, reply.RequestID, "case-chat")
}

func stream(t *testing.T) {
	stream := gateway(t).Stream(t.Context(), trunkline.Text("one two three"))
	var pieces []string
	for piece, err := range stream.Text() {
		if err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, piece)
	}
	final := must[*trunkline.Reply](t)(stream.Final())
	equal(t, len(pieces) > 1, true)
	equal(t, strings.Join(pieces, ""), "You said: one two three")
	equal(t, final.Text(), "You said: one two three")
	equal(t, final.Complete(), true)
	equal(t, final.Usage().GetOutputTotal() > 0, true)
}

func toolsRoundTrip(t *testing.T) {
	client := gateway(t)
	streamed := func(ctx context.Context, options ...trunkline.ChatOption) (*trunkline.Reply, error) {
		all := make([]trunkline.StreamOption, len(options))
		for i, option := range options {
			all[i] = option
		}
		return client.Stream(ctx, all...).Final()
	}
	for _, ask := range []func(context.Context, ...trunkline.ChatOption) (*trunkline.Reply, error){client.Chat, streamed} {
		question, model := trunkline.Text("What is the weather in Paris?"), trunkline.WithModel("simulator/tools")
		reply := must[*trunkline.Reply](t)(ask(t.Context(), question, model, trunkline.WithTools(weather)))
		equal(t, reply.FinishReason(), trunkline.FinishToolUse)
		equal(t, len(reply.ToolCalls()), 2)
		var results []trunkline.Block
		for _, call := range reply.ToolCalls() {
			var arguments struct{ City *string }
			if err := call.Arguments(&arguments); err != nil || arguments.City == nil {
				t.Errorf("arguments %s: %v", call.ArgumentsJSON(), err)
			}
			equal(t, call.Name(), "weather")
			results = append(results, call.Result(trunkline.Text("18 degrees")))
		}
		reply = must[*trunkline.Reply](t)(ask(t.Context(), question, reply.Message(), trunkline.ToolResults(results...),
			model, trunkline.WithTools(weather)))
		equal(t, strings.Contains(reply.Text(), "18 degrees"), true)
		equal(t, reply.FinishReason(), trunkline.FinishStop)
	}
}

func image(t *testing.T) {
	must[*trunkline.Reply](t)(gateway(t).Chat(t.Context(),
		trunkline.Text("What is this?"), trunkline.Image(trunkline.Bytes(png)),
		trunkline.WithModel("simulator/image-go"), trunkline.WithMaxOutputTokens(1000)))
	content := calls(t, "image-go")[0].JSON.Messages[0].Content
	at := slices.IndexFunc(content, func(block map[string]any) bool { return block["type"] == "image" })
	source := content[at]["source"].(map[string]any)
	equal(t, source["type"], any("base64"))
	equal(t, source["media_type"], any("image/png"))
	equal(t, source["data"], any(base64.StdEncoding.EncodeToString(png)))
}

func thinkingRoundTrip(t *testing.T) {
	client, model, reasoning := gateway(t), trunkline.WithModel("simulator/thinking"), trunkline.WithReasoning(true)
	reply := must[*trunkline.Reply](t)(client.Stream(t.Context(),
		trunkline.Text("Hello"), model, reasoning, trunkline.WithEndUserID("thinking-go")).Final())
	thinking := reply.Message().Proto.GetContent()[0].GetThinking()
	equal(t, reply.Thinking() != "" && thinking.GetSignature() != "", true)
	must[*trunkline.Reply](t)(client.Chat(t.Context(),
		trunkline.Text("Hello"), reply.Message(), trunkline.Text("Go on"),
		model, reasoning, trunkline.WithEndUserID("again-go")))
	for _, call := range calls(t, "thinking") {
		if call.JSON.Metadata.UserID == "again-go" {
			sent := call.JSON.Messages[1].Content[0]
			equal(t, sent["type"], any("thinking"))
			equal(t, sent["thinking"], any(thinking.GetText()))
			equal(t, sent["signature"], any(thinking.GetSignature()))
			return
		}
	}
	t.Error("the second call is not in the record")
}

func count(t *testing.T) {
	count := must[*trunkline.TokenCount](t)(gateway(t).CountTokens(t.Context(), trunkline.Text("Hello")))
	equal(t, count.InputTokens() > 0, true)
	equal(t, count.Method(), "provider")
}

func embed(t *testing.T) {
	embeddings := must[*trunkline.Embeddings](t)(gateway(t).Embed(t.Context(), []string{"one", "another"},
		trunkline.WithModel("openai/text-embedding-3-small"), trunkline.WithDimensions(8)))
	vectors := embeddings.Vectors()
	equal(t, len(vectors), 2)
	equal(t, len(vectors[0]), 8)
	equal(t, len(vectors[1]), 8)
	equal(t, slices.Equal(vectors[0], vectors[1]), false)
}

func listModels(t *testing.T) {
	client := gateway(t)
	list := must[*trunkline.ModelList](t)(client.ListModels(t.Context(), trunkline.WithProvider("simulator")))
	found := false
	for _, model := range list.Models {
		found = found || model.GetId() == "text" && model.GetContextWindow() > 0
	}
	equal(t, found, true)
	model, err := client.GetModel(t.Context(), "simulator/text")
	equal(t, err, nil)
	equal(t, model.GetId(), "text")
}

func route(t *testing.T) {
	client := client(t, address(t, "TRUNKLINE_ADDRESS"))
	for _, way := range []trunkline.ChatOption{trunkline.WithRoute("home"), trunkline.WithModel("quick")} {
		equal(t, must[*trunkline.Reply](t)(client.Chat(t.Context(), trunkline.Text("Hello"), way)).Text(), "You said: Hello")
	}
}

func ownRoute(t *testing.T) {
	fallback := func(models ...string) trunkline.ChatOption {
		ways := &v1.Fallback{}
		for _, model := range models {
			target := &v1.Target{Provider: "simulator", Model: model}
			ways.Routes = append(ways.Routes, &v1.Route{Strategy: &v1.Route_Target{Target: target}})
		}
		return trunkline.WithOwnRoute(&v1.Route{
			Strategy:       &v1.Route_Fallback{Fallback: ways},
			CircuitBreaker: &v1.CircuitBreaker{ConsecutiveFailures: proto.Int32(0), FailureRate: proto.Float64(0)},
		})
	}
	client := client(t, address(t, "TRUNKLINE_ADDRESS"))
	told := []trunkline.ChatOption{trunkline.Text("Hello"), trunkline.WithRouteMetadata(map[string]string{"plan": "paid"}),
		trunkline.WithAffinityKey("a"), trunkline.WithCoalescingKey("own-route-go")}
	reply := must[*trunkline.Reply](t)(client.Chat(t.Context(), append(told, fallback("error-529-n1", "text"))...))
	equal(t, reply.Text(), "You said: Hello")
	equal(t, modelsOf(reply.RouteReport()), "error-529-n1 text")
	equal(t, reply.RouteReport().GetAttempts()[0].GetUpstreamStatus(), 529)
	_, err := client.Chat(t.Context(), append(told, fallback("error-529-n1", "error-500-n1"))...)
	equal(t, modelsOf(as[*trunkline.UpstreamUnavailableError](t, err).RouteReport), "error-529-n1 error-500-n1")
}

func modelsOf(report *v1.RouteReport) string {
	var models []string
	for _, attempt := range report.GetAttempts() {
		models = append(models, attempt.GetModel())
	}
	return strings.Join(models, " ")
}

func key(t *testing.T) {
	client := client(t, address(t, "TRUNKLINE_ADDRESS"), trunkline.WithKey("x"))
	target := trunkline.Target{Provider: "simulator", Model: "key-go", APIKey: "sk-of-go-1234"}
	must[*trunkline.Reply](t)(client.Chat(t.Context(),
		trunkline.Text("Hello"), trunkline.WithTarget(target), trunkline.WithMaxOutputTokens(1000)))
	equal(t, strings.HasSuffix(calls(t, "key-go")[0].Headers["x-api-key"], "1234"), true)
}

func cancel(t *testing.T) {
	client := gateway(t)
	ask := func(ctx context.Context, model string) *trunkline.Stream {
		return client.Stream(ctx, trunkline.Text("Hello"), trunkline.WithModel("simulator/"+model), trunkline.WithMaxOutputTokens(1000))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range ask(ctx, "cancel-go-n10000-g20").Text() {
		last = err
		time.AfterFunc(100*time.Millisecond, cancel)
	}
	as[*trunkline.CallCancelledError](t, last)
	equal(t, errors.Is(last, context.Canceled), true)
	hungUp(t, "cancel-go-n10000-g20")

	left := ask(t.Context(), "cancel-go-leave-n10000-g20")
	for _, err := range left.Text() {
		equal(t, err, nil)
		break
	}
	hungUp(t, "cancel-go-leave-n10000-g20")
	_, err := left.Final()
	as[*trunkline.CallCancelledError](t, err)
}

func hungUp(t *testing.T, model string) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		found := calls(t, model)
		if len(found) == 1 && found[0].Outcome == "hung_up" {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("the record of %s: %+v", model, found)
		}
	}
}

func deadline(t *testing.T) {
	silence := trunkline.WithModel("simulator/silence")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := gateway(t).Chat(ctx, trunkline.Text("Hello"), silence)
	as[*trunkline.DeadlineExceededError](t, err)
	equal(t, errors.Is(err, context.DeadlineExceeded), true)

	impatient := client(t, address(t, "TRUNKLINE_ADDRESS"), trunkline.WithTimeout(500*time.Millisecond))
	_, err = impatient.Stream(t.Context(), trunkline.Text("Hello"), silence).Final()
	as[*trunkline.DeadlineExceededError](t, err)
}

func streamRestart(t *testing.T) {
	stream := vectors(t).Stream(t.Context(),
		trunkline.Text("Hello"), trunkline.WithModel("vectors/streams/restart_once"), trunkline.WithRestart())
	equal(t, must[*trunkline.Reply](t)(stream.Final()).Text(), "newer")
	equal(t, stream.Restarts(), 1)
}

func gatewayRestart(t *testing.T) {
	client := client(t, address(t, "TRUNKLINE_ADDRESS"))
	stream := client.Stream(t.Context(),
		trunkline.Text("Hello"), trunkline.WithRoute("unsteady"), trunkline.WithRestart())
	equal(t, must[*trunkline.Reply](t)(stream.Final()).Text(), "You said: Hello")
	equal(t, stream.Restarts(), 1)
	_, err := client.Stream(t.Context(), trunkline.Text("Hello"), trunkline.WithRoute("unsteady")).Final()
	equal(t, as[*trunkline.StreamInterruptedError](t, err).Partial.Text() != "", true)
}

func retry(t *testing.T) {
	client, model := vectors(t), trunkline.WithModel("vectors/retried/text")
	stream := client.Stream(t.Context(), trunkline.Text("Hello"), model)
	equal(t, strings.HasPrefix(must[*trunkline.Reply](t)(stream.Final()).Text(), "Hello, "), true)
	must[*trunkline.Embeddings](t)(client.Embed(t.Context(), []string{"Hello"}, model))
}

func largeMessage(t *testing.T) {
	client, text := gateway(t), strings.Repeat("x", 5*mib)
	reply := must[*trunkline.Reply](t)(client.Chat(t.Context(), trunkline.Text(text)))
	equal(t, reply.Text() == "You said: "+text, true)
	reply = must[*trunkline.Reply](t)(client.Stream(t.Context(), trunkline.Text("Hello"), trunkline.WithModel("simulator/big-n5")).Final())
	largest := 0
	for _, block := range reply.Proto.GetMessage().GetContent() {
		largest = max(largest, len(block.GetServerToolResult().GetContentJson()))
	}
	equal(t, largest >= 5*mib, true)
}

func unknownValues(t *testing.T) {
	client := vectors(t)
	for _, name := range []string{"event", "delta", "block", "enums", "fields"} {
		model := trunkline.WithModel("vectors/streams/unknown_" + name)
		final := must[*trunkline.Reply](t)(client.Stream(t.Context(), trunkline.Text("Hello"), model, trunkline.WithRestart()).Final())
		equal(t, final.Complete(), true)
		if name == "enums" {
			equal(t, final.FinishReason(), trunkline.FinishOther)
			equal(t, final.ProviderFinishReason(), "tired")
		}
	}
}

func overTLS(t *testing.T) {
	authority, err := os.ReadFile(address(t, "TRUNKLINE_CA_FILE"))
	equal(t, err, nil)
	roots := x509.NewCertPool()
	equal(t, roots.AppendCertsFromPEM(authority), true)
	model := trunkline.WithModel("simulator/text")
	trusting := client(t, address(t, "TRUNKLINE_TLS_ADDRESS"), model, trunkline.WithTLS(&tls.Config{RootCAs: roots}))
	equal(t, must[*trunkline.Reply](t)(trusting.Chat(t.Context(), trunkline.Text("Hello"))).Text(), "You said: Hello")
	for _, options := range [][]trunkline.Option{{model}, {model, trunkline.WithTLS(nil)}} {
		_, err := client(t, address(t, "TRUNKLINE_TLS_ADDRESS"), options...).Chat(t.Context(), trunkline.Text("Hello"))
		as[*trunkline.GatewayUnreachableError](t, err)
	}
}
