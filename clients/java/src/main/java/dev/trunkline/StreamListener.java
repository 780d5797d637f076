package dev.trunkline;

import dev.trunkline.v1.ChatEvent;

/**
 * Hears an answer as it comes: see {@link Trunkline#stream(Prompt, StreamListener)}. Its methods
 * are called one after the other, on a thread of gRPC's; the next message is asked for when they
 * return. What they throw ends the call.
 */
@FunctionalInterface
public interface StreamListener {
  /** A piece of the answer's text came. */
  void onText(String piece);

  /** An event came, of whatever kind; before what it says reaches the other methods. */
  default void onEvent(ChatEvent event) {}

  /**
   * All that came before is void, and the answer begins again. Only with {@link
   * Prompt#allowRestart}.
   */
  default void onRestart() {}
}
