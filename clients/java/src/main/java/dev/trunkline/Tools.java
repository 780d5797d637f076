package dev.trunkline;

import dev.trunkline.v1.FunctionTool;
import dev.trunkline.v1.JsonObjectFormat;
import dev.trunkline.v1.JsonSchemaFormat;
import dev.trunkline.v1.OutputFormat;
import dev.trunkline.v1.ProviderTool;
import dev.trunkline.v1.Tool;
import dev.trunkline.v1.ToolChoice;
import dev.trunkline.v1.ToolChoiceMode;

/** Short ways to write tools and output formats. Each returns a plain message of the contract. */
public final class Tools {
  private Tools() {}

  /**
   * A function of the caller's.
   *
   * @param name letters, digits, "_" and "-"
   * @param description what it does and when to call it: the model reads this
   * @param schemaJson the JSON Schema of its arguments, sent byte for byte
   */
  public static Tool tool(String name, String description, String schemaJson) {
    return tool(
        FunctionTool.newBuilder()
            .setName(name)
            .setDescription(description)
            .setInputSchemaJson(schemaJson));
  }

  /** A function of the caller's, with all that the contract knows. */
  public static Tool tool(FunctionTool.Builder function) {
    return Tool.newBuilder().setFunction(function).build();
  }

  /**
   * A tool that the provider defines or runs.
   *
   * @param providerType the kind of API that knows the tool, for example "anthropic"
   * @param definitionJson the whole tool as the provider writes it
   */
  public static Tool providerTool(String providerType, String definitionJson) {
    ProviderTool.Builder tool =
        ProviderTool.newBuilder().setProviderType(providerType).setRawJson(definitionJson);
    return Tool.newBuilder().setProviderDefined(tool).build();
  }

  /** The choice that the model calls no tool, at least one, or as it likes. */
  public static ToolChoice choice(ToolChoiceMode mode) {
    return ToolChoice.newBuilder().setMode(mode).build();
  }

  /** The choice that the model calls this tool, for certain. */
  public static ToolChoice choice(String toolName) {
    return ToolChoice.newBuilder().setToolName(toolName).build();
  }

  /** JSON of a given shape: a JSON Schema, sent byte for byte. */
  public static OutputFormat jsonSchema(String schemaJson) {
    return jsonSchema(JsonSchemaFormat.newBuilder().setSchemaJson(schemaJson));
  }

  /** JSON of a given shape, with all that the contract knows. */
  public static OutputFormat jsonSchema(JsonSchemaFormat.Builder format) {
    return OutputFormat.newBuilder().setJsonSchema(format).build();
  }

  /** A JSON object of any shape. */
  public static OutputFormat jsonObject() {
    return OutputFormat.newBuilder().setJsonObject(JsonObjectFormat.getDefaultInstance()).build();
  }
}
