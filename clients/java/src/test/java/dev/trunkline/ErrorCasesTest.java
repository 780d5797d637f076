package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrowsExactly;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.trunkline.v1.Route;
import dev.trunkline.v1.Target;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The error cases of tests/clients/cases.md: each class that the simulator can bring about, and
 * what it tells.
 */
@ExtendWith(Report.class)
final class ErrorCasesTest {
  private static final Trunkline CLIENT = World.gateway();

  @AfterAll
  static void close() {
    CLIENT.close();
  }

  private static <E extends ApiException> E failure(Class<E> kind, Prompt prompt) {
    return assertThrowsExactly(kind, () -> CLIENT.chat(prompt));
  }

  private static <E extends ApiException> E failure(Class<E> kind, String model) {
    return failure(kind, Prompt.of("Hello").model("simulator/" + model));
  }

  private static Prompt withOwnKey(String model) {
    Target.Builder target = Target.newBuilder().setProvider("simulator").setModel(model);
    return Prompt.of("Hello")
        .route(Route.newBuilder().setTarget(target.setApiKey("sk-of-java-1234")).build());
  }

  private static List<String> fields(ApiException error) {
    return error.violations().stream().map(Violation::field).toList();
  }

  @Test
  void errorInvalidRequest() {
    ApiException error = failure(InvalidRequestException.class, Prompt.of("Hello").temperature(9));
    assertEquals("ERROR_REASON_INVALID_REQUEST", error.reason());
    assertEquals(List.of("input.generation.temperature"), fields(error));
  }

  @Test
  void errorUpstreamRejected() {
    ApiException error = failure(InvalidRequestException.class, "error-400");
    assertEquals("ERROR_REASON_UPSTREAM_REJECTED_REQUEST", error.reason());
    assertEquals("simulator", error.provider());
  }

  @Test
  void errorContextLength() {
    ContextLengthException error = failure(ContextLengthException.class, "error-context");
    assertEquals(OptionalLong.of(200000), error.limit());
    assertEquals(OptionalLong.of(210000), error.requested());
  }

  @Test
  void errorRequestTooLarge() {
    failure(RequestTooLargeException.class, "error-413");
  }

  @Test
  void errorCapabilityNotSupported() {
    Prompt prompt = Prompt.of("Hello").generation(params -> params.setLogprobs(true));
    ApiException error = failure(CapabilityNotSupportedException.class, prompt);
    assertEquals(List.of("input.generation.logprobs"), fields(error));
  }

  @Test
  void errorNotFound() {
    assertEquals("error-404", failure(NotFoundException.class, "error-404").resource());
    assertEquals(
        "nowhere",
        failure(NotFoundException.class, Prompt.of("Hello").route("nowhere")).resource());
  }

  @Test
  void errorMessageTooLarge() {
    failure(MessageTooLargeException.class, "big-n33");
  }

  @Test
  void errorUnimplemented() {
    try (Trunkline vectors = World.vectors().withModel("m")) {
      assertThrowsExactly(UnimplementedException.class, () -> vectors.countTokens("Hello"));
    }
  }

  @Test
  void errorAuthentication() {
    failure(AuthenticationException.class, withOwnKey("error-401"));
  }

  @Test
  void errorPermissionDenied() {
    failure(PermissionDeniedException.class, withOwnKey("error-403"));
  }

  @Test
  void errorUpstreamCredentials() {
    failure(UpstreamCredentialsException.class, "error-401");
  }

  @Test
  void errorQuotaExhausted() {
    assertFalse(failure(QuotaExhaustedException.class, "error-402").retryable());
  }

  @Test
  void errorRateLimit() {
    ApiException error = failure(RateLimitException.class, "error-429");
    assertTrue(error.retryable());
    assertEquals(Optional.of(Duration.ofSeconds(7)), error.retryAfter());
    assertEquals("simulator", error.provider());
    assertEquals("error-429", error.model());
    assertFalse(error.requestId().isEmpty());
  }

  @Test
  void errorUpstreamUnavailable() {
    ApiException error = failure(UpstreamUnavailableException.class, "error-500");
    assertTrue(error.retryable());
    assertEquals(OptionalInt.of(500), error.upstreamStatus());
  }

  @Test
  void errorUpstreamTimeout() {
    failure(UpstreamTimeoutException.class, "error-408");
  }

  @Test
  void errorUpstreamOverloaded() {
    failure(UpstreamOverloadedException.class, "error-529");
  }

  @Test
  void errorGatewayUnreachable() {
    try (Trunkline nobody = Trunkline.connect("127.0.0.1:1").withModel("m")) {
      assertThrowsExactly(GatewayUnreachableException.class, () -> nobody.chat("Hello"));
    }
  }

  @Test
  void errorConflict() {
    failure(ConflictException.class, "error-409");
  }

  @Test
  void errorStreamInterrupted() {
    try (ChatStream stream = CLIENT.stream(Prompt.of("Hello").model("simulator/cut"))) {
      ApiException error = assertThrowsExactly(StreamInterruptedException.class, stream::finish);
      assertFalse(error.partial().orElseThrow().text().isEmpty());
    }
  }
}
