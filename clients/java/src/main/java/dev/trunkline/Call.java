package dev.trunkline;

import dev.trunkline.v1.ChatServiceGrpc;
import dev.trunkline.v1.StreamChatRequest;
import dev.trunkline.v1.StreamChatResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;

/**
 * One call: where it goes, and what goes with its request.
 *
 * @param requestId the id that is sent; always there, so that even a call without an answer can be
 *     found in the gateway's log
 */
record Call(ManagedChannel channel, CallOptions options, Metadata metadata, String requestId) {

  /** Calls and waits; {@code view} gets the response and the call's id. */
  <Q, R, V> V answer(MethodDescriptor<Q, R> method, Q request, BiFunction<R, String, V> view) {
    AtomicReference<Metadata> trailers = new AtomicReference<>();
    Channel heard =
        ClientInterceptors.intercept(
            open(), MetadataUtils.newCaptureMetadataInterceptor(new AtomicReference<>(), trailers));
    R response;
    try {
      response = ClientCalls.blockingUnaryCall(heard, method, options, request);
    } catch (StatusRuntimeException e) {
      throw failed(e);
    }
    return view.apply(response, Statuses.requestId(trailers.get(), requestId));
  }

  /** A streamed chat that has not begun. */
  ClientCall<StreamChatRequest, StreamChatResponse> stream() {
    return open().newCall(ChatServiceGrpc.getStreamChatMethod(), options);
  }

  private Channel open() {
    if (channel.isShutdown()) {
      throw new IllegalStateException("the client is closed");
    }
    return ClientInterceptors.intercept(
        channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  /**
   * Makes the exception. That the client was closed meanwhile looks to gRPC as if the gateway were
   * not there.
   */
  ApiException failed(StatusRuntimeException caught) {
    boolean closed =
        channel.isShutdown() && caught.getStatus().getCode() == Status.Code.UNAVAILABLE;
    return Statuses.exception(
        closed
            ? Status.CANCELLED
                .withDescription("the client was closed")
                .withCause(caught)
                .asRuntimeException()
            : caught,
        requestId);
  }
}
