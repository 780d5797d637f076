package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.trunkline.v1.Attempt;
import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.CountMethod;
import dev.trunkline.v1.EmbedInput;
import dev.trunkline.v1.EmbedRequest;
import dev.trunkline.v1.FinishReason;
import dev.trunkline.v1.ListModelsRequest;
import dev.trunkline.v1.Message;
import dev.trunkline.v1.Model;
import dev.trunkline.v1.Route;
import dev.trunkline.v1.RouteReport;
import dev.trunkline.v1.Target;
import dev.trunkline.v1.ThinkingBlock;
import dev.trunkline.v1.Tool;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The suite that the clients of all languages have: tests/clients/cases.md says what each case is.
 */
@ExtendWith(Report.class)
final class CasesTest {
  private static final byte[] PNG =
      HexFormat.of()
          .parseHex(
              "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
                  + "1f15c4890000000d49444154789c63f8cfc0f01f00050001ff56c7c15d0000000049454e44ae426082");
  private static final Tool WEATHER =
      Tools.tool(
          "weather", "", "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}");
  private static final int MIB = 1 << 20;
  private static final Trunkline CLIENT = World.gateway();

  @AfterAll
  static void close() {
    CLIENT.close();
  }

  @Test
  void chat() {
    Reply reply = CLIENT.withRequestId("case-chat").chat("Hello");
    assertEquals("You said: Hello", reply.text());
    assertEquals(FinishReason.FINISH_REASON_STOP, reply.finishReason());
    assertEquals("end_turn", reply.providerFinishReason());
    assertEquals("simulator", reply.origin().getProvider());
    assertTrue(reply.usage().getOutputTotal() > 0);
    assertEquals("case-chat", reply.requestId());
  }

  @Test
  void stream() {
    List<String> pieces = new ArrayList<>();
    try (ChatStream stream = CLIENT.stream("one two three")) {
      stream.text().forEach(pieces::add);
      Reply reply = stream.finish();
      assertEquals("You said: one two three", reply.text());
      assertTrue(reply.complete());
      assertTrue(reply.usage().getOutputTotal() > 0);
    }
    assertTrue(pieces.size() > 1);
    assertEquals("You said: one two three", String.join("", pieces));
  }

  @Test
  void toolsRoundTrip() {
    List<Function<Prompt, Reply>> ways = List.of(CLIENT::chat, CasesTest::streamed);
    for (Function<Prompt, Reply> way : ways) {
      Message question = Messages.user("What is the weather in Paris?");
      Reply asked = way.apply(Prompt.of(question).model("simulator/tools").tools(WEATHER));
      assertEquals(FinishReason.FINISH_REASON_TOOL_USE, asked.finishReason());
      assertEquals(
          List.of("weather", "weather"), asked.toolCalls().stream().map(ToolCall::name).toList());
      for (ToolCall call : asked.toolCalls()) {
        assertTrue(JsonParser.parseString(call.argumentsJson()).getAsJsonObject().has("city"));
      }
      Message results =
          Messages.toolResults(
              asked.toolCalls().stream().map(call -> call.result("18 degrees")).toList());
      Reply reply =
          way.apply(
              Prompt.of(question, asked.message(), results)
                  .model("simulator/tools")
                  .tools(WEATHER));
      assertTrue(reply.text().contains("18 degrees"));
      assertEquals(FinishReason.FINISH_REASON_STOP, reply.finishReason());
    }
  }

  private static Reply streamed(Prompt prompt) {
    try (ChatStream stream = CLIENT.stream(prompt)) {
      return stream.finish();
    }
  }

  @Test
  void image() throws Exception {
    Message message = Messages.user("What is this?", Blocks.image(PNG));
    CLIENT.chat(Prompt.of(message).model("simulator/image-java").maxOutputTokens(1000));
    JsonObject source = content(World.onlyCall("image-java"), 0, "image").getAsJsonObject("source");
    assertEquals("base64", World.string(source, "type"));
    assertEquals("image/png", World.string(source, "media_type"));
    assertArrayEquals(PNG, Base64.getDecoder().decode(World.string(source, "data")));
  }

  private static JsonObject content(JsonObject call, int message, String type) {
    JsonArray messages = call.getAsJsonObject("json").getAsJsonArray("messages");
    Iterable<JsonElement> blocks =
        messages.get(message).getAsJsonObject().getAsJsonArray("content");
    return StreamSupport.stream(blocks.spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .filter(block -> World.string(block, "type").equals(type))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void thinkingRoundTrip() throws Exception {
    Prompt prompt = Prompt.of("Hello").model("simulator/thinking").reasoning(true);
    Reply reply = streamed(prompt.with(input -> input.setEndUserId("thinking-java")));
    assertEquals("You said: Hello", reply.text());
    assertFalse(reply.thinking().isEmpty());
    ThinkingBlock thinking = reply.message().getContent(0).getThinking();
    assertFalse(thinking.getSignature().isEmpty());
    Prompt again =
        Prompt.of(Messages.user("Hello"), reply.message(), Messages.user("Go on")).reasoning(true);
    CLIENT
        .withModel("simulator/thinking")
        .chat(again.with(input -> input.setEndUserId("again-java")));
    JsonObject call =
        World.received("thinking").stream()
            .filter(each -> each.toString().contains("{\"user_id\":\"again-java\"}"))
            .findFirst()
            .orElseThrow();
    JsonObject sent = content(call, 1, "thinking");
    assertEquals(thinking.getText(), World.string(sent, "thinking"));
    assertEquals(thinking.getSignature(), World.string(sent, "signature"));
  }

  @Test
  void count() {
    TokenCount count = CLIENT.countTokens("Hello");
    assertTrue(count.inputTokens() > 0);
    assertEquals(CountMethod.COUNT_METHOD_PROVIDER, count.method());
  }

  @Test
  void embed() {
    EmbedRequest.Builder request = EmbedRequest.newBuilder().setDimensions(8);
    request.addInputs(EmbedInput.newBuilder().setText("one"));
    request.addInputs(EmbedInput.newBuilder().setText("another"));
    Embeddings all = CLIENT.withModel("openai/text-embedding-3-small").embed(request.build());
    assertEquals(2, all.size());
    assertEquals(8, all.vector(0).length);
    assertEquals(8, all.vectors().get(1).length);
    assertFalse(Arrays.equals(all.vector(0), all.vector(1)));
    assertEquals(1, CLIENT.withModel("openai/text-embedding-3-small").embed("one").size());
  }

  @Test
  void listModels() {
    ModelList models =
        CLIENT.listModels(ListModelsRequest.newBuilder().setProvider("simulator").build());
    Model text =
        models.models().stream()
            .filter(each -> each.getId().equals("text"))
            .findFirst()
            .orElseThrow();
    assertTrue(text.getContextWindow() > 0);
    assertEquals("text", CLIENT.getModel("simulator/text").getId());
    ListModelsRequest pages =
        ListModelsRequest.newBuilder().setProvider("simulator").setPageSize(2).build();
    assertEquals(models.models(), CLIENT.listModels(pages).models());
  }

  @Test
  void route() {
    Trunkline client = CLIENT.withModel("");
    assertEquals("You said: Hello", client.chat(Prompt.of("Hello").route("home")).text());
    assertEquals("You said: Hello", client.chat(Prompt.of("Hello").model("quick")).text());
  }

  @Test
  void ownRoute() {
    Trunkline client = CLIENT.withModel("");
    Prompt prompt =
        Prompt.of("Hello")
            .routeMetadata(Map.of("plan", "paid"))
            .affinityKey("a")
            .coalescingKey("own-route-java");
    Reply reply = client.chat(prompt.route(fallback("error-529-n1", "text")));
    assertEquals("You said: Hello", reply.text());
    assertEquals(List.of("error-529-n1", "text"), models(reply.routeReport()));
    assertEquals(529, reply.routeReport().getAttempts(0).getUpstreamStatus());
    UpstreamUnavailableException e =
        assertThrows(
            UpstreamUnavailableException.class,
            () -> client.chat(prompt.route(fallback("error-529-n1", "error-500-n1"))));
    assertEquals(List.of("error-529-n1", "error-500-n1"), models(e.routeReport().orElseThrow()));
  }

  private static Route fallback(String... models) {
    Route.Builder route = Route.newBuilder();
    for (String model : models) {
      route
          .getFallbackBuilder()
          .addRoutesBuilder()
          .getTargetBuilder()
          .setProvider("simulator")
          .setModel(model);
    }
    route.getCircuitBreakerBuilder().setConsecutiveFailures(0).setFailureRate(0);
    return route.build();
  }

  private static List<String> models(RouteReport report) {
    return report.getAttemptsList().stream().map(Attempt::getModel).toList();
  }

  @Test
  void key() throws Exception {
    Target.Builder target = Target.newBuilder().setProvider("simulator").setModel("key-java");
    CLIENT
        .withMetadata("authorization", "Bearer x")
        .chat(
            Prompt.of("Hello")
                .route(target.setApiKey("sk-of-java-1234").build())
                .maxOutputTokens(1000));
    JsonObject headers = World.onlyCall("key-java").getAsJsonObject("headers");
    assertTrue(World.string(headers, "x-api-key").endsWith("1234"));
  }

  @Test
  void deadline() {
    Trunkline client = CLIENT.withModel("simulator/silence").withTimeout(Duration.ofMillis(500));
    assertThrows(DeadlineExceededException.class, () -> client.chat("Hello"));
    try (ChatStream stream = client.stream("Hello")) {
      assertThrows(DeadlineExceededException.class, stream::finish);
    }
  }

  @Test
  void streamRestart() {
    try (Trunkline vectors = World.vectors().withModel("vectors/streams/restart_once");
        ChatStream stream = vectors.stream(Prompt.of("Hello").allowRestart())) {
      assertEquals("newer", stream.finish().text());
      assertEquals(1, stream.restarts());
    }
  }

  @Test
  void gatewayRestart() {
    Trunkline client = CLIENT.withModel("");
    Prompt prompt = Prompt.of("Hello").route("unsteady");
    try (ChatStream stream = client.stream(prompt.allowRestart())) {
      assertEquals("You said: Hello", stream.finish().text());
      assertEquals(1, stream.restarts());
    }
    try (ChatStream stream = client.stream(prompt)) {
      assertThrows(StreamInterruptedException.class, stream::finish);
    }
  }

  @Test
  void retry() {
    try (Trunkline vectors = World.vectors().withModel("vectors/retried/text");
        ChatStream stream = vectors.stream("Hello")) {
      assertTrue(stream.finish().text().startsWith("Hello, "));
      assertEquals(0, vectors.embed("Hello").size());
    }
  }

  @Test
  void largeMessage() {
    String text = "x".repeat(5 * MIB);
    assertEquals("You said: " + text, CLIENT.chat(text).text());
    Message message = streamed(Prompt.of("Hello").model("simulator/big-n5")).message();
    int longest =
        message.getContentList().stream()
            .map(ContentBlock::getServerToolResult)
            .mapToInt(result -> result.getContentJson().length())
            .max()
            .orElseThrow();
    assertTrue(longest >= 5 * MIB);
  }

  @Test
  void unknownValues() {
    try (Trunkline vectors = World.vectors()) {
      for (String name : List.of("event", "delta", "block", "enums", "fields")) {
        Prompt prompt = Prompt.of("Hello").model("vectors/streams/unknown_" + name).allowRestart();
        try (ChatStream stream = vectors.stream(prompt)) {
          Reply reply = stream.finish();
          assertTrue(reply.complete());
          if (name.equals("enums")) {
            assertEquals(FinishReason.FINISH_REASON_OTHER, reply.finishReason());
            assertEquals("tired", reply.providerFinishReason());
            assertEquals(List.of(), reply.toolCalls());
          }
        }
      }
    }
  }

  @Test
  void tls() throws Exception {
    TrunklineBuilder builder =
        Trunkline.builder().address(World.of("TRUNKLINE_TLS_ADDRESS")).model("simulator/text");
    try (Trunkline clear = builder.build();
        Trunkline system = builder.tls().build();
        Trunkline own = builder.tls(new File(World.of("TRUNKLINE_CA_FILE"))).build()) {
      assertEquals("You said: Hello", own.chat("Hello").text());
      assertThrows(GatewayUnreachableException.class, () -> clear.chat("Hello"));
      assertThrows(GatewayUnreachableException.class, () -> system.chat("Hello"));
    }
  }
}
