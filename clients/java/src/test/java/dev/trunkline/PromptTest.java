package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.TextFormat;
import dev.trunkline.v1.ChatInput;
import dev.trunkline.v1.ChatRequest;
import dev.trunkline.v1.DocumentBlock;
import dev.trunkline.v1.Message;
import dev.trunkline.v1.Route;
import dev.trunkline.v1.ToolChoiceMode;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What prompts and helpers make: messages of the contract, and nothing more than was said. */
final class PromptTest {
  private static final byte[] BYTES = {1, 2};

  private static void assertRequest(String expected, Prompt prompt) throws Exception {
    assertEquals(
        TextFormat.parse(expected, ChatRequest.class), prompt.chatRequest("default/model"));
  }

  @Test
  void whatIsNotSetIsNotSent() throws Exception {
    assertRequest(
        """
        input {
          model: "default/model"
          messages { role: ROLE_USER content { text { text: "Hello" } } }
        }
        """,
        Prompt.of("Hello"));
  }

  @Test
  void whatIsSetIsSent() throws Exception {
    assertRequest(
        """
        input {
          model: "p/m"
          system { text { text: "Be brief." } }
          messages { role: ROLE_USER content { text { text: "Hello" } } }
          tools { function { name: "t" description: "d" input_schema_json: "{ }" } }
          tools { provider_defined { provider_type: "anthropic" raw_json: "{}" } }
          tool_choice { tool_name: "t" }
          generation { max_output_tokens: 0 temperature: 0 stop_sequences: "a" stop_sequences: "b" seed: 7 }
          reasoning { mode: REASONING_MODE_BUDGET budget_tokens: 9 effort: "low" }
          output_format { json_schema { schema_json: "{}" } }
          end_user_id: "u"
          provider_options_json { key: "anthropic" value: "{\\"x\\": 1.0}" }
        }
        routing {
          route_name: "r"
          unsupported_fields: UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
          metadata { key: "team" value: "search" }
          affinity_key: "a"
          coalescing_key: "c"
        }
        """,
        Prompt.of("Hello")
            .model("p/m")
            .system("Be brief.")
            .tools(Tools.tool("t", "d", "{ }"), Tools.providerTool("anthropic", "{}"))
            .toolChoice(Tools.choice("t"))
            .maxOutputTokens(0)
            .temperature(0)
            .stopSequences("a", "b")
            .generation(params -> params.setSeed(7))
            .reasoning(9)
            .effort("low")
            .outputFormat(Tools.jsonSchema("{}"))
            .with(input -> input.setEndUserId("u"))
            .providerOptions("anthropic", "{\"x\": 1.0}")
            .route("r")
            .dropUnsupportedFields()
            .routeMetadata(Map.of("team", "search"))
            .routing(options -> options.setAffinityKey("a"))
            .coalescingKey("c"));
  }

  @Test
  void theLastWordCounts() throws Exception {
    assertRequest(
        """
        input {
          model: "b"
          system { text { text: "2" } }
          tool_choice { mode: TOOL_CHOICE_MODE_NONE }
          reasoning { mode: REASONING_MODE_DISABLED }
          output_format { json_object {} }
        }
        routing { route { target { provider: "p" } } }
        """,
        Prompt.of(ChatInput.newBuilder().setModel("a").build())
            .model("b")
            .system("1")
            .system("2")
            .toolChoice(Tools.choice("t"))
            .toolChoice(Tools.choice(ToolChoiceMode.TOOL_CHOICE_MODE_NONE))
            .reasoning(true)
            .reasoning(false)
            .outputFormat(Tools.jsonObject())
            .route("r")
            .route(TextFormat.parse("target { provider: 'p' }", Route.class)));
  }

  @Test
  void aPromptNeverChanges() {
    Prompt prompt = Prompt.of("Hello");
    ChatRequest before = prompt.chatRequest("m");
    prompt.model("other").system("Be brief.").temperature(1).route("r").allowRestart();
    assertEquals(before, prompt.chatRequest("m"));
    assertFalse(prompt.streamChatRequest("m").getAllowRestart());
    assertEquals(before.getInput(), prompt.countTokensRequest("m").getInput());
  }

  @Test
  void blocks() throws Exception {
    Message expected =
        TextFormat.parse(
            """
            role: ROLE_USER
            content { text { text: "Look:" } }
            content { image { media { data: "\\001\\002" } } }
            content { image { media { url: "https://example.com/cat.png" } } }
            content { image { media { file_id: "f" } } }
            content { audio { media { data: "\\001\\002" media_type: "audio/wav" } } }
            content { document { media { data: "\\001\\002" media_type: "application/pdf" } title: "T" } }
            content { document { text: "Green." title: "T" } }
            content { document { content { blocks { text { text: "x" } } } } }
            content {
              search_result { source: "s" title: "T" content { text { text: "p" } } citations_enabled: true }
            }
            content { text { text: "long" } cache_control { ttl: "1h" } }
            content { text { text: "short" } cache_control {} }
            """,
            Message.class);
    DocumentBlock.Builder document = DocumentBlock.newBuilder();
    document.getContentBuilder().addBlocks(Blocks.text("x"));
    assertEquals(
        expected,
        Messages.user(
            "Look:",
            Blocks.image(BYTES),
            Blocks.image("https://example.com/cat.png"),
            Blocks.image(Blocks.file("f")),
            Blocks.audio(BYTES, "audio/wav"),
            Blocks.document(Blocks.media(BYTES, "application/pdf"), "T"),
            Blocks.document("Green.", "T"),
            Blocks.document(document),
            Blocks.searchResult("s", "T", "p"),
            Blocks.cached(Blocks.text("long"), "1h"),
            Blocks.cached(Blocks.text("short"))));
    assertThrows(IllegalArgumentException.class, () -> Blocks.image("cat.png"));
  }

  @Test
  void toolCallsAndTheirResults() throws Exception {
    Message called = Messages.assistant("Well.", Blocks.toolUse("c", "t", "{\"a\": 1}"));
    ToolCall call = new ToolCall(called.getContent(1).getToolUse());
    assertEquals("{\"a\": 1}", call.argumentsJson());
    assertEquals("{}", new ToolCall(Blocks.toolUse("c", "t", "").getToolUse()).argumentsJson());
    Message expected =
        TextFormat.parse(
            """
            role: ROLE_TOOL
            content { tool_result { tool_use_id: "c" content { text { text: "18" } } } }
            content { tool_result { tool_use_id: "c" content { text { text: "no" } } is_error: true } }
            content { tool_result { tool_use_id: "d" content { text { text: "x" } } } }
            """,
            Message.class);
    assertEquals(
        expected,
        Messages.toolResults(call.result("18"), call.error("no"), Blocks.toolResult("d", "x")));
  }
}
