package trunkline

import (
	"cmp"
	"context"
	"crypto/tls"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	v1 "trunkline.dev/go/trunkline/v1"
)

const (
	defaultAddress = "127.0.0.1:50051"
	defaultTimeout = 600 * time.Second
)

// Client is a client of the gateway. Goroutines may share one.
type Client struct {
	conn        *grpc.ClientConn
	model       string
	metadata    metadata.MD
	timeout     time.Duration
	credentials credentials.TransportCredentials
	dialOptions []grpc.DialOption
}

// New makes a client; it connects with the first call. The address is host:port of the gateway, or any target of gRPC's; if
// it is empty, the environment variable TRUNKLINE_ADDRESS has it, or else it is 127.0.0.1:50051. A name is resolved by DNS,
// and if it stands for several gateways, calls go to all of them that are healthy, in turn.
func New(address string, options ...Option) (*Client, error) {
	c := &Client{metadata: metadata.MD{}, timeout: defaultTimeout, credentials: insecure.NewCredentials()}
	for _, option := range options {
		option.client(c)
	}
	address = cmp.Or(address, os.Getenv("TRUNKLINE_ADDRESS"), defaultAddress)
	target, err := targetOf(address)
	if err != nil {
		return nil, err
	}
	dial := append(dialOptions(target), grpc.WithTransportCredentials(c.credentials))
	c.conn, err = grpc.NewClient(target, append(dial, c.dialOptions...)...)
	return c, err
}

// WithTLS uses TLS; nil stands for the system's root certificates.
func WithTLS(config *tls.Config) Option { return WithCredentials(credentials.NewTLS(config)) }

// WithCredentials uses credentials of gRPC's for the connections.
func WithCredentials(credentials credentials.TransportCredentials) Option {
	return clientOption(func(c *Client) { c.credentials = credentials })
}

// WithTimeout is how long a call may take whose context has no deadline: 600 seconds, unless this says otherwise, and 0 for
// any time.
func WithTimeout(timeout time.Duration) Option {
	return clientOption(func(c *Client) { c.timeout = timeout })
}

// WithDialOptions adds options of the gRPC channel, stronger than those of this package.
func WithDialOptions(options ...grpc.DialOption) Option {
	return clientOption(func(c *Client) { c.dialOptions = append(c.dialOptions, options...) })
}

// Close closes the connections. Calls in flight are cancelled.
func (c *Client) Close() error { return c.conn.Close() }

// Conn is the client's channel, for other stubs.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// ChatService is the generated stub, for what this package has no words for.
func (c *Client) ChatService() v1.ChatServiceClient { return v1.NewChatServiceClient(c.conn) }

// EmbeddingService is the generated stub.
func (c *Client) EmbeddingService() v1.EmbeddingServiceClient {
	return v1.NewEmbeddingServiceClient(c.conn)
}

// ModelService is the generated stub.
func (c *Client) ModelService() v1.ModelServiceClient { return v1.NewModelServiceClient(c.conn) }

// BatchService is the generated stub.
func (c *Client) BatchService() v1.BatchServiceClient { return v1.NewBatchServiceClient(c.conn) }

// Chat asks a model and waits for the whole answer. What to say is given among the options, in its order:
//
//	reply, err := client.Chat(ctx, trunkline.Text("Hello"), trunkline.WithMaxOutputTokens(100))
//	reply, err = client.Chat(ctx, question, reply.Message(), trunkline.Text("And of Spain?"))
//
// The error is an *APIError if the call failed, or another one if the request could not be made.
func (c *Client) Chat(ctx context.Context, options ...ChatOption) (*Reply, error) {
	s := chatSettings(options)
	request := &v1.ChatRequest{Input: s.chatInput(c.model), Routing: s.routingOptions()}
	response, requestID, err := invoke(ctx, c, s, c.ChatService().Chat, request)
	if err != nil {
		return nil, err
	}
	return &Reply{response, requestID}, nil
}

// CountTokens counts the tokens that the same options would cost Chat as input.
func (c *Client) CountTokens(ctx context.Context, options ...ChatOption) (*TokenCount, error) {
	s := chatSettings(options)
	request := &v1.CountTokensRequest{Input: s.chatInput(c.model), Routing: s.routingOptions()}
	response, requestID, err := invoke(ctx, c, s, c.ChatService().CountTokens, request)
	if err != nil {
		return nil, err
	}
	return &TokenCount{response, requestID}, nil
}

func chatSettings(options []ChatOption) *settings {
	s := &settings{}
	for _, option := range options {
		option.chat(s)
	}
	return s
}

// Stream asks a model and reads the answer as it is written. Nothing is sent until the stream is read.
func (c *Client) Stream(ctx context.Context, options ...StreamOption) *Stream {
	s := &settings{}
	for _, option := range options {
		option.stream(s)
	}
	request := &s.streaming
	request.Input, request.Routing = s.chatInput(c.model), s.routingOptions()
	ctx, requestID, err := c.withMetadata(ctx, s)
	stream := &Stream{requestID: requestID, request: request}
	stream.begin = func() error {
		if err != nil {
			return err
		}
		stream.ctx, stream.cancel = c.withDeadline(ctx)
		stream.call, err = c.ChatService().StreamChat(stream.ctx, request)
		if err != nil {
			return callError(stream.ctx, err, request, nil, requestID)
		}
		return nil
	}
	return stream
}
