package dev.trunkline;

import dev.trunkline.v1.ChatEvent;
import dev.trunkline.v1.StreamChatRequest;
import dev.trunkline.v1.StreamChatResponse;
import io.grpc.ClientCall;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;

/** A stream that calls a listener back. */
final class ListenedStream implements StreamObserver<StreamChatResponse> {
  private final Call call;
  private final StreamListener listener;
  private final StreamState state;
  private final CompletableFuture<Reply> future = new CompletableFuture<>();

  private ListenedStream(Call call, StreamListener listener) {
    this.call = call;
    this.listener = listener;
    this.state = new StreamState(call.requestId());
  }

  /** Begins the call. Whatever fails the future, such as its cancellation, cancels the call. */
  static CompletableFuture<Reply> begin(
      Call call, StreamChatRequest request, StreamListener listener) {
    ListenedStream stream = new ListenedStream(call, listener);
    ClientCall<StreamChatRequest, StreamChatResponse> transport = call.stream();
    ClientCalls.asyncServerStreamingCall(transport, request, stream);
    // Not before: a call that is cancelled while it begins throws.
    stream.future.whenComplete(
        (reply, error) -> {
          if (error != null) {
            transport.cancel("given up", error);
          }
        });
    return stream.future;
  }

  @Override
  public void onNext(StreamChatResponse message) {
    try {
      for (ChatEvent event : message.getEventsList()) {
        if (future.isDone()) {
          return;
        }
        state.add(event);
        tell(event);
      }
    } catch (RuntimeException e) {
      future.completeExceptionally(e);
    }
  }

  private void tell(ChatEvent event) {
    listener.onEvent(event);
    if (event.hasRestart()) {
      listener.onRestart();
    }
    String piece = StreamState.text(event);
    if (!piece.isEmpty()) {
      listener.onText(piece);
    }
  }

  @Override
  public void onError(Throwable error) {
    StatusRuntimeException status =
        error instanceof StatusRuntimeException known
            ? known
            : Status.fromThrowable(error).asRuntimeException();
    future.completeExceptionally(state.failed(call.failed(status)));
  }

  @Override
  public void onCompleted() {
    try {
      state.end();
      future.complete(state.response());
    } catch (ApiException e) {
      future.completeExceptionally(e);
    }
  }
}
