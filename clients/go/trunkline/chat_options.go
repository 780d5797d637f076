package trunkline

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "trunkline.dev/go/trunkline/v1"
)

// What is not given is not sent to the provider.

// WithMessages adds messages to the conversation, in its order: those of earlier turns, for example.
func WithMessages(messages ...Message) ChatOption {
	return chatOption(func(s *settings) {
		for _, each := range messages {
			s.add(each)
		}
	})
}

// WithSystem gives instructions that open the conversation.
func WithSystem(content ...Block) ChatOption {
	return chatOption(func(s *settings) {
		blocks, err := protos(content)
		s.fail(err)
		s.input.System = append(s.input.System, blocks...)
	})
}

// WithTools offers tools that the model may call.
func WithTools(tools ...Tool) ChatOption {
	return chatOption(func(s *settings) {
		for _, tool := range tools {
			s.fail(tool.err)
			if tool.Proto == nil {
				s.fail(errors.New("trunkline: a Tool without its Proto: use Function or ProviderTool"))
			}
			s.input.Tools = append(s.input.Tools, tool.Proto)
		}
	})
}

// WithToolChoice says whether and which tools the model is to call: AnyTool, NoTool, ThisTool.
func WithToolChoice(choice ToolChoice) ChatOption {
	return chatOption(func(s *settings) { s.toolChoice().Choice = choice.proto.GetChoice() })
}

// WithParallelToolCalls says whether the model may call several tools at once.
func WithParallelToolCalls(on bool) ChatOption {
	return chatOption(func(s *settings) { s.toolChoice().Parallel = &on })
}

// WithMaxOutputTokens allows at most so many tokens in the answer, reasoning included.
func WithMaxOutputTokens(tokens int) ChatOption {
	return chatOption(func(s *settings) { s.generation().MaxOutputTokens = s.number("MaxOutputTokens", tokens) })
}

// WithTemperature says how freely to sample, in the provider's own range.
func WithTemperature(temperature float64) ChatOption {
	return chatOption(func(s *settings) { s.generation().Temperature = &temperature })
}

// WithTopP samples from the smallest set of tokens whose probabilities add up to this.
func WithTopP(p float64) ChatOption {
	return chatOption(func(s *settings) { s.generation().TopP = &p })
}

// WithTopK samples from this many of the likeliest tokens.
func WithTopK(k int) ChatOption {
	return chatOption(func(s *settings) { s.generation().TopK = s.number("TopK", k) })
}

// WithStopSequences ends the answer before any of these.
func WithStopSequences(sequences ...string) ChatOption {
	return chatOption(func(s *settings) { s.generation().StopSequences = sequences })
}

// WithSeed makes sampling repeatable, as far as the provider can.
func WithSeed(seed int64) ChatOption {
	return chatOption(func(s *settings) { s.generation().Seed = &seed })
}

// WithPresencePenalty lowers the odds of tokens that appeared.
func WithPresencePenalty(penalty float64) ChatOption {
	return chatOption(func(s *settings) { s.generation().PresencePenalty = &penalty })
}

// WithFrequencyPenalty lowers the odds of tokens by how often they appeared.
func WithFrequencyPenalty(penalty float64) ChatOption {
	return chatOption(func(s *settings) { s.generation().FrequencyPenalty = &penalty })
}

// WithLogprobs asks how likely each token of the text was, and for so many of the likeliest tokens in each place: 0 to 20.
func WithLogprobs(top int) ChatOption {
	return chatOption(func(s *settings) {
		s.generation().Logprobs = proto.Bool(true)
		if top != 0 {
			s.generation().TopLogprobs = s.number("Logprobs", top)
		}
	})
}

// WithLogitBias raises or lowers the odds of tokens, by their ids in the model's own vocabulary.
func WithLogitBias(bias map[int32]float64) ChatOption {
	return chatOption(func(s *settings) { s.generation().LogitBias = maps.Clone(bias) })
}

// WithReasoning says whether to reason: as much as the model finds right, or not at all.
func WithReasoning(on bool) ChatOption {
	mode := v1.ReasoningMode_REASONING_MODE_DISABLED
	if on {
		mode = v1.ReasoningMode_REASONING_MODE_ADAPTIVE
	}
	return chatOption(func(s *settings) { s.reasoning().Mode = mode })
}

// WithReasoningBudget lets the model reason for at most so many tokens.
func WithReasoningBudget(tokens int) ChatOption {
	return chatOption(func(s *settings) {
		s.reasoning().Mode = v1.ReasoningMode_REASONING_MODE_BUDGET
		s.reasoning().BudgetTokens = s.number("ReasoningBudget", tokens)
	})
}

// WithReasoningDisplay says how to show the reasoning, in the provider's own word, for example "summarized".
func WithReasoningDisplay(display string) ChatOption {
	return chatOption(func(s *settings) { s.reasoning().Display = display })
}

// WithEffort says how hard to work, in the provider's own word, for example "low".
func WithEffort(effort string) ChatOption {
	return chatOption(func(s *settings) { s.reasoning().Effort = effort })
}

// WithOutputFormat gives the answer a form: JSONSchema, JSONObject.
func WithOutputFormat(format OutputFormat) ChatOption {
	return chatOption(func(s *settings) {
		s.fail(format.err)
		s.input.OutputFormat = format.Proto
	})
}

// WithCache caches the longest prefix that can be. To mark a certain one, see Block.Cached, which also explains ttl.
func WithCache(ttl string) ChatOption {
	return chatOption(func(s *settings) { s.input.CacheControl = &v1.CacheControl{Ttl: ttl} })
}

// WithServiceTier chooses the class of service, in the provider's own word.
func WithServiceTier(tier string) ChatOption {
	return chatOption(func(s *settings) { s.input.ServiceTier = tier })
}

// WithAnthropic gives what only Anthropic's API knows.
func WithAnthropic(options *v1.AnthropicOptions) ChatOption {
	return chatOption(func(s *settings) { s.input.Anthropic = options })
}

// WithOpenAI gives what only OpenAI's APIs know.
func WithOpenAI(options *v1.OpenAiOptions) ChatOption {
	return chatOption(func(s *settings) { s.input.Openai = options })
}

// WithGemini gives what only Gemini's API knows.
func WithGemini(options *v1.GeminiOptions) ChatOption {
	return chatOption(func(s *settings) { s.input.Gemini = options })
}

// WithInput gives the contract's own message, sent exactly as it is, in the place of all options that say what to ask.
func WithInput(input *v1.ChatInput) ChatOption {
	return chatOption(func(s *settings) { s.ownInput = input })
}

// WithRestart lets the gateway begin again with another attempt after it has sent something: see Stream.Restarts.
func WithRestart() StreamOption {
	return streamOption(func(s *settings) { s.streaming.AllowRestart = true })
}

// WithMaxEventDelay lets the gateway hold events back for so long, at most a second, to send more of them at once.
func WithMaxEventDelay(delay time.Duration) StreamOption {
	return streamOption(func(s *settings) { s.streaming.MaxEventDelay = durationpb.New(delay) })
}

func jsonOption(provider string, value any) (string, error) {
	text, err := jsonText(value)
	if err != nil {
		return "", fmt.Errorf("trunkline: provider options of %s: %w", provider, err)
	}
	return text, nil
}
