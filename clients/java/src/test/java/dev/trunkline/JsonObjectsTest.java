package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Members of one JSON object over those of another, character for character. */
final class JsonObjectsTest {
  @Test
  void membersStayAsTheyAre() {
    String below = " {\"a\" : 1.0, \"b\":[ {} , [\"]\", -2e+05, true]], \"c\":{\"a\":null}}\n";
    assertEquals(
        "{\"a\" : 1.0,\"b\": 3E0,\"c\":{\"a\":null},\"d\":\"\\u00e9\\\"\"}",
        JsonObjects.laidOver(below, "{\"b\": 3E0,\"d\":\"\\u00e9\\\"\"}"));
    assertEquals("{}", JsonObjects.laidOver("{}", "{ }"));
  }

  @Test
  void namesAreTheSameHoweverTheyAreWritten() {
    assertEquals(
        "{\"\\u0061\\n\\/\":2}",
        JsonObjects.laidOver("{\"a\\u000A/\":1}", "{\"\\u0061\\n\\/\":2}"));
  }

  @Test
  void sizeDoesNotMatter() {
    String member = "\"x\":\"" + "é\\n".repeat(1 << 20) + "\"";
    assertEquals("{" + member + "}", JsonObjects.laidOver("{}", "{" + member + "}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "1",
        "[]",
        "null",
        "{",
        "}",
        "{}}",
        "{} x",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":+1}",
        "{\"a\":NaN}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"}",
        "{\"a\":tru}"
      })
  void whatIsNoObjectIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> JsonObjects.laidOver("{}", text));
  }

  @Test
  void whatIsTooDeepIsRefused() {
    String deep = "{\"a\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
    assertThrows(IllegalArgumentException.class, () -> JsonObjects.laidOver("{}", deep));
  }
}
