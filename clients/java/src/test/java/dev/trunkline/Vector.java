package dev.trunkline;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.trunkline.v1.ChatEvent;
import dev.trunkline.v1.ChatResponse;
import dev.trunkline.v1.StreamChatResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a server does, and what a client makes of it: tests/clients/vectors/README.md explains it.
 */
record Vector(String name, JsonObject data) {
  static Stream<Vector> all(String kind) {
    try (Stream<Path> files = Files.list(Path.of(World.of("TRUNKLINE_VECTORS_DIR"), kind))) {
      return files.sorted().map(Vector::read).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Vector read(Path file) {
    try {
      String name = file.getFileName().toString().replace(".json", "");
      return new Vector(name, JsonParser.parseString(Files.readString(file)).getAsJsonObject());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All events of the messages, in order. */
  List<ChatEvent> events() throws InvalidProtocolBufferException {
    List<ChatEvent> events = new ArrayList<>();
    for (JsonElement each : array("messages")) {
      StreamChatResponse.Builder message = StreamChatResponse.newBuilder();
      JsonFormat.parser().merge(each.toString(), message);
      events.addAll(message.getEventsList());
    }
    for (JsonElement each : array("messages_base64")) {
      events.addAll(
          StreamChatResponse.parseFrom(Base64.getDecoder().decode(each.getAsString()))
              .getEventsList());
    }
    return events;
  }

  JsonArray array(String member) {
    return data.has(member) ? data.getAsJsonArray(member) : new JsonArray();
  }

  /** The object of that name; null if it is null or not there. */
  JsonObject object(String member) {
    return data.has(member) && data.get(member).isJsonObject()
        ? data.getAsJsonObject(member)
        : null;
  }

  /**
   * The answer of that name, in the form in which answers are compared; "none" if there is none.
   */
  String answer(String member) throws InvalidProtocolBufferException {
    if (object(member) == null) {
      return "none";
    }
    ChatResponse.Builder response = ChatResponse.newBuilder();
    JsonFormat.parser().merge(object(member).toString(), response);
    return described(response.build());
  }

  /** As JSON, in which fields that nobody knows do not show. */
  static String described(ChatResponse response) throws InvalidProtocolBufferException {
    return JsonFormat.printer().sortingMapKeys().print(response);
  }

  @Override
  public String toString() {
    return name;
  }
}
