package trunkline

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	v1 "trunkline.dev/go/trunkline/v1"
)

// Block is a piece of content. Given to Chat by itself it is the user's, unless it is a tool's result; neighbouring blocks
// make one message, so that the results of one reply's tool calls stay together.
//
// A mistake in what a block was made of is told by the call that it is given to.
type Block struct {
	// Proto is the contract's own message, with all that the functions here have no words for.
	Proto *v1.ContentBlock
	err   error
}

// Message is one turn of a conversation.
type Message struct {
	// Proto is the contract's own message.
	Proto *v1.Message
	err   error
}

// User writes a message of the user's.
func User(content ...Block) Message { return message(v1.Role_ROLE_USER, content) }

// Assistant writes a message of the model's: for examples, or for an answer to be gone on with. To send back what a model
// really said, use Reply.Message, which has all of it.
func Assistant(content ...Block) Message { return message(v1.Role_ROLE_ASSISTANT, content) }

// System writes instructions for the middle of a conversation. Those that open it go to WithSystem.
func System(content ...Block) Message { return message(v1.Role_ROLE_SYSTEM, content) }

// ToolResults writes the message that answers the tool calls of one reply, all of them.
func ToolResults(results ...Block) Message { return message(v1.Role_ROLE_TOOL, results) }

// Named is the same message with the speaker's name, for providers that tell several users apart.
func (m Message) Named(name string) Message {
	m.Proto = proto.CloneOf(m.Proto)
	if m.Proto != nil {
		m.Proto.Name = name
	}
	return m
}

func message(role v1.Role, content []Block) Message {
	blocks, err := protos(content)
	return Message{&v1.Message{Role: role, Content: blocks}, err}
}

var errNoBlock = errors.New("trunkline: a Block without its Proto: use Text, Image and so on")

func protos(content []Block) ([]*v1.ContentBlock, error) {
	blocks := make([]*v1.ContentBlock, len(content))
	for i, block := range content {
		if block.err != nil {
			return nil, block.err
		}
		if block.Proto == nil {
			return nil, errNoBlock
		}
		blocks[i] = block.Proto
	}
	return blocks, nil
}

// Cached marks the end of a prefix that the provider should cache. How long is in the provider's own word: "5m" and "1h" on
// Anthropic; empty means its default.
func (b Block) Cached(ttl string) Block {
	b.Proto = proto.CloneOf(b.Proto)
	if b.Proto != nil {
		b.Proto.CacheControl = &v1.CacheControl{Ttl: ttl}
	}
	return b
}

// Text writes a text.
func Text(text string) Block {
	return Block{Proto: &v1.ContentBlock{Kind: &v1.ContentBlock_Text{Text: &v1.TextBlock{Text: text}}}}
}

// JSON writes a text that is JSON, for example what a tool answers. Strings, bytes and json.RawMessage are JSON already
// and stay as they are.
func JSON(value any) Block {
	text, err := jsonText(value)
	block := Text(text)
	if err != nil {
		block.err = fmt.Errorf("trunkline: a block of JSON: %w", err)
	}
	return block
}

// SearchResult gives a passage that the caller's own search found.
func SearchResult(source, title string, passage []Block, options ...SearchResultOption) Block {
	blocks, err := protos(passage)
	result := &v1.SearchResultBlock{Source: source, Title: title, Content: blocks}
	for _, option := range options {
		option.searchResult(result)
	}
	return Block{&v1.ContentBlock{Kind: &v1.ContentBlock_SearchResult{SearchResult: result}}, err}
}

// ToolUse writes a tool call as if a model had made it. Arguments are written as JSON, unless they are JSON text already.
func ToolUse(id, name string, arguments any) Block {
	text, err := jsonText(arguments)
	if err != nil {
		err = fmt.Errorf("trunkline: arguments of %s: %w", name, err)
	}
	use := &v1.ToolUseBlock{Id: id, Name: name, InputJson: text}
	return Block{&v1.ContentBlock{Kind: &v1.ContentBlock_ToolUse{ToolUse: use}}, err}
}

// ToolResult answers a tool call. ToolCall.Result says the same with less.
func ToolResult(toolUseID string, content ...Block) Block {
	return toolResult(toolUseID, "", nil, content)
}

// ToolFailure answers a tool call whose tool failed. ToolCall.Failure says the same with less.
func ToolFailure(toolUseID string, content ...Block) Block {
	return toolResult(toolUseID, "", proto.Bool(true), content)
}

func toolResult(toolUseID, toolset string, isError *bool, content []Block) Block {
	blocks, err := protos(content)
	result := &v1.ToolResultBlock{ToolUseId: toolUseID, Content: blocks, IsError: isError, ToolsetName: toolset}
	return Block{&v1.ContentBlock{Kind: &v1.ContentBlock_ToolResult{ToolResult: result}}, err}
}
