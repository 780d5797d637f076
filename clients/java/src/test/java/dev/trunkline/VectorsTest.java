package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.trunkline.v1.ChatEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The vectors that all clients share: what streams add up to, and which exceptions statuses become.
 */
@ExtendWith(Report.class)
@Tag("vectors")
final class VectorsTest {
  private static final String OWN_ID = "own-1";
  private static final Trunkline CLIENT = World.vectors().withRequestId(OWN_ID);

  static Stream<Vector> streams() {
    return Vector.all("streams");
  }

  static Stream<Vector> errors() {
    return Vector.all("errors");
  }

  @AfterAll
  static void close() {
    CLIENT.close();
  }

  private static Prompt prompt(Vector vector) {
    return Prompt.of("Hi").model("vectors/streams/" + vector.name()).allowRestart();
  }

  @ParameterizedTest
  @MethodSource("streams")
  void addsUp(Vector vector) throws Exception {
    Accumulator accumulator = new Accumulator();
    ProtocolException broken = null;
    try {
      vector.events().forEach(accumulator::add);
    } catch (ProtocolException e) {
      broken = e;
    }
    JsonObject error = vector.object("error");
    String nothing = "{\n  \"message\": {\n    \"role\": \"ROLE_ASSISTANT\"\n  }\n}";
    String expected = vector.answer(error == null ? "response" : "partial");
    assertEquals(
        expected.equals("none") ? nothing : expected, Vector.described(accumulator.response()));
    assertEquals(
        error != null && World.string(error, "class").equals("ProtocolError"), broken != null);
    assertTrue(error != null || accumulator.complete());
  }

  @ParameterizedTest
  @MethodSource("streams")
  void streams(Vector vector) throws Exception {
    JsonArray texts = new JsonArray();
    ApiException error = null;
    try (ChatStream stream = CLIENT.stream(prompt(vector))) {
      try {
        stream.text().forEach(texts::add);
        assertEquals(vector.answer("response"), Vector.described(stream.response().proto()));
      } catch (ApiException e) {
        error = e;
      }
      assertEquals(vector.data().get("restarts").getAsInt(), stream.restarts());
    }
    assertEquals(vector.array("texts"), texts);
    checkEnd(vector, error);
  }

  @ParameterizedTest
  @MethodSource("streams")
  void callsBack(Vector vector) throws Exception {
    JsonArray texts = new JsonArray();
    List<ChatEvent> restarts = new ArrayList<>();
    StreamListener listener =
        new StreamListener() {
          @Override
          public void onText(String piece) {
            texts.add(piece);
          }

          @Override
          public void onEvent(ChatEvent event) {
            if (event.hasRestart()) {
              restarts.add(event);
            }
          }
        };
    ApiException error = null;
    try {
      Reply reply = CLIENT.stream(prompt(vector), listener).join();
      assertEquals(vector.answer("response"), Vector.described(reply.proto()));
    } catch (CompletionException e) {
      error = assertInstanceOf(ApiException.class, e.getCause());
    }
    assertEquals(vector.data().get("restarts").getAsInt(), restarts.size());
    assertEquals(vector.array("texts"), texts);
    checkEnd(vector, error);
  }

  private static void checkEnd(Vector vector, ApiException error)
      throws InvalidProtocolBufferException {
    assertEquals(vector.object("error") == null, error == null);
    if (error != null) {
      check(vector, error);
      String partial =
          error.partial().isPresent() ? Vector.described(error.partial().get().proto()) : "none";
      assertEquals(vector.answer("partial"), partial);
    }
  }

  @ParameterizedTest
  @MethodSource("errors")
  void fails(Vector vector) {
    Trunkline client = CLIENT.withModel("vectors/errors/" + vector.name());
    check(vector, assertThrows(ApiException.class, () -> client.chat("Hi")));
    try (ChatStream stream = client.stream("Hi")) {
      check(vector, assertThrows(ApiException.class, stream::finish));
    }
  }

  @Test
  void answersInOnePiece() throws Exception {
    Vector vector =
        streams().filter(each -> each.name().equals("several_blocks")).findFirst().orElseThrow();
    assertEquals(vector.answer("response"), Vector.described(CLIENT.chat(prompt(vector)).proto()));
  }

  private static void check(Vector vector, ApiException error) {
    JsonObject expected = vector.object("error").deepCopy();
    JsonObject found = described(error);
    for (String free : List.of("code", "message")) {
      if (expected.get(free).isJsonNull()) {
        expected.add(free, found.get(free));
      }
    }
    if (expected.get("request_id").isJsonNull()) {
      expected.addProperty("request_id", OWN_ID);
    }
    assertEquals(expected, found);
  }

  private static JsonObject described(ApiException error) {
    JsonObject found = new JsonObject();
    String name = error.getClass().getSimpleName().replaceAll("Exception$", "Error");
    found.addProperty("class", name.equals("ApiError") ? "APIError" : name);
    found.addProperty("reason", error.reason());
    found.addProperty("code", error.code().name());
    found.addProperty("message", error.getMessage());
    found.addProperty("retryable", error.retryable());
    found.add("retry_after_seconds", JsonNull.INSTANCE);
    error
        .retryAfter()
        .ifPresent(delay -> found.addProperty("retry_after_seconds", delay.toNanos() / 1e9));
    found.addProperty("provider", error.provider());
    found.addProperty("model", error.model());
    found.addProperty("request_id", error.requestId());
    found.addProperty("resource", error.resource());
    JsonArray fields = new JsonArray();
    for (Violation violation : error.violations()) {
      JsonObject field = new JsonObject();
      field.addProperty("field", violation.field());
      field.addProperty("description", violation.description());
      fields.add((JsonElement) field);
    }
    found.add("fields", fields);
    JsonObject metadata = new JsonObject();
    error.metadata().forEach(metadata::addProperty);
    found.add("metadata", metadata);
    return found;
  }
}
