package trunkline

// What may be given to what. Blocks and Messages are ChatOptions, too: the order of those of one call is the order of the
// conversation.

// Option is a setting of a client: see New.
type Option interface{ client(*Client) }

// StreamOption is what Stream takes.
type StreamOption interface{ stream(*settings) }

// ChatOption is what Chat, Stream and CountTokens take.
type ChatOption interface {
	StreamOption
	chat(*settings)
}

// EmbedOption is what Embed and EmbedTokens take.
type EmbedOption interface{ embed(*settings) }

// ListOption is what ListModels takes.
type ListOption interface{ list(*settings) }

// CallOption is what all methods take.
type CallOption interface {
	ChatOption
	EmbedOption
	ListOption
	call(*settings)
}

// RequestOption is what all methods take that ask a model.
type RequestOption interface {
	ChatOption
	EmbedOption
}

// ClientAndCallOption is what New and all methods take; what a call says is stronger.
type ClientAndCallOption interface {
	Option
	CallOption
}

// ClientAndRequestOption is what New and all methods take that ask a model; what a call says is stronger.
type ClientAndRequestOption interface {
	Option
	RequestOption
}

type streamOption func(*settings)

func (o streamOption) stream(s *settings) { o(s) }

type chatOption func(*settings)

func (o chatOption) stream(s *settings) { o(s) }
func (o chatOption) chat(s *settings)   { o(s) }

type requestOption func(*settings)

func (o requestOption) stream(s *settings) { o(s) }
func (o requestOption) chat(s *settings)   { o(s) }
func (o requestOption) embed(s *settings)  { o(s) }

type embedOption func(*settings)

func (o embedOption) embed(s *settings) { o(s) }

type listOption func(*settings)

func (o listOption) list(s *settings) { o(s) }

type callOption func(*settings)

func (o callOption) stream(s *settings) { o(s) }
func (o callOption) chat(s *settings)   { o(s) }
func (o callOption) embed(s *settings)  { o(s) }
func (o callOption) list(s *settings)   { o(s) }
func (o callOption) call(s *settings)   { o(s) }

type clientOption func(*Client)

func (o clientOption) client(c *Client) { o(c) }

func (b Block) stream(s *settings) { s.say(b) }
func (b Block) chat(s *settings)   { s.say(b) }

func (m Message) stream(s *settings) { s.add(m) }
func (m Message) chat(s *settings)   { s.add(m) }
