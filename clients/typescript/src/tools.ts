/** Short ways to write tools and output formats. Each returns a plain message of the contract. */

import { create } from "@bufbuild/protobuf";
import { given } from "./content.js";
import { type Json, jsonText } from "./json_text.js";
import { type OutputFormat, OutputFormatSchema, type Tool, ToolSchema } from "./v1.js";

/** What else to say of a tool. */
export interface ToolOptions {
  /** What it does and when to call it: the model reads this. */
  readonly description?: string | undefined;
  /** Whether the arguments must match the schema exactly. */
  readonly strict?: boolean | undefined;
}

/**
 * Offers a function of the caller's. What is rarer is in `kind.value` of the result, a FunctionTool.
 *
 * @param name - Letters, digits, "_" and "-".
 * @param schema - The JSON Schema of its arguments: an object, or JSON text, which is sent byte for byte.
 * @example tool("weather", { type: "object", properties: { city: { type: "string" } } }, { description: "Weather, now" })
 */
export function tool(name: string, schema: Json = "", options: ToolOptions = {}): Tool {
  const { description, strict } = options;
  const value = { name, inputSchemaJson: jsonText(schema), ...given({ description, strict }) };
  return create(ToolSchema, { kind: { case: "function", value } });
}

/**
 * Offers a tool that the provider defines or runs.
 *
 * @param providerType - The kind of API that knows the tool.
 * @param definition - The whole tool as the provider writes it.
 * @example providerTool("anthropic", { type: "web_search_20250305", name: "web_search", max_uses: 3 })
 */
export function providerTool(providerType: string, definition: Json): Tool {
  return create(ToolSchema, {
    kind: { case: "providerDefined", value: { providerType, rawJson: jsonText(definition) } },
  });
}

/** What else to say of an output format. */
export interface JsonSchemaOptions {
  /** A name for the shape, for providers that want one. */
  readonly name?: string | undefined;
  /** What the answer is for, for providers that take it. */
  readonly description?: string | undefined;
  /** Whether the schema binds exactly. */
  readonly strict?: boolean | undefined;
}

/**
 * Asks for JSON of a given shape.
 *
 * @param schema - The JSON Schema: an object, or JSON text, which is sent byte for byte.
 * @example client.chat("Paris?", { outputFormat: jsonSchema({ type: "object", properties: { country: {} } }) })
 */
export function jsonSchema(schema: Json, options: JsonSchemaOptions = {}): OutputFormat {
  const { name, description, strict } = options;
  const value = { schemaJson: jsonText(schema), ...given({ name, description, strict }) };
  return create(OutputFormatSchema, { format: { case: "jsonSchema", value } });
}

/**
 * Asks for a JSON object of any shape.
 *
 * @example client.chat("Three colours, as JSON.", { outputFormat: jsonObject() })
 */
export function jsonObject(): OutputFormat {
  return create(OutputFormatSchema, { format: { case: "jsonObject", value: {} } });
}
