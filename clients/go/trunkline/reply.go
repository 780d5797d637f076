package trunkline

import (
	"encoding/json"
	"fmt"
	"strings"

	v1 "trunkline.dev/go/trunkline/v1"
)

// Reply is what a model answered, or the part that came so far.
type Reply struct {
	// Proto is all that came.
	Proto *v1.ChatResponse
	// RequestID is the call's id, to look it up in the gateway's log.
	RequestID string
}

// Message is the answer as the model gave it. To go on, give it to the next call, after what was asked.
func (r *Reply) Message() Message { return Message{Proto: r.Proto.GetMessage()} }

// Text is the text blocks, one after the other. Empty if the model only called tools or refused.
func (r *Reply) Text() string {
	var text strings.Builder
	for _, block := range r.blocks() {
		text.WriteString(block.GetText().GetText())
	}
	return text.String()
}

// Thinking is the reasoning, its blocks set apart by empty lines. Empty if the provider keeps it to itself.
func (r *Reply) Thinking() string {
	var blocks []string
	for _, block := range r.blocks() {
		if thinking := block.GetThinking(); thinking != nil {
			blocks = append(blocks, thinking.GetText())
		}
	}
	return strings.Join(blocks, "\n\n")
}

// Refusal is the model's own words for why it will not answer. May be empty though the FinishReason is FinishRefusal.
func (r *Reply) Refusal() string {
	var text strings.Builder
	for _, block := range r.blocks() {
		text.WriteString(block.GetRefusal().GetText())
	}
	return text.String()
}

// ToolCalls are the tool calls that wait for the caller, in order; not those that the provider runs itself. Do not run them
// unless the FinishReason is FinishToolUse: they may be cut short.
func (r *Reply) ToolCalls() []ToolCall {
	var calls []ToolCall
	for _, block := range r.blocks() {
		if use := block.GetToolUse(); use != nil && isCallers(use.GetRunner()) {
			calls = append(calls, ToolCall{use})
		}
	}
	return calls
}

func isCallers(runner v1.ToolRunner) bool {
	return runner == v1.ToolRunner_TOOL_RUNNER_UNSPECIFIED || runner == v1.ToolRunner_TOOL_RUNNER_CLIENT
}

func (r *Reply) blocks() []*v1.ContentBlock { return r.Proto.GetMessage().GetContent() }

// FinishReason tells why the answer ended; FinishOther if the gateway is newer than this package and has a reason that this
// one does not know. Empty as long as the answer is not complete.
func (r *Reply) FinishReason() FinishReason {
	number := r.Proto.GetCompletion().GetFinishReason()
	return FinishReason(word(v1.FinishReason_name, int32(number), "FINISH_REASON_"))
}

// ProviderFinishReason is the same in the provider's own word, for example "end_turn".
func (r *Reply) ProviderFinishReason() string {
	return r.Proto.GetCompletion().GetProviderFinishReason()
}

// Complete tells whether this is the whole answer, not a part of a stream's.
func (r *Reply) Complete() bool { return r.Proto.GetCompletion() != nil }

// Origin is the provider and the model that answered. It may be nil, of which all getters give nothing.
func (r *Reply) Origin() *v1.Origin { return r.Proto.GetMessage().GetOrigin() }

// Usage is the tokens it took. It may be nil, of which all getters give 0.
func (r *Reply) Usage() *v1.Usage { return r.Proto.GetCompletion().GetUsage() }

// Cost is what it cost, in nano-dollars, by the gateway's price list; nil if a price is not known.
func (r *Reply) Cost() *v1.Cost { return r.Proto.GetCompletion().GetCost() }

// Warnings are what the gateway wants the caller to know: fields left out, defaults applied, odd output.
func (r *Reply) Warnings() []*v1.Warning { return r.Proto.GetCompletion().GetWarnings() }

// RouteReport tells where the call went: every attempt, those that did not answer among them. It may be nil, of which all
// getters give nothing.
func (r *Reply) RouteReport() *v1.RouteReport { return r.Proto.GetCompletion().GetRouteReport() }

// String is for logs; it has nothing of what was said.
func (r *Reply) String() string {
	return fmt.Sprintf("Reply{id: %q, provider: %q, model: %q, finish_reason: %q, request_id: %q}",
		r.Proto.GetId(), r.Origin().GetProvider(), r.Origin().GetModel(), r.FinishReason(), r.RequestID)
}

// FinishReason tells why an answer ended.
type FinishReason string

// Why answers end: see the contract's enum of the same name.
const (
	FinishStop            FinishReason = "stop"
	FinishStopSequence    FinishReason = "stop_sequence"
	FinishMaxOutputTokens FinishReason = "max_output_tokens"
	FinishContextWindow   FinishReason = "context_window"
	FinishToolUse         FinishReason = "tool_use"
	FinishPause           FinishReason = "pause"
	FinishRefusal         FinishReason = "refusal"
	FinishContentFilter   FinishReason = "content_filter"
	FinishCompaction      FinishReason = "compaction"
	FinishOther           FinishReason = "other"
)

// ToolCall is a call of one of the caller's tools.
type ToolCall struct {
	// Proto is all that came.
	Proto *v1.ToolUseBlock
}

// ID is what the result has to name.
func (c ToolCall) ID() string { return c.Proto.GetId() }

// Name is the tool's name.
func (c ToolCall) Name() string { return c.Proto.GetName() }

// ArgumentsJSON is the arguments as the model wrote them, byte for byte. Not always JSON; empty stands for no arguments.
func (c ToolCall) ArgumentsJSON() string { return c.Proto.GetInputJson() }

// Arguments puts the arguments into a variable, as json.Unmarshal does. It fails if they are not JSON, or cut short.
func (c ToolCall) Arguments(into any) error {
	text := c.ArgumentsJSON()
	if text == "" {
		text = "{}"
	}
	return json.Unmarshal([]byte(text), into)
}

// Result makes the block that answers this call.
func (c ToolCall) Result(content ...Block) Block {
	return toolResult(c.ID(), c.Proto.GetToolsetName(), nil, content)
}

// Failure makes the block that answers this call if the tool failed.
func (c ToolCall) Failure(content ...Block) Block {
	failed := true
	return toolResult(c.ID(), c.Proto.GetToolsetName(), &failed, content)
}

// TokenCount is how many tokens an input has.
type TokenCount struct {
	// Proto is all that came.
	Proto *v1.CountTokensResponse
	// RequestID is the call's id, to look it up in the gateway's log.
	RequestID string
}

// InputTokens are the tokens.
func (c *TokenCount) InputTokens() int { return int(c.Proto.GetInputTokens()) }

// Method tells who counted: "provider", "tokenizer" or "estimate"; "other" if this package does not know the word.
func (c *TokenCount) Method() string {
	return word(v1.CountMethod_name, int32(c.Proto.GetMethod()), "COUNT_METHOD_")
}

// word is an enum's value in small letters and without its prefix; "other" if it is newer than this package.
func word(names map[int32]string, number int32, prefix string) string {
	if number == 0 {
		return ""
	}
	name, known := names[number]
	if !known {
		return "other"
	}
	return strings.ToLower(strings.TrimPrefix(name, prefix))
}
