package dev.trunkline;

import com.google.protobuf.ByteString;
import dev.trunkline.v1.AudioBlock;
import dev.trunkline.v1.CacheControl;
import dev.trunkline.v1.ContentBlock;
import dev.trunkline.v1.DocumentBlock;
import dev.trunkline.v1.ImageBlock;
import dev.trunkline.v1.Media;
import dev.trunkline.v1.SearchResultBlock;
import dev.trunkline.v1.TextBlock;
import dev.trunkline.v1.ToolResultBlock;
import dev.trunkline.v1.ToolUseBlock;
import java.util.List;

/**
 * Short ways to write the blocks that messages are made of. Each returns a plain message of the
 * contract; what is rarer is set on its {@code toBuilder()}.
 */
public final class Blocks {
  private Blocks() {}

  /** Text. */
  public static ContentBlock text(String text) {
    return ContentBlock.newBuilder().setText(TextBlock.newBuilder().setText(text)).build();
  }

  /** A picture. The gateway recognises its type. */
  public static ContentBlock image(byte[] data) {
    return image(media(data, ""));
  }

  /** A picture that the provider fetches. */
  public static ContentBlock image(String url) {
    return image(media(url));
  }

  /** A picture: see {@link #media(byte[], String)}, {@link #media(String)} and {@link #file}. */
  public static ContentBlock image(Media media) {
    return ContentBlock.newBuilder().setImage(ImageBlock.newBuilder().setMedia(media)).build();
  }

  /** A recording. */
  public static ContentBlock audio(byte[] data, String mediaType) {
    return audio(media(data, mediaType));
  }

  /** A recording: see {@link #media(byte[], String)}, {@link #media(String)} and {@link #file}. */
  public static ContentBlock audio(Media media) {
    return ContentBlock.newBuilder().setAudio(AudioBlock.newBuilder().setMedia(media)).build();
  }

  /**
   * A PDF or another document: see {@link #media(byte[], String)}, {@link #media(String)} and
   * {@link #file}.
   */
  public static ContentBlock document(Media media, String title) {
    return document(DocumentBlock.newBuilder().setMedia(media).setTitle(title));
  }

  /** A document of plain text. */
  public static ContentBlock document(String text, String title) {
    return document(DocumentBlock.newBuilder().setText(text).setTitle(title));
  }

  /** A document with all that the contract knows: context, citations, blocks. */
  public static ContentBlock document(DocumentBlock.Builder document) {
    return ContentBlock.newBuilder().setDocument(document).build();
  }

  /** A passage that the caller's own search found. The model may cite from it. */
  public static ContentBlock searchResult(String source, String title, String passage) {
    SearchResultBlock.Builder block =
        SearchResultBlock.newBuilder().setSource(source).setTitle(title);
    block.addContent(text(passage)).setCitationsEnabled(true);
    return ContentBlock.newBuilder().setSearchResult(block).build();
  }

  /**
   * A tool call, as if a model had made it.
   *
   * @param id what the result will name
   * @param argumentsJson a JSON object, sent byte for byte
   */
  public static ContentBlock toolUse(String id, String name, String argumentsJson) {
    ToolUseBlock.Builder block =
        ToolUseBlock.newBuilder().setId(id).setName(name).setInputJson(argumentsJson);
    return ContentBlock.newBuilder().setToolUse(block).build();
  }

  /** What a tool answered. {@link ToolCall#result(String)} says the same with less. */
  public static ContentBlock toolResult(String toolUseId, String output) {
    return toolResult(toolUseId, List.of(text(output)));
  }

  /** What a tool answered, with more than text. */
  public static ContentBlock toolResult(String toolUseId, List<ContentBlock> output) {
    ToolResultBlock.Builder block =
        ToolResultBlock.newBuilder().setToolUseId(toolUseId).addAllContent(output);
    return ContentBlock.newBuilder().setToolResult(block).build();
  }

  /**
   * The same block, as the end of a prefix that the provider should cache for as long as it does by
   * default.
   */
  public static ContentBlock cached(ContentBlock block) {
    return cached(block, "");
  }

  /**
   * The same block, as the end of a prefix that the provider should cache.
   *
   * @param ttl how long, in the provider's own word: "5m" and "1h" on Anthropic
   */
  public static ContentBlock cached(ContentBlock block, String ttl) {
    return block.toBuilder().setCacheControl(CacheControl.newBuilder().setTtl(ttl)).build();
  }

  /**
   * Bytes.
   *
   * @param mediaType for example "application/pdf"; empty leaves it to the gateway to recognise
   */
  public static Media media(byte[] data, String mediaType) {
    return Media.newBuilder().setData(ByteString.copyFrom(data)).setMediaType(mediaType).build();
  }

  /** An address that the provider fetches. */
  public static Media media(String url) {
    if (!url.contains("://")) {
      throw new IllegalArgumentException(
          "not an address; for a file, pass its bytes: Files.readAllBytes(path)");
    }
    return Media.newBuilder().setUrl(url).build();
  }

  /** A file that was uploaded to the provider. */
  public static Media file(String fileId) {
    return Media.newBuilder().setFileId(fileId).build();
  }
}
