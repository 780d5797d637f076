package trunkline

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	v1 "trunkline.dev/go/trunkline/v1"
)

// Tool is something that a model may call.
type Tool struct {
	// Proto is the contract's own message, with all that the functions here have no words for.
	Proto *v1.Tool
	err   error
}

// Function offers a function of the caller's. The model reads the description; the schema is the JSON Schema of its
// arguments: JSON text, which is sent byte for byte, or anything that json.Marshal writes as one. Nil means no arguments.
//
//	trunkline.Function("weather", "Weather of a city, now.", `{"type":"object","properties":{"city":{"type":"string"}}}`)
func Function(name, description string, schema any) Tool {
	text, err := jsonText(schema)
	if err != nil {
		err = fmt.Errorf("trunkline: schema of %s: %w", name, err)
	}
	function := &v1.FunctionTool{Name: name, InputSchemaJson: text}
	if description != "" {
		function.Description = &description
	}
	return Tool{&v1.Tool{Kind: &v1.Tool_Function{Function: function}}, err}
}

// Strict says whether a function's arguments must match the schema exactly.
func (t Tool) Strict(on bool) Tool {
	t.Proto = proto.CloneOf(t.Proto)
	if function := t.Proto.GetFunction(); function != nil {
		function.Strict = &on
	} else if t.err == nil {
		t.err = fmt.Errorf("trunkline: only a function of the caller's can be strict")
	}
	return t
}

// Cached marks the end of a prefix that the provider should cache: see Block.Cached.
func (t Tool) Cached(ttl string) Tool {
	t.Proto = proto.CloneOf(t.Proto)
	if t.Proto != nil {
		t.Proto.CacheControl = &v1.CacheControl{Ttl: ttl}
	}
	return t
}

// ProviderTool offers a tool that the provider defines or runs. The definition is the whole tool as the provider writes it:
//
//	trunkline.ProviderTool("anthropic", `{"type":"web_search_20250305","name":"web_search"}`)
func ProviderTool(providerType string, definition any) Tool {
	text, err := jsonText(definition)
	if err != nil {
		err = fmt.Errorf("trunkline: definition of a tool of %s: %w", providerType, err)
	}
	tool := &v1.ProviderTool{ProviderType: providerType, RawJson: text}
	return Tool{&v1.Tool{Kind: &v1.Tool_ProviderDefined{ProviderDefined: tool}}, err}
}

// ToolChoice says whether and which tools the model is to call.
type ToolChoice struct{ proto *v1.ToolChoice }

// AnyTool makes the model call at least one tool.
func AnyTool() ToolChoice { return toolMode(v1.ToolChoiceMode_TOOL_CHOICE_MODE_ANY) }

// AutoTool lets the model decide.
func AutoTool() ToolChoice { return toolMode(v1.ToolChoiceMode_TOOL_CHOICE_MODE_AUTO) }

// NoTool lets the model call none.
func NoTool() ToolChoice { return toolMode(v1.ToolChoiceMode_TOOL_CHOICE_MODE_NONE) }

// ThisTool makes the model call a certain tool.
func ThisTool(name string) ToolChoice {
	return ToolChoice{&v1.ToolChoice{Choice: &v1.ToolChoice_ToolName{ToolName: name}}}
}

func toolMode(mode v1.ToolChoiceMode) ToolChoice {
	return ToolChoice{&v1.ToolChoice{Choice: &v1.ToolChoice_Mode{Mode: mode}}}
}

// OutputFormat is the form that an answer must have.
type OutputFormat struct {
	// Proto is the contract's own message, with all that the functions here have no words for.
	Proto *v1.OutputFormat
	err   error
}

// JSONSchema asks for JSON of a given shape: JSON text, which is sent byte for byte, or anything that json.Marshal writes
// as a JSON Schema. The name is for providers that want one, and may be empty.
func JSONSchema(schema any, name string) OutputFormat {
	text, err := jsonText(schema)
	if err != nil {
		err = fmt.Errorf("trunkline: schema of the answer: %w", err)
	}
	form := &v1.JsonSchemaFormat{SchemaJson: text, Name: name}
	return OutputFormat{&v1.OutputFormat{Format: &v1.OutputFormat_JsonSchema{JsonSchema: form}}, err}
}

// Strict says whether the schema binds exactly.
func (f OutputFormat) Strict(on bool) OutputFormat {
	f.Proto = proto.CloneOf(f.Proto)
	if schema := f.Proto.GetJsonSchema(); schema != nil {
		schema.Strict = &on
	} else if f.err == nil {
		f.err = fmt.Errorf("trunkline: only a JSON Schema can be strict")
	}
	return f
}

// JSONObject asks for a JSON object of any shape.
func JSONObject() OutputFormat {
	return OutputFormat{Proto: &v1.OutputFormat{Format: &v1.OutputFormat_JsonObject{JsonObject: &v1.JsonObjectFormat{}}}}
}
