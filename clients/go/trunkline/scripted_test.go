package trunkline_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"trunkline.dev/go/trunkline"
	v1 "trunkline.dev/go/trunkline/v1"
)

// scripted is a server that does what a test says, and remembers what it was asked.
type scripted struct {
	v1.UnimplementedChatServiceServer
	v1.UnimplementedEmbeddingServiceServer
	v1.UnimplementedModelServiceServer
	address string

	mutex    sync.Mutex
	requests []any
	metadata []metadata.MD
	// What StreamChat does; nil means to answer with "Hello".
	onStream func(grpc.ServerStreamingServer[v1.StreamChatResponse]) error
	pages    []*v1.ListModelsResponse
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	return newScriptedWith(t, nil)
}

func newScriptedWith(t *testing.T, checks healthpb.HealthServer) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 * mib))
	s := &scripted{address: listener.Addr().String()}
	v1.RegisterChatServiceServer(server, s)
	v1.RegisterEmbeddingServiceServer(server, s)
	v1.RegisterModelServiceServer(server, s)
	if checks != nil {
		healthpb.RegisterHealthServer(server, checks)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return s
}

func (s *scripted) client(t *testing.T, options ...trunkline.Option) *trunkline.Client {
	t.Helper()
	return client(t, s.address, append([]trunkline.Option{trunkline.WithModel("m")}, options...)...)
}

// remember returns how often it was asked so far.
func (s *scripted) remember(ctx context.Context, request any) int {
	asked, _ := metadata.FromIncomingContext(ctx)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests = append(s.requests, request)
	s.metadata = append(s.metadata, asked)
	return len(s.requests)
}

func (s *scripted) last() (any, metadata.MD) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.requests[len(s.requests)-1], s.metadata[len(s.metadata)-1]
}

func (s *scripted) asked() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.requests)
}

func (s *scripted) Chat(ctx context.Context, request *v1.ChatRequest) (*v1.ChatResponse, error) {
	s.remember(ctx, request)
	return &v1.ChatResponse{Completion: &v1.Completion{FinishReason: v1.FinishReason_FINISH_REASON_STOP}}, nil
}

func (s *scripted) CountTokens(ctx context.Context, request *v1.CountTokensRequest) (*v1.CountTokensResponse, error) {
	s.remember(ctx, request)
	return &v1.CountTokensResponse{Method: 99}, nil
}

func (s *scripted) StreamChat(request *v1.StreamChatRequest, stream grpc.ServerStreamingServer[v1.StreamChatResponse]) error {
	s.remember(stream.Context(), request)
	if s.onStream != nil {
		return s.onStream(stream)
	}
	return send(stream, begin("Hel"), more("lo"), completion)
}

func (s *scripted) Embed(ctx context.Context, request *v1.EmbedRequest) (*v1.EmbedResponse, error) {
	s.remember(ctx, request)
	return &v1.EmbedResponse{}, nil
}

func (s *scripted) ListModels(ctx context.Context, request *v1.ListModelsRequest) (*v1.ListModelsResponse, error) {
	at := s.remember(ctx, request)
	if at > len(s.pages) {
		return nil, status.Error(codes.Internal, "no such page")
	}
	return s.pages[at-1], nil
}

func send(stream grpc.ServerStreamingServer[v1.StreamChatResponse], events ...*v1.ChatEvent) error {
	for _, event := range events {
		if err := stream.Send(&v1.StreamChatResponse{Events: []*v1.ChatEvent{event}}); err != nil {
			return err
		}
	}
	return nil
}

func begin(text string) *v1.ChatEvent {
	block := &v1.ContentBlock{Kind: &v1.ContentBlock_Text{Text: &v1.TextBlock{Text: text}}}
	return &v1.ChatEvent{Kind: &v1.ChatEvent_BlockStart{BlockStart: &v1.BlockStart{Block: block}}}
}

func more(text string) *v1.ChatEvent {
	delta := &v1.BlockDelta{Delta: &v1.BlockDelta_Text{Text: text}}
	return &v1.ChatEvent{Kind: &v1.ChatEvent_BlockDelta{BlockDelta: delta}}
}

var completion = &v1.ChatEvent{Kind: &v1.ChatEvent_Completion{Completion: &v1.Completion{}}}
