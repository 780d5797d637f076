package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.trunkline.v1.ChatRequest;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What goes with a call, and where it goes. */
@Timeout(60)
final class CallsTest {
  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  private static List<String> sent(LocalServer server, String name) {
    return server.headers.stream().map(each -> each.get(key(name))).toList();
  }

  @Test
  void headersGoWithEachCallAndTheNewerTakeThePlaceOfTheOlder() throws Exception {
    try (LocalServer server = new LocalServer();
        Trunkline client =
            Trunkline.builder().address(server.at("127.0.0.1")).metadata("x-team", "a").build()) {
      client.chat("Hello");
      client.withMetadata("X-Team", "b").chat("Hello");
      client.stub().chat(ChatRequest.getDefaultInstance());
      assertEquals(List.of("a", "b", "a"), sent(server, "x-team"));
      assertTrue(sent(server, "user-agent").get(0).startsWith("trunkline-java/"));
    }
  }

  @Test
  void binaryMetadataIsReplacedAsWell() throws Exception {
    Metadata.Key<byte[]> key = Metadata.Key.of("x-key-bin", Metadata.BINARY_BYTE_MARSHALLER);
    Metadata older = new Metadata();
    older.put(key, new byte[] {1});
    Metadata newer = new Metadata();
    newer.put(key, new byte[] {2});
    newer.put(key, new byte[] {3});
    try (LocalServer server = new LocalServer();
        Trunkline client = Trunkline.connect(server.at("127.0.0.1"))) {
      client.withMetadata(older).withMetadata(newer).chat("Hello");
      List<Byte> firsts = new ArrayList<>();
      server.headers.get(0).getAll(key).forEach(value -> firsts.add(value[0]));
      assertEquals(List.of((byte) 2, (byte) 3), firsts);
    }
  }

  @Test
  void eachCallHasAnIdOfItsOwnUnlessTheCallerHasOne() throws Exception {
    try (LocalServer server = new LocalServer();
        Trunkline client = Trunkline.connect(server.at("127.0.0.1"))) {
      Reply first = client.chat("Hello");
      Reply second = client.chat("Hello");
      Reply third = client.withRequestId("mine").chat("Hello");
      List<String> ids = List.of(first.requestId(), second.requestId(), third.requestId());
      assertEquals(ids, sent(server, "x-request-id"));
      assertEquals("mine", ids.get(2));
      assertEquals(3, ids.stream().distinct().count());
      for (String bad : List.of("", "x".repeat(65), "é", "a\nb")) {
        assertThrows(IllegalArgumentException.class, () -> client.withRequestId(bad));
      }
    }
  }

  @Test
  void aCallHasTheDeadlineThatWasLastSaid() throws Exception {
    try (LocalServer server = new LocalServer();
        Trunkline client = Trunkline.connect(server.at("127.0.0.1"))) {
      client.withoutTimeout().chat("Hello");
      client.withTimeout(Duration.ofDays(1_000_000)).chat("Hello");
      assertNull(sent(server, "grpc-timeout").get(0));
      assertNull(sent(server, "grpc-timeout").get(1));
      Trunkline hurried = client.withoutTimeout().withTimeout(Duration.ZERO);
      assertThrows(DeadlineExceededException.class, () -> hurried.chat("Hello"));
    }
  }

  @Test
  void aNameIsAskedForItsHealth() throws Exception {
    try (LocalServer server = new LocalServer();
        Trunkline byName = Trunkline.connect(server.at("localhost"));
        Trunkline byAddress = Trunkline.connect(server.at("127.0.0.1"))) {
      server.health.setStatus("", ServingStatus.NOT_SERVING);
      assertThrows(GatewayUnreachableException.class, () -> byName.chat("Hello"));
      byAddress.chat("Hello");
      server.health.setStatus("", ServingStatus.SERVING);
      CompletableFuture<Void> healthy =
          CompletableFuture.runAsync(() -> untilItWorks(byName)).orTimeout(30, TimeUnit.SECONDS);
      healthy.join();
    }
  }

  private static void untilItWorks(Trunkline client) {
    while (true) {
      try {
        client.chat("Hello");
        return;
      } catch (GatewayUnreachableException e) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aRequestWithAPictureIsRepeatedToo() {
    try (Trunkline vectors = World.vectors().withModel("vectors/retried/text")) {
      Prompt prompt = Prompt.of(Messages.user("?", Blocks.image(new byte[8 << 20])));
      assertTrue(vectors.chat(prompt).complete());
    }
  }

  @Test
  void whatAListenerThrowsEndsTheCall() throws Exception {
    RuntimeException own = new IllegalStateException("enough");
    try (LocalServer server = new LocalServer();
        Trunkline client = Trunkline.connect(server.at("127.0.0.1"))) {
      StreamListener listener =
          piece -> {
            throw own;
          };
      CompletableFuture<Reply> reply = client.stream("Hello", listener);
      assertSame(own, assertThrows(CompletionException.class, reply::join).getCause());
      server.cancelled.await();
    }
  }

  @Test
  void optionsOfStreamsAreSent() throws Exception {
    Prompt prompt = Prompt.of("Hello").allowRestart().maxEventDelay(Duration.ofMillis(1500));
    try (LocalServer server = new LocalServer();
        Trunkline client = Trunkline.connect(server.at("127.0.0.1"));
        ChatStream stream = client.stream(prompt)) {
      assertEquals("Once", stream.text().iterator().next());
      assertTrue(server.streamed.get(0).getAllowRestart());
      assertEquals(1, server.streamed.get(0).getMaxEventDelay().getSeconds());
      assertEquals(500_000_000, server.streamed.get(0).getMaxEventDelay().getNanos());
    }
  }

  @Test
  void aFailureOfTheGeneratedStubBecomesAnException() {
    try (Trunkline client = Trunkline.connect("127.0.0.1:1")) {
      var caught =
          assertThrows(
              StatusRuntimeException.class,
              () -> client.stub().chat(ChatRequest.getDefaultInstance()));
      assertInstanceOf(GatewayUnreachableException.class, ApiException.of(caught));
    }
  }

  @Test
  void addressesAreNamesOrNumbersOrTargets() {
    assertEquals("dns:///gateway:50051", Channels.target("gateway:50051"));
    assertEquals("dns:///localhost", Channels.target("localhost"));
    assertEquals("127.0.0.1:50051", Channels.target("127.0.0.1:50051"));
    assertEquals("[::1]:50051", Channels.target("[::1]:50051"));
    assertEquals("unix:/tmp/socket", Channels.target("unix:/tmp/socket"));
    assertEquals("dns:///gateway", Channels.target("dns:///gateway"));
    for (String url : List.of("http://gateway:50051", "https://gateway")) {
      assertThrows(IllegalArgumentException.class, () -> Trunkline.connect(url));
    }
  }
}
