package trunkline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	v1 "trunkline.dev/go/trunkline/v1"
)

// Accumulator adds the events of a stream up, for those who call the stub themselves; Stream has one of its own. The zero
// Accumulator is ready. It is not safe for concurrent use.
//
// Events and deltas of kinds that this package does not know are ignored, and so are deltas for such blocks. Opaque events
// and BlockDelta.provider_fields_json have no place in a response.
type Accumulator struct {
	start      *v1.StreamStart
	blocks     map[int32]*growingBlock
	completion *v1.Completion
}

// Add adds the next event; a restart discards what there is. The event may be in use afterwards, but must not change.
//
// It fails with a *ProtocolError, and then has not changed anything, if the event has no place in what came so far: a delta
// for a block that has not begun or is of another kind, or a block that begins twice.
func (a *Accumulator) Add(event *v1.ChatEvent) error {
	switch kind := event.GetKind().(type) {
	case *v1.ChatEvent_Start:
		a.start = kind.Start
	case *v1.ChatEvent_BlockStart:
		return a.begin(kind.BlockStart)
	case *v1.ChatEvent_BlockDelta:
		block := a.blocks[kind.BlockDelta.GetIndex()]
		if block == nil {
			return protocolError("a delta came for block %d, which has not begun", kind.BlockDelta.GetIndex())
		}
		return block.add(kind.BlockDelta)
	case *v1.ChatEvent_Completion:
		a.completion = kind.Completion
	case *v1.ChatEvent_Restart:
		*a = Accumulator{}
	}
	return nil
}

func (a *Accumulator) begin(start *v1.BlockStart) error {
	if a.blocks[start.GetIndex()] != nil {
		return protocolError("block %d began twice", start.GetIndex())
	}
	if a.blocks == nil {
		a.blocks = map[int32]*growingBlock{}
	}
	a.blocks[start.GetIndex()] = newGrowingBlock(start)
	return nil
}

// Complete tells whether the completion came: Response then holds the whole answer.
func (a *Accumulator) Complete() bool { return a.completion != nil }

// Usage is what is known of the usage so far: the completion's, or until that comes, the start's. It may be nil.
func (a *Accumulator) Usage() *v1.Usage {
	if a.completion != nil {
		return a.completion.GetUsage()
	}
	return a.start.GetUsage()
}

// Response is what the events so far add up to: a message of its own, which later events do not change. Its completion is
// nil until that came.
func (a *Accumulator) Response() *v1.ChatResponse {
	message := &v1.Message{Role: v1.Role_ROLE_ASSISTANT, Origin: proto.CloneOf(a.start.GetOrigin())}
	for _, block := range slices.SortedFunc(maps.Values(a.blocks), byIndex) {
		message.Content = append(message.Content, block.joined())
	}
	if origin := a.completion.GetOrigin(); origin != nil {
		message.Origin = proto.CloneOf(origin)
	}
	return &v1.ChatResponse{Id: a.start.GetId(), Message: message, Completion: proto.CloneOf(a.completion)}
}

func byIndex(a, b *growingBlock) int { return cmp.Compare(a.index, b.index) }

func protocolError(format string, args ...any) *ProtocolError {
	return &ProtocolError{&APIError{Code: codeUnknown, Message: fmt.Sprintf(format, args...)}}
}
