package dev.trunkline;

import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;

/** Sets up a {@link Trunkline}. */
public final class TrunklineBuilder {
  private String address = System.getenv("TRUNKLINE_ADDRESS");
  private ChannelCredentials credentials = InsecureChannelCredentials.create();
  private Consumer<ManagedChannelBuilder<?>> channel = builder -> {};
  private Settings settings = Settings.DEFAULTS;

  TrunklineBuilder() {}

  /**
   * Where the gateway is. If nobody says so, it is at TRUNKLINE_ADDRESS, or else at
   * 127.0.0.1:50051.
   *
   * @param address host:port, or any target of gRPC's. A name is resolved by DNS, and if it stands
   *     for several gateways, calls go to all of them that are healthy, in turn.
   */
  public TrunklineBuilder address(String address) {
    this.address = address;
    return this;
  }

  /** The model of prompts that name none. */
  public TrunklineBuilder model(String model) {
    settings = settings.withModel(model);
    return this;
  }

  /** The time that a call may take, if it does not say otherwise. Ten minutes, if nobody does. */
  public TrunklineBuilder timeout(Duration timeout) {
    settings = settings.withTimeout(timeout);
    return this;
  }

  /** Something to send with every call, for example "authorization" and "Bearer ...". */
  public TrunklineBuilder metadata(String key, String value) {
    settings = settings.withMetadata(key, value);
    return this;
  }

  /** Use TLS, with the root certificates of the Java runtime. */
  public TrunklineBuilder tls() {
    return tls(TlsChannelCredentials.create());
  }

  /**
   * Use TLS, with root certificates of one's own.
   *
   * @param roots a file of certificates in PEM
   * @throws IOException it cannot be read
   */
  public TrunklineBuilder tls(File roots) throws IOException {
    return tls(TlsChannelCredentials.newBuilder().trustManager(roots).build());
  }

  /** Use credentials of whatever kind. */
  public TrunklineBuilder tls(ChannelCredentials credentials) {
    this.credentials = credentials;
    return this;
  }

  /** Options of the gRPC channel, over those of this package. */
  public TrunklineBuilder channel(Consumer<ManagedChannelBuilder<?>> options) {
    this.channel = options;
    return this;
  }

  /**
   * Makes the client.
   *
   * @throws IllegalArgumentException the address is a URL
   */
  public Trunkline build() {
    boolean known = address != null && !address.isEmpty();
    ManagedChannelBuilder<?> builder =
        Channels.builder(Channels.target(known ? address : Channels.DEFAULT_ADDRESS), credentials);
    channel.accept(builder);
    return new Trunkline(builder.build(), settings);
  }
}
