package dev.trunkline;

import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.Message;
import dev.trunkline.v1.Role;
import java.util.List;

/** Short ways to write messages. Each returns a plain message of the contract. */
public final class Messages {
  private Messages() {}

  /** A message of the user's: text, and perhaps blocks after it. */
  public static Message user(String text, ContentBlock... more) {
    return message(Role.ROLE_USER, text, more);
  }

  /** A message of the user's. */
  public static Message user(ContentBlock... blocks) {
    return message(Role.ROLE_USER, List.of(blocks));
  }

  /**
   * A message of the model's: for examples, or for an answer to be gone on with. To send back what
   * a model really said, use {@link Reply#message}, which has all of it.
   */
  public static Message assistant(String text, ContentBlock... more) {
    return message(Role.ROLE_ASSISTANT, text, more);
  }

  /** A message of the model's. */
  public static Message assistant(ContentBlock... blocks) {
    return message(Role.ROLE_ASSISTANT, List.of(blocks));
  }

  /**
   * Instructions for the middle of a conversation. Those that open it go to {@link Prompt#system}.
   */
  public static Message system(String text) {
    return message(Role.ROLE_SYSTEM, text);
  }

  /** The message that answers the tool calls of one reply, all of them. */
  public static Message toolResults(ContentBlock... results) {
    return toolResults(List.of(results));
  }

  /** The message that answers the tool calls of one reply, all of them. */
  public static Message toolResults(List<ContentBlock> results) {
    return message(Role.ROLE_TOOL, results);
  }

  private static Message message(Role role, String text, ContentBlock... more) {
    return message(role, List.of(Blocks.text(text))).toBuilder()
        .addAllContent(List.of(more))
        .build();
  }

  private static Message message(Role role, List<ContentBlock> blocks) {
    return Message.newBuilder().setRole(role).addAllContent(blocks).build();
  }
}
