package trunkline_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"trunkline.dev/go/trunkline"
	v1 "trunkline.dev/go/trunkline/v1"
)

func sameText(t *testing.T, found any, wanted string) {
	t.Helper()
	expected := found.(proto.Message).ProtoReflect().New().Interface()
	if err := prototext.Unmarshal([]byte(wanted), expected); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(found.(proto.Message), expected) {
		t.Errorf("found    %v\nexpected %v", found, expected)
	}
}

var inputs = []struct {
	name     string
	options  []trunkline.ChatOption
	expected string // without what is always there: the model "m" and the message "Hi"
}{
	{"system", []trunkline.ChatOption{trunkline.WithSystem(trunkline.Text("Be brief.").Cached("1h"))},
		`system { text { text: "Be brief." } cache_control { ttl: "1h" } }`},
	{"tools", []trunkline.ChatOption{trunkline.WithTools(
		trunkline.Function("f", "Does.", map[string]any{"type": "object", "title": "<&>"}).Strict(true).Cached(""),
		trunkline.Function("g", "", nil),
		trunkline.ProviderTool("anthropic", `{ "type": 1.0 }`))},
		`tools { function { name: "f" description: "Does." input_schema_json: '{"title":"<&>","type":"object"}' strict: true } cache_control {} }
		 tools { function { name: "g" } }
		 tools { provider_defined { provider_type: "anthropic" raw_json: '{ "type": 1.0 }' } }`},
	{"tool choice", []trunkline.ChatOption{trunkline.WithToolChoice(trunkline.ThisTool("f")), trunkline.WithParallelToolCalls(false)},
		`tool_choice { tool_name: "f" parallel: false }`},
	{"tool modes", []trunkline.ChatOption{trunkline.WithToolChoice(trunkline.AutoTool()),
		trunkline.WithToolChoice(trunkline.NoTool()), trunkline.WithToolChoice(trunkline.AnyTool())},
		`tool_choice { mode: TOOL_CHOICE_MODE_ANY }`},
	{"generation", []trunkline.ChatOption{trunkline.WithMaxOutputTokens(0), trunkline.WithTemperature(0), trunkline.WithTopP(0.5),
		trunkline.WithTopK(3), trunkline.WithStopSequences("a", "b"), trunkline.WithSeed(-1), trunkline.WithPresencePenalty(1),
		trunkline.WithFrequencyPenalty(2), trunkline.WithLogprobs(4), trunkline.WithLogitBias(map[int32]float64{5: -100})},
		`generation { max_output_tokens: 0 temperature: 0 top_p: 0.5 top_k: 3 stop_sequences: ["a", "b"] seed: -1
		 presence_penalty: 1 frequency_penalty: 2 logprobs: true top_logprobs: 4 logit_bias { key: 5 value: -100 } }`},
	{"reasoning", []trunkline.ChatOption{trunkline.WithReasoning(true), trunkline.WithEffort("low"), trunkline.WithReasoningDisplay("omitted")},
		`reasoning { mode: REASONING_MODE_ADAPTIVE effort: "low" display: "omitted" }`},
	{"no reasoning", []trunkline.ChatOption{trunkline.WithReasoning(false)}, `reasoning { mode: REASONING_MODE_DISABLED }`},
	{"budget", []trunkline.ChatOption{trunkline.WithReasoningBudget(9)}, `reasoning { mode: REASONING_MODE_BUDGET budget_tokens: 9 }`},
	{"schema", []trunkline.ChatOption{trunkline.WithOutputFormat(trunkline.JSONSchema(json.RawMessage(`{"a": 1.0}`), "n").Strict(true))},
		`output_format { json_schema { schema_json: '{"a": 1.0}' name: "n" strict: true } }`},
	{"object", []trunkline.ChatOption{trunkline.WithOutputFormat(trunkline.JSONObject())}, `output_format { json_object {} }`},
	{"rest", []trunkline.ChatOption{trunkline.WithCache("5m"), trunkline.WithServiceTier("flex"), trunkline.WithEndUserID("u"),
		trunkline.WithAnthropic(&v1.AnthropicOptions{Speed: "fast"}), trunkline.WithOpenAI(&v1.OpenAiOptions{Verbosity: "low"}),
		trunkline.WithGemini(&v1.GeminiOptions{CachedContent: "c"}), trunkline.WithProviderOptions("openai", map[string]int{"a": 1}),
		trunkline.WithProviderOptions("eu", []byte("{ }"))},
		`cache_control { ttl: "5m" } service_tier: "flex" end_user_id: "u" anthropic { speed: "fast" } openai { verbosity: "low" }
		 gemini { cached_content: "c" } provider_options_json { key: "openai" value: '{"a":1}' }
		 provider_options_json { key: "eu" value: "{ }" }`},
}

func TestInputs(t *testing.T) {
	server := newScripted(t)
	client := server.client(t)
	set := map[protoreflect.Name]bool{}
	for _, each := range inputs {
		t.Run(each.name, func(t *testing.T) {
			must[*trunkline.Reply](t)(client.Chat(t.Context(), append(each.options, trunkline.Text("Hi"))...))
			request, _ := server.last()
			sameText(t, request, `input { model: "m" messages { role: ROLE_USER content { text { text: "Hi" } } } `+each.expected+` }`)
			request.(*v1.ChatRequest).GetInput().ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
				set[field.Name()] = true
				return true
			})
		})
	}
	fields := (&v1.ChatInput{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if name := fields.Get(i).Name(); !set[name] {
			t.Errorf("no option for %s", name)
		}
	}
}

func TestConversations(t *testing.T) {
	server := newScripted(t)
	text, result := trunkline.Text, trunkline.ToolResult
	must[*trunkline.TokenCount](t)(server.client(t).CountTokens(t.Context(),
		trunkline.WithMessages(trunkline.User(text("a")).Named("ann"), trunkline.Assistant(trunkline.ToolUse("1", "f", nil))),
		result("1", trunkline.JSON(map[string]int{"x": 1})), trunkline.ToolFailure("2"),
		text("b"), text("c"), trunkline.System(text("d")), text("e"),
	))
	request, _ := server.last()
	sameText(t, request, `input { model: "m"
		messages { role: ROLE_USER name: "ann" content { text { text: "a" } } }
		messages { role: ROLE_ASSISTANT content { tool_use { id: "1" name: "f" } } }
		messages { role: ROLE_TOOL content { tool_result { tool_use_id: "1" content { text { text: '{"x":1}' } } } }
		           content { tool_result { tool_use_id: "2" is_error: true } } }
		messages { role: ROLE_USER content { text { text: "b" } } content { text { text: "c" } } }
		messages { role: ROLE_SYSTEM content { text { text: "d" } } }
		messages { role: ROLE_USER content { text { text: "e" } } } }`)
}

func TestBlocks(t *testing.T) {
	for expected, block := range map[string]trunkline.Block{
		`image { media { data: "x" media_type: "image/png" } detail: "low" }`: trunkline.Image(
			trunkline.Bytes([]byte("x")).Typed("image/png"), trunkline.Detail("low")),
		`image { media { url: "https://example.com/a.png" } }`: trunkline.Image(trunkline.URL("https://example.com/a.png")),
		`audio { media { file_id: "f" } }`:                     trunkline.Audio(trunkline.FileID("f")),
		`document { media { data: "x" } title: "t" context: "c" citations_enabled: false }`: trunkline.Document(
			trunkline.Bytes([]byte("x")), trunkline.Title("t"), trunkline.Background("c"), trunkline.Citations(false)),
		`document { text: "x" }`:                                 trunkline.Document(trunkline.PlainText("x")),
		`document { content { blocks { text { text: "x" } } } }`: trunkline.Document(trunkline.Blocks{trunkline.Text("x")}),
		`search_result { source: "s" title: "t" content { text { text: "x" } } citations_enabled: true }`: trunkline.SearchResult(
			"s", "t", []trunkline.Block{trunkline.Text("x")}, trunkline.Citations(true)),
		`tool_use { id: "1" name: "f" input_json: '{ "a":1.0}' }`: trunkline.ToolUse("1", "f", `{ "a":1.0}`),
	} {
		sameText(t, block.Proto, expected)
	}
}

func TestRouting(t *testing.T) {
	server := newScripted(t)
	client := server.client(t)
	for expected, options := range map[string][]trunkline.StreamOption{
		`route_name: "r"`: {trunkline.WithRoute("r")},
		`route { target { provider: "p" model: "m" api_key: "k" } }`: {
			trunkline.WithTarget(trunkline.Target{Provider: "p", Model: "m", APIKey: "k"})},
		`unsupported_fields: UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING`: {trunkline.WithUnsupportedFieldsDropped()},
		`affinity_key: "a"`: {trunkline.WithRouting(&v1.RoutingOptions{AffinityKey: "a"})},
		`metadata { key: "plan" value: "paid" } affinity_key: "a" coalescing_key: "c"`: {
			trunkline.WithRouteMetadata(map[string]string{"plan": "paid"}), trunkline.WithAffinityKey("a"), trunkline.WithCoalescingKey("c")},
	} {
		must[*trunkline.Reply](t)(client.Stream(t.Context(), append(options,
			trunkline.WithInput(&v1.ChatInput{EndUserId: "u"}), trunkline.WithRestart(),
			trunkline.WithMaxEventDelay(250*time.Millisecond))...).Final())
		request, _ := server.last()
		sameText(t, request, `input { end_user_id: "u" } allow_restart: true max_event_delay { nanos: 250000000 } routing { `+expected+` }`)
	}
}

func TestEmbedding(t *testing.T) {
	server := newScripted(t)
	client := server.client(t)
	must[*trunkline.Embeddings](t)(client.Embed(t.Context(), []string{"a"}, trunkline.WithDimensions(8), trunkline.WithTaskType("T"),
		trunkline.WithEndUserID("u"), trunkline.WithProviderOptions("p", "{}"), trunkline.WithRoute("r")))
	request, _ := server.last()
	sameText(t, request, `model: "m" inputs { text: "a" } dimensions: 8 task_type: "T" end_user_id: "u"
		provider_options_json { key: "p" value: "{}" } routing { route_name: "r" }`)
	must[*trunkline.Embeddings](t)(client.EmbedTokens(t.Context(), [][]int32{{1, 2}}, trunkline.WithModel("n")))
	request, _ = server.last()
	sameText(t, request, `model: "n" inputs { tokens { ids: [1, 2] } }`)
}

func TestWhatIsMadeOfSomethingLeavesItAsItIs(t *testing.T) {
	block, message, tool := trunkline.Text("a"), trunkline.User(), trunkline.Function("f", "", nil)
	block.Cached("1h")
	message.Named("ann")
	tool.Cached("1h")
	tool.Strict(true)
	sameText(t, block.Proto, `text { text: "a" }`)
	sameText(t, message.Proto, `role: ROLE_USER`)
	sameText(t, tool.Proto, `function { name: "f" }`)
}

// What cannot be sent fails before anything is, and says why.
func TestMistakes(t *testing.T) {
	server := newScripted(t)
	client := server.client(t)
	for expected, option := range map[string]trunkline.ChatOption{
		"a block of JSON":                 trunkline.JSON(math.NaN()),
		"schema of f":                     trunkline.WithTools(trunkline.Function("f", "", func() {})),
		"definition of a tool of p":       trunkline.WithTools(trunkline.ProviderTool("p", func() {})),
		"a function of the caller's":      trunkline.WithTools(trunkline.ProviderTool("p", "{}").Strict(true)),
		"a Tool without":                  trunkline.WithTools(trunkline.Tool{}),
		"schema of the answer":            trunkline.WithOutputFormat(trunkline.JSONSchema(func() {}, "")),
		"only a JSON Schema":              trunkline.WithOutputFormat(trunkline.JSONObject().Strict(true)),
		"arguments of f":                  trunkline.Assistant(trunkline.ToolUse("1", "f", func() {})),
		"provider options of p":           trunkline.WithProviderOptions("p", func() {}),
		"is no address":                   trunkline.Image(trunkline.URL("cat.png")),
		"a Block without":                 trunkline.Block{}.Cached(""),
		"a Message without":               trunkline.Message{}.Named("x"),
		"MaxOutputTokens is out of range": trunkline.WithMaxOutputTokens(math.MaxInt32 + 1),
		"WithInput stands for all":        trunkline.WithInput(&v1.ChatInput{}),
		"a request id has":                trunkline.WithRequestID(""),
		"input.messages[0].content[1].text.text is no UTF-8": trunkline.Text("\xff"),
	} {
		_, err := client.Chat(t.Context(), trunkline.Text("Hi"), option)
		if err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("expected %q, found %v", expected, err)
		}
		if _, streamed := client.Stream(t.Context(), trunkline.Text("Hi"), option).Final(); streamed == nil || streamed.Error() != err.Error() {
			t.Errorf("streamed: %v", streamed)
		}
	}
	_, err := client.Chat(t.Context(), trunkline.WithRouting(&v1.RoutingOptions{}), trunkline.WithRoute("r"))
	equal(t, err != nil && strings.Contains(err.Error(), "WithRouting stands for all"), true)
	equal(t, server.asked(), 0)
}
