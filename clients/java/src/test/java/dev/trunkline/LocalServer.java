package dev.trunkline;

import dev.trunkline.v1.ChatRequest;
import dev.trunkline.v1.ChatResponse;
import dev.trunkline.v1.ChatServiceGrpc;
import dev.trunkline.v1.StreamChatRequest;
import dev.trunkline.v1.StreamChatResponse;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * A server that answers with nothing, keeps the headers it gets, and tells its health. Its streams
 * begin and do not end.
 */
final class LocalServer extends ChatServiceGrpc.ChatServiceImplBase
    implements ServerInterceptor, AutoCloseable {
  final List<Metadata> headers = Collections.synchronizedList(new ArrayList<>());
  final List<StreamChatRequest> streamed = Collections.synchronizedList(new ArrayList<>());
  final HealthStatusManager health = new HealthStatusManager();
  final CountDownLatch cancelled = new CountDownLatch(1);
  private final Server server;

  LocalServer() throws IOException {
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(this)
            .addService(health.getHealthService())
            .intercept(this)
            .build()
            .start();
  }

  /** Where it is, for a client that knows a host's name or its address. */
  String at(String host) {
    return host + ":" + server.getPort();
  }

  @Override
  public void chat(ChatRequest request, StreamObserver<ChatResponse> response) {
    response.onNext(ChatResponse.getDefaultInstance());
    response.onCompleted();
  }

  @Override
  public void streamChat(StreamChatRequest request, StreamObserver<StreamChatResponse> response) {
    streamed.add(request);
    Context.current().addListener(context -> cancelled.countDown(), Runnable::run);
    StreamChatResponse.Builder message = StreamChatResponse.newBuilder();
    message.addEventsBuilder().getBlockStartBuilder().setBlock(Blocks.text("Once"));
    response.onNext(message.build());
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata received, ServerCallHandler<Q, R> next) {
    if (call.getMethodDescriptor().getServiceName().equals(ChatServiceGrpc.SERVICE_NAME)) {
      headers.add(received);
    }
    return next.startCall(call, received);
  }

  @Override
  public void close() {
    server.shutdownNow();
  }
}
