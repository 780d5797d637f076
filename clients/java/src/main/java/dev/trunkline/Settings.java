package dev.trunkline;

import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * How a client calls. Never changed: each setting makes a copy.
 *
 * @param model for prompts that name none
 * @param timeout null for any time
 */
record Settings(String model, Duration timeout, Metadata metadata) {
  static final Settings DEFAULTS = new Settings("", Duration.ofMinutes(10), new Metadata());
  private static final Duration A_YEAR = Duration.ofDays(365);
  private static final Pattern REQUEST_IDS = Pattern.compile("[ -~]{1,64}");

  Settings withModel(String model) {
    return new Settings(model, timeout, metadata);
  }

  /** A very long time is none at all: gRPC counts in nanoseconds. */
  Settings withTimeout(Duration timeout) {
    boolean none = timeout == null || timeout.compareTo(A_YEAR) > 0;
    return new Settings(model, none ? null : timeout, metadata);
  }

  /** The values of {@code more} take the place of those that have the same key. */
  Settings withMetadata(Metadata more) {
    Metadata merged = new Metadata();
    merged.merge(metadata);
    for (String name : more.keys()) {
      merged.discardAll(key(name));
    }
    merged.merge(more);
    return new Settings(model, timeout, merged);
  }

  private static Metadata.Key<?> key(String name) {
    return name.endsWith(Metadata.BINARY_HEADER_SUFFIX)
        ? Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER)
        : Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  Settings withMetadata(String key, String value) {
    Metadata more = new Metadata();
    more.put(Metadata.Key.of(key, Metadata.ASCII_STRING_MARSHALLER), value);
    return withMetadata(more);
  }

  Settings withRequestId(String id) {
    if (!REQUEST_IDS.matcher(id).matches()) {
      throw new IllegalArgumentException("a request id has 1 to 64 printable ASCII characters");
    }
    return withMetadata(Statuses.REQUEST_ID.originalName(), id);
  }

  Call call(ManagedChannel channel) {
    String given = metadata.get(Statuses.REQUEST_ID);
    Settings all =
        given == null
            ? withRequestId(UUID.randomUUID().toString().replace("-", ""))
            : withRequestId(given);
    return new Call(channel, all.options(), all.metadata, all.metadata.get(Statuses.REQUEST_ID));
  }

  private CallOptions options() {
    return timeout == null
        ? CallOptions.DEFAULT
        : CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }
}
