package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Objects;
import java.util.stream.StreamSupport;

/** The servers that tests/clients/cases.md speaks of. */
final class World {
  private World() {}

  /** What the environment says. */
  static String of(String variable) {
    return Objects.requireNonNull(
        System.getenv(variable), variable + " is not set: run make test-clients");
  }

  /** A client of the gateway, with a model that says what it was told. */
  static Trunkline gateway() {
    return Trunkline.builder().address(of("TRUNKLINE_ADDRESS")).model("simulator/text").build();
  }

  /** A client of the server that plays vectors. */
  static Trunkline vectors() {
    return Trunkline.connect(of("TRUNKLINE_VECTORS"));
  }

  /** The simulator's record of the calls that asked a model. */
  static List<JsonObject> received(String model) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(of("SIMULATOR_URL") + "/_simulator/calls")).build();
    String body = HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
    Iterable<JsonElement> calls =
        JsonParser.parseString(body).getAsJsonObject().getAsJsonArray("calls");
    return StreamSupport.stream(calls.spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .filter(
            call -> string(call, "method").equals("POST") && string(call, "model").equals(model))
        .toList();
  }

  /** The only call that asked a model. */
  static JsonObject onlyCall(String model) throws IOException, InterruptedException {
    List<JsonObject> calls = received(model);
    assertEquals(1, calls.size());
    return calls.get(0);
  }

  /** A member's text; empty if it is none. */
  static String string(JsonObject object, String member) {
    JsonElement value = object.get(member);
    return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
  }
}
