package dev.trunkline;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannelBuilder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** How channels to the gateway are set up. */
final class Channels {
  static final String DEFAULT_ADDRESS = "127.0.0.1:50051";

  /** Bytes of a message, both ways: the gateway's own limit. */
  private static final int MESSAGE_LIMIT = 32 << 20;

  private static final Pattern SCHEME = Pattern.compile("[a-zA-Z][a-zA-Z0-9+.-]*:(?![0-9]+$).*");
  private static final Pattern IP =
      Pattern.compile("[0-9]+(\\.[0-9]+){3}(:[0-9]+)?|\\[.*](:[0-9]+)?");

  // As long as nothing of the answer has come. The gateway forbids it by pushback where it has
  // tried enough itself;
  // where the connection broke, an answer that nobody saw may be paid for twice.
  private static final Map<String, ?> RETRIES =
      Map.of(
          "methodConfig",
          List.of(
              Map.of(
                  "name",
                  List.of(
                      Map.of("service", "trunkline.v1.ChatService"),
                      Map.of("service", "trunkline.v1.EmbeddingService"),
                      Map.of("service", "trunkline.v1.ModelService")),
                  "retryPolicy",
                  Map.of(
                      "maxAttempts",
                      3.0,
                      "initialBackoff",
                      "0.2s",
                      "maxBackoff",
                      "2s",
                      "backoffMultiplier",
                      2.0,
                      "retryableStatusCodes",
                      List.of("UNAVAILABLE")))),
          "retryThrottling",
          Map.of("maxTokens", 10.0, "tokenRatio", 0.1));

  // A name may stand for several replicas: use all of them, but none that says it is not serving.
  private static final Map<String, ?> REPLICAS =
      Map.of(
          "loadBalancingConfig", List.of(Map.of("round_robin", Map.of())),
          "healthCheckConfig", Map.of("serviceName", ""));

  private Channels() {}

  /**
   * Makes gRPC's target of an address: names are resolved by DNS, addresses and other schemes are
   * as they are.
   */
  static String target(String address) {
    if (address.matches("https?://.*")) {
      throw new IllegalArgumentException(
          "the address is host:port, without a scheme; for TLS, say tls(): " + address);
    }
    boolean whole = SCHEME.matcher(address).matches() || IP.matcher(address).matches();
    return whole ? address : "dns:///" + address;
  }

  static ManagedChannelBuilder<?> builder(String target, ChannelCredentials credentials) {
    Map<String, Object> config = new HashMap<>(RETRIES);
    if (target.startsWith("dns:")) {
      config.putAll(REPLICAS);
    }
    // Pings find connections that died in silence, as long as a call waits for an answer: a model
    // may think for
    // minutes without a word. By default gRPC repeats no request above 1 MiB, which pictures
    // exceed.
    return Grpc.newChannelBuilder(target, credentials)
        .userAgent("trunkline-java/" + version())
        .defaultServiceConfig(config)
        .maxInboundMessageSize(MESSAGE_LIMIT)
        .perRpcBufferLimit(MESSAGE_LIMIT + (64 << 10))
        .retryBufferSize(4L * MESSAGE_LIMIT)
        .keepAliveTime(60, TimeUnit.SECONDS)
        .keepAliveTimeout(20, TimeUnit.SECONDS);
  }

  private static String version() {
    return Optional.ofNullable(Channels.class.getPackage().getImplementationVersion())
        .orElse("unknown");
  }
}
