package trunkline

import (
	"context"

	v1 "trunkline.dev/go/trunkline/v1"
)

// WithDimensions says how many numbers each vector is to have, for models that can shorten theirs.
func WithDimensions(dimensions int) EmbedOption {
	return embedOption(func(s *settings) { s.embedding.Dimensions = s.number("Dimensions", dimensions) })
}

// WithTaskType says what the vectors are for, in the provider's own word, for example "RETRIEVAL_QUERY".
func WithTaskType(word string) EmbedOption {
	return embedOption(func(s *settings) { s.embedding.TaskType = word })
}

// Embeddings are a vector for each input, in their order.
type Embeddings struct {
	// Proto is all that came.
	Proto *v1.EmbedResponse
	// RequestID is the call's id, to look it up in the gateway's log.
	RequestID string
}

// Vectors are the vectors.
func (e *Embeddings) Vectors() [][]float32 {
	vectors := make([][]float32, len(e.Proto.GetEmbeddings()))
	for i, each := range e.Proto.GetEmbeddings() {
		vectors[i] = each.GetValues()
	}
	return vectors
}

// Origin is the provider and the model that answered.
func (e *Embeddings) Origin() *v1.Origin { return e.Proto.GetOrigin() }

// Usage is the tokens it took.
func (e *Embeddings) Usage() *v1.Usage { return e.Proto.GetUsage() }

// Cost is what it cost, in nano-dollars; nil if a price is not known.
func (e *Embeddings) Cost() *v1.Cost { return e.Proto.GetCost() }

// Warnings are what the gateway wants the caller to know.
func (e *Embeddings) Warnings() []*v1.Warning { return e.Proto.GetWarnings() }

// Embed turns texts into vectors. A provider that has no embeddings fails with a *CapabilityNotSupportedError.
func (c *Client) Embed(ctx context.Context, texts []string, options ...EmbedOption) (*Embeddings, error) {
	inputs := make([]*v1.EmbedInput, len(texts))
	for i, text := range texts {
		inputs[i] = &v1.EmbedInput{Kind: &v1.EmbedInput_Text{Text: text}}
	}
	return c.embed(ctx, inputs, options)
}

// EmbedTokens turns lists of tokens of the model's own vocabulary into vectors.
func (c *Client) EmbedTokens(ctx context.Context, tokens [][]int32, options ...EmbedOption) (*Embeddings, error) {
	inputs := make([]*v1.EmbedInput, len(tokens))
	for i, ids := range tokens {
		inputs[i] = &v1.EmbedInput{Kind: &v1.EmbedInput_Tokens{Tokens: &v1.TokenIds{Ids: ids}}}
	}
	return c.embed(ctx, inputs, options)
}

func (c *Client) embed(ctx context.Context, inputs []*v1.EmbedInput, options []EmbedOption) (*Embeddings, error) {
	s := &settings{}
	for _, option := range options {
		option.embed(s)
	}
	input, request := s.chatInput(c.model), &s.embedding
	request.Model, request.EndUserId = input.GetModel(), input.GetEndUserId()
	request.ProviderOptionsJson = input.GetProviderOptionsJson()
	request.Inputs, request.Routing = inputs, s.routingOptions()
	response, requestID, err := invoke(ctx, c, s, c.EmbeddingService().Embed, request)
	if err != nil {
		return nil, err
	}
	return &Embeddings{response, requestID}, nil
}
