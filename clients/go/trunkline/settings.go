package trunkline

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	v1 "trunkline.dev/go/trunkline/v1"
)

// settings is what the options of one call add up to.
type settings struct {
	err error // the first mistake

	input     v1.ChatInput
	gathering v1.Role // whose bare blocks the last message takes; unspecified if it takes none
	ownInput  *v1.ChatInput

	routing    v1.RoutingOptions
	ownRouting *v1.RoutingOptions

	streaming v1.StreamChatRequest // but for input and routing
	embedding v1.EmbedRequest      // but for what input has, too
	listing   v1.ListModelsRequest

	metadata  metadata.MD
	requestID *string
}

func (s *settings) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// add adds a message to the conversation.
func (s *settings) add(m Message) {
	switch {
	case m.err != nil:
		s.fail(m.err)
	case m.Proto == nil:
		s.fail(errors.New("trunkline: a Message without its Proto: use User, Assistant and so on"))
	default:
		s.input.Messages = append(s.input.Messages, m.Proto)
	}
	s.gathering = v1.Role_ROLE_UNSPECIFIED
}

// say adds a block to the conversation, to the message of its neighbours of the same role.
func (s *settings) say(b Block) {
	role := v1.Role_ROLE_USER
	if b.Proto.GetToolResult() != nil {
		role = v1.Role_ROLE_TOOL
	}
	blocks, err := protos([]Block{b})
	if err != nil {
		s.fail(err)
		return
	}
	if role != s.gathering {
		s.input.Messages = append(s.input.Messages, &v1.Message{Role: role})
		s.gathering = role
	}
	last := s.input.Messages[len(s.input.Messages)-1]
	last.Content = append(last.Content, blocks...)
}

func (s *settings) generation() *v1.GenerationParams {
	if s.input.Generation == nil {
		s.input.Generation = &v1.GenerationParams{}
	}
	return s.input.Generation
}

func (s *settings) reasoning() *v1.ReasoningParams {
	if s.input.Reasoning == nil {
		s.input.Reasoning = &v1.ReasoningParams{}
	}
	return s.input.Reasoning
}

func (s *settings) toolChoice() *v1.ToolChoice {
	if s.input.ToolChoice == nil {
		s.input.ToolChoice = &v1.ToolChoice{}
	}
	return s.input.ToolChoice
}

// number makes an int32 of an int, which the contract's numbers are.
func (s *settings) number(name string, value int) *int32 {
	if value < math.MinInt32 || value > math.MaxInt32 {
		s.fail(fmt.Errorf("trunkline: %s is out of range: %d", name, value))
		return nil
	}
	return proto.Int32(int32(value))
}

// chatInput is what to ask, and the client's model where no other is named.
func (s *settings) chatInput(defaultModel string) *v1.ChatInput {
	if s.ownInput != nil {
		if proto.Size(&s.input) > 0 {
			s.fail(errors.New("trunkline: WithInput stands for all of the input, but there is more of it"))
		}
		return s.ownInput
	}
	if s.input.Model == "" {
		s.input.Model = defaultModel
	}
	return &s.input
}

// routingOptions is where to ask; nil if the model says it all.
func (s *settings) routingOptions() *v1.RoutingOptions {
	ours := proto.Size(&s.routing) > 0
	switch {
	case s.ownRouting != nil && ours:
		s.fail(errors.New("trunkline: WithRouting stands for all of the routing, but there is more of it"))
	case s.ownRouting == nil && ours:
		return &s.routing
	}
	return s.ownRouting
}
