package trunkline

import (
	"strings"

	"google.golang.org/protobuf/proto"

	v1 "trunkline.dev/go/trunkline/v1"
)

// growingBlock is a block that deltas are added to.
type growingBlock struct {
	index   int32
	content *v1.ContentBlock
	// What the deltas appended. Lists and the like are changed in content at once.
	appended strings.Builder
	// Whether input_text came, or input_json: a tool takes JSON or text, never both.
	hasInputText, hasInputJSON bool
}

func newGrowingBlock(start *v1.BlockStart) *growingBlock {
	content := proto.CloneOf(start.GetBlock())
	if content == nil {
		content = &v1.ContentBlock{}
	}
	return &growingBlock{index: start.GetIndex(), content: content}
}

func (b *growingBlock) add(delta *v1.BlockDelta) error {
	switch delta := delta.GetDelta().(type) {
	case nil: // a kind that is newer than this package
		return nil
	case *v1.BlockDelta_Opaque:
		b.content.OpaqueDeltas = append(b.content.OpaqueDeltas, delta.Opaque)
		return nil
	case *v1.BlockDelta_ProviderState:
		b.content.ProviderState = delta.ProviderState
		return nil
	case *v1.BlockDelta_BlockFieldsJson:
		return b.putFields(delta.BlockFieldsJson)
	}
	fits := true
	switch kind := b.content.GetKind().(type) {
	case nil: // a block that is newer than this package
	case *v1.ContentBlock_Text:
		fits = b.addToText(kind.Text, delta)
	case *v1.ContentBlock_Thinking:
		fits = b.addToThinking(kind.Thinking, delta)
	case *v1.ContentBlock_ToolUse:
		fits = b.addToToolUse(delta)
	case *v1.ContentBlock_Refusal:
		fits = b.append(delta.GetRefusal(), isRefusal(delta))
	default:
		fits = false
	}
	if !fits {
		return protocolError("a delta came for block %d, which is of another kind: %T for %T",
			b.index, delta.GetDelta(), b.content.GetKind())
	}
	return nil
}

func (b *growingBlock) append(piece string, fits bool) bool {
	if fits {
		b.appended.WriteString(piece)
	}
	return fits
}

func isRefusal(delta *v1.BlockDelta) bool {
	_, is := delta.GetDelta().(*v1.BlockDelta_Refusal)
	return is
}

func (b *growingBlock) addToText(text *v1.TextBlock, delta *v1.BlockDelta) bool {
	switch delta := delta.GetDelta().(type) {
	case *v1.BlockDelta_Text:
		return b.append(delta.Text, true)
	case *v1.BlockDelta_Citation:
		text.Citations = append(text.Citations, delta.Citation)
	case *v1.BlockDelta_Logprobs:
		text.Logprobs = append(text.Logprobs, delta.Logprobs.GetTokens()...)
	default:
		return false
	}
	return true
}

func (b *growingBlock) addToThinking(thinking *v1.ThinkingBlock, delta *v1.BlockDelta) bool {
	switch delta := delta.GetDelta().(type) {
	case *v1.BlockDelta_Thinking:
		return b.append(delta.Thinking, true)
	case *v1.BlockDelta_Signature:
		thinking.Signature = &delta.Signature
	default:
		return false
	}
	return true
}

func (b *growingBlock) addToToolUse(delta *v1.BlockDelta) bool {
	switch delta := delta.GetDelta().(type) {
	case *v1.BlockDelta_InputJson:
		fits := b.append(delta.InputJson, !b.hasInputText)
		b.hasInputJSON = b.hasInputJSON || fits
		return fits
	case *v1.BlockDelta_InputText:
		fits := b.append(delta.InputText, !b.hasInputJSON)
		b.hasInputText = b.hasInputText || fits
		return fits
	}
	return false
}

func (b *growingBlock) putFields(fields string) error {
	if before := b.content.GetProviderFieldsJson(); before != "" {
		var err error
		if fields, err = laidOver(before, fields); err != nil {
			return protocolError("what came as fields of block %d is no JSON object", b.index)
		}
	}
	b.content.ProviderFieldsJson = fields
	return nil
}

// joined is the block so far, as a message of its own.
func (b *growingBlock) joined() *v1.ContentBlock {
	block := proto.CloneOf(b.content)
	switch kind := block.GetKind().(type) {
	case *v1.ContentBlock_Text:
		kind.Text.Text += b.appended.String()
	case *v1.ContentBlock_Thinking:
		kind.Thinking.Text += b.appended.String()
	case *v1.ContentBlock_Refusal:
		kind.Refusal.Text += b.appended.String()
	case *v1.ContentBlock_ToolUse:
		if b.hasInputText {
			kind.ToolUse.InputText = proto.String(kind.ToolUse.GetInputText() + b.appended.String())
		} else {
			kind.ToolUse.InputJson += b.appended.String()
		}
	}
	return block
}
