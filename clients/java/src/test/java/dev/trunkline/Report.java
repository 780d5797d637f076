package dev.trunkline;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Writes the report that tests/clients/cases.md asks for, a line a case. A case is a test's tag, or
 * else the name of its method.
 */
final class Report implements AfterEachCallback, AfterAllCallback {
  private static final Map<String, Boolean> OUTCOMES = new ConcurrentSkipListMap<>();

  @Override
  public void afterEach(ExtensionContext context) {
    boolean passed = context.getExecutionException().isEmpty();
    OUTCOMES.merge(name(context), passed, Boolean::logicalAnd);
  }

  private static String name(ExtensionContext context) {
    String method = context.getRequiredTestMethod().getName();
    return context.getTags().stream()
        .findFirst()
        .orElse(method.replaceAll("([A-Z])", "_$1").toLowerCase());
  }

  @Override
  public void afterAll(ExtensionContext context) {
    String lines =
        OUTCOMES.entrySet().stream()
            .map(each -> each.getKey() + "\t" + (each.getValue() ? "ok" : "failed") + "\n")
            .collect(Collectors.joining());
    try {
      Files.writeString(Path.of(World.of("TRUNKLINE_REPORT")), lines);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
