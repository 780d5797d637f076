package dev.trunkline;

import dev.trunkline.v1.ChatEvent;
import dev.trunkline.v1.StreamChatRequest;
import dev.trunkline.v1.StreamChatResponse;
import dev.trunkline.v1.Usage;
import io.grpc.ClientCall;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Queue;

/**
 * An answer as it comes. Closing it cancels the call, if that is not over: the provider is then
 * told at once to stop. The end of the io.grpc.Context in which the stream began does the same, as
 * does the interruption of a thread that waits for it.
 *
 * <p>One thread reads at a time; any may close. Iteration yields what has not been read yet, and
 * throws an {@link ApiException} if the call fails.
 *
 * <pre>{@code
 * try (ChatStream stream = client.stream("Tell me a story.")) {
 *   for (String piece : stream.text()) {
 *     System.out.print(piece);
 *   }
 *   System.out.println(stream.response().usage().getOutputTotal());
 * }
 * }</pre>
 */
public final class ChatStream implements Iterable<ChatEvent>, AutoCloseable {
  private final Call call;
  private final ClientCall<StreamChatRequest, StreamChatResponse> transport;
  private final Iterator<StreamChatResponse> messages;
  private final StreamState state;
  private final Queue<ChatEvent> pending = new ArrayDeque<>();
  private final Iterator<ChatEvent> events = new Events();
  private ApiException failure;
  private boolean ended;

  ChatStream(Call call, StreamChatRequest request) {
    this.call = call;
    this.state = new StreamState(call.requestId());
    this.transport = call.stream();
    this.messages = ClientCalls.blockingServerStreamingCall(transport, request);
  }

  /** The events of the contract. There is one iterator: it goes on where the last one stopped. */
  @Override
  public Iterator<ChatEvent> iterator() {
    return events;
  }

  /** The pieces of the answer's text. After a restart, those of the new answer follow. */
  public Iterable<String> text() {
    return Pieces::new;
  }

  /**
   * Reads to the end.
   *
   * @return the whole answer
   * @throws ApiException the call failed; {@link ApiException#partial} has what came before
   */
  public Reply finish() {
    events.forEachRemaining(event -> {});
    return response();
  }

  /**
   * What the events that were read add up to; later ones do not change it. Takes time in proportion
   * to it.
   */
  public Reply response() {
    return state.response();
  }

  /** What is known of the usage so far. */
  public Usage usage() {
    return state.accumulator.usage();
  }

  /**
   * How often the answer began again, with {@link Prompt#allowRestart}. Each time, all that came
   * before is void.
   */
  public int restarts() {
    return state.restarts;
  }

  /** The call's id, to look it up in the gateway's log. */
  public String requestId() {
    return state.requestId;
  }

  /**
   * Gives the call up, if it is not over. A thread that waits for it gets a {@link
   * CallCancelledException}.
   */
  @Override
  public void close() {
    transport.cancel("the stream was closed", null);
  }

  private boolean arrived() {
    while (pending.isEmpty() && !ended) {
      if (failure != null) {
        throw failure;
      }
      try {
        receive();
      } catch (StatusRuntimeException e) {
        failure = state.failed(call.failed(e));
      } catch (ApiException e) {
        failure = e;
      }
    }
    return !pending.isEmpty();
  }

  private void receive() {
    if (messages.hasNext()) {
      pending.addAll(messages.next().getEventsList());
    } else {
      state.end();
      ended = true;
    }
  }

  private final class Events implements Iterator<ChatEvent> {
    @Override
    public boolean hasNext() {
      return arrived();
    }

    @Override
    public ChatEvent next() {
      if (!arrived()) {
        throw new NoSuchElementException();
      }
      ChatEvent event = pending.remove();
      try {
        state.add(event);
      } catch (ProtocolException e) {
        pending.clear();
        failure = e;
        close();
        throw e;
      }
      return event;
    }
  }

  private final class Pieces implements Iterator<String> {
    private String piece = "";

    @Override
    public boolean hasNext() {
      while (piece.isEmpty() && events.hasNext()) {
        piece = StreamState.text(events.next());
      }
      return !piece.isEmpty();
    }

    @Override
    public String next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      String result = piece;
      piece = "";
      return result;
    }
  }
}
