package dev.trunkline;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** JSON objects that pass through: their members stay as they are, character for character. */
final class JsonObjects {
  private static final int DEEPEST = 500;
  private static final Pattern NUMBER =
      Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
  private static final Pattern WORD = Pattern.compile("true|false|null");
  // Possessive, as the stack of the regular expressions grows with the text otherwise.
  private static final Pattern STRING =
      Pattern.compile("\"((?:[^\"\\\\\\x00-\\x1f]++|\\\\(?:[\"\\\\/bfnrt]|u[0-9a-fA-F]{4}))*+)\"");
  private static final Pattern ESCAPE = Pattern.compile("\\\\(?:u([0-9a-fA-F]{4})|(.))");

  private final String text;
  private int at;

  private JsonObjects(String text) {
    this.text = text;
  }

  /**
   * Puts the members of one JSON object over those of another.
   *
   * @throws IllegalArgumentException one of them is no JSON object
   */
  static String laidOver(String below, String above) {
    Map<String, String> members = new JsonObjects(below).members();
    members.putAll(new JsonObjects(above).members());
    return "{" + String.join(",", members.values()) + "}";
  }

  /** The text of the members, names included, by their names. */
  private Map<String, String> members() {
    Map<String, String> members = new LinkedHashMap<>();
    skipBlank();
    object(0, members);
    skipBlank();
    require(at == text.length());
    return members;
  }

  private void object(int depth, Map<String, String> members) {
    take('{');
    skipBlank();
    if (taken('}')) {
      return;
    }
    do {
      skipBlank();
      int start = at;
      String name = name(match(STRING).group(1));
      skipBlank();
      take(':');
      value(depth + 1);
      members.put(name, text.substring(start, at));
      skipBlank();
    } while (taken(','));
    take('}');
  }

  private void array(int depth) {
    take('[');
    skipBlank();
    if (taken(']')) {
      return;
    }
    do {
      value(depth + 1);
      skipBlank();
    } while (taken(','));
    take(']');
  }

  private void value(int depth) {
    require(depth <= DEEPEST);
    skipBlank();
    require(at < text.length());
    switch (text.charAt(at)) {
      case '{' -> object(depth, new LinkedHashMap<>());
      case '[' -> array(depth);
      case '"' -> match(STRING);
      case 't', 'f', 'n' -> match(WORD);
      default -> match(NUMBER);
    }
  }

  private static String name(String escaped) {
    return ESCAPE
        .matcher(escaped)
        .replaceAll(
            found -> {
              String code = found.group(1);
              char plain =
                  code == null
                      ? unescaped(found.group(2).charAt(0))
                      : (char) Integer.parseInt(code, 16);
              return Matcher.quoteReplacement(String.valueOf(plain));
            });
  }

  private static char unescaped(char letter) {
    return switch (letter) {
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      default -> letter;
    };
  }

  private Matcher match(Pattern pattern) {
    Matcher matcher = pattern.matcher(text).region(at, text.length());
    require(matcher.lookingAt());
    at = matcher.end();
    return matcher;
  }

  private void skipBlank() {
    while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private boolean taken(char expected) {
    boolean there = at < text.length() && text.charAt(at) == expected;
    at += there ? 1 : 0;
    return there;
  }

  private void take(char expected) {
    require(taken(expected));
  }

  private void require(boolean held) {
    if (!held) {
      throw new IllegalArgumentException("no JSON object: see character " + at);
    }
  }
}
