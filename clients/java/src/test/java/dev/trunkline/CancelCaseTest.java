package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.grpc.Context;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The case "cancel" of tests/clients/cases.md, by each of the means that Java has. */
@ExtendWith(Report.class)
@Tag("cancel")
@Timeout(30)
final class CancelCaseTest {
  private static final Trunkline CLIENT = World.gateway();

  @AfterAll
  static void close() {
    CLIENT.close();
  }

  private static Prompt prompt(String means) {
    return Prompt.of("Hello").model("simulator/" + model(means)).maxOutputTokens(1000);
  }

  private static String model(String means) {
    return "cancel-java-" + means + "-n10000-g20";
  }

  private static void assertHungUp(String means) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    List<JsonObject> calls = World.received(model(means));
    while (calls.stream().noneMatch(call -> World.string(call, "outcome").equals("hung_up"))) {
      assertTrue(System.nanoTime() < end, () -> "no one hung up: " + means);
      Thread.sleep(50);
      calls = World.received(model(means));
    }
    assertEquals(1, calls.size());
  }

  @Test
  void byContext() throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    ChatStream stream = context.call(() -> CLIENT.stream(prompt("context")));
    Iterator<String> pieces = stream.text().iterator();
    assertFalse(pieces.next().isEmpty());
    context.cancel(null);
    assertThrows(CallCancelledException.class, () -> pieces.forEachRemaining(piece -> {}));
    assertHungUp("context");
  }

  @Test
  void byContextInOnePiece() throws Exception {
    Context.CancellableContext context = Context.current().withCancellation();
    Executor inContext = context.fixedContextExecutor(command -> new Thread(command).start());
    CompletableFuture<Reply> reply =
        CompletableFuture.supplyAsync(() -> CLIENT.chat(prompt("unary")), inContext);
    while (World.received(model("unary")).isEmpty()) {
      Thread.sleep(50);
    }
    context.cancel(null);
    Throwable cause = assertThrows(CompletionException.class, reply::join).getCause();
    assertInstanceOf(CallCancelledException.class, cause);
    assertHungUp("unary");
  }

  @Test
  void byLeaving() throws Exception {
    try (ChatStream stream = CLIENT.stream(prompt("leave"))) {
      assertFalse(stream.text().iterator().next().isEmpty());
    }
    assertHungUp("leave");
  }

  @Test
  void byAnotherThread() throws Exception {
    try (ChatStream stream = CLIENT.stream(prompt("thread"))) {
      Iterator<String> pieces = stream.text().iterator();
      assertFalse(pieces.next().isEmpty());
      Thread closer = new Thread(stream::close);
      closer.start();
      assertThrows(CallCancelledException.class, () -> pieces.forEachRemaining(piece -> {}));
      closer.join();
    }
    assertHungUp("thread");
  }

  @Test
  void byInterruption() throws Exception {
    try (ChatStream stream = CLIENT.stream(prompt("interrupt"))) {
      Iterator<String> pieces = stream.text().iterator();
      assertFalse(pieces.next().isEmpty());
      Thread.currentThread().interrupt();
      assertThrows(CallCancelledException.class, () -> pieces.forEachRemaining(piece -> {}));
      assertTrue(Thread.interrupted());
    }
    assertHungUp("interrupt");
  }

  @Test
  void byFuture() throws Exception {
    CountDownLatch first = new CountDownLatch(1);
    CompletableFuture<Reply> reply = CLIENT.stream(prompt("future"), piece -> first.countDown());
    first.await();
    reply.cancel(true);
    assertThrows(CancellationException.class, reply::join);
    assertHungUp("future");
  }

  @Test
  void byClosingTheClient() throws Exception {
    Trunkline client = World.gateway();
    ChatStream stream = client.stream(prompt("client"));
    Iterator<String> pieces = stream.text().iterator();
    assertFalse(pieces.next().isEmpty());
    client.close();
    assertThrows(CallCancelledException.class, () -> pieces.forEachRemaining(piece -> {}));
    assertThrows(IllegalStateException.class, () -> client.chat("Hello"));
    assertHungUp("client");
  }
}
