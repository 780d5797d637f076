package dev.trunkline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The README's examples, as printed: they compile without a warning, and run without a complaint.
 */
@ExtendWith(Report.class)
@Tag("readme")
final class ReadmeTest {
  private static final Pattern EXAMPLE =
      Pattern.compile("^```java\n(.*?^class (\\w+).*?)^```", Pattern.MULTILINE | Pattern.DOTALL);
  private static final String CLASSES = System.getProperty("java.class.path");

  static Stream<Example> examples() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    List<Example> found = EXAMPLE.matcher(readme).results().map(Example::new).toList();
    assertEquals(readme.split("```java").length - 1, found.size());
    return found.stream();
  }

  record Example(String name, String source) {
    Example(MatchResult found) {
      this(found.group(2), found.group(1));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void runs(Example example, @TempDir Path directory) throws Exception {
    Path source = Files.writeString(directory.resolve(example.name() + ".java"), example.source());
    compile(source, directory);
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classes = CLASSES + System.getProperty("path.separator") + directory;
    Path out = directory.resolve("out");
    Path complaints = directory.resolve("complaints");
    int code =
        new ProcessBuilder(java, "-cp", classes, example.name())
            .redirectOutput(out.toFile())
            .redirectError(complaints.toFile())
            .start()
            .waitFor();
    assertEquals("0 ", code + " " + Files.readString(complaints));
    String said = Files.readString(out);
    assertTrue(said.contains("You said: ") || said.contains("answered: 18 degrees"), said);
  }

  private static void compile(Path source, Path directory) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    assertNotNull(compiler);
    StringWriter complaints = new StringWriter();
    List<String> options =
        List.of("-Xlint:all", "-Werror", "-proc:none", "-cp", CLASSES, "-d", directory.toString());
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      var task =
          compiler.getTask(
              complaints, files, null, options, null, files.getJavaFileObjects(source));
      assertTrue(task.call(), complaints::toString);
    }
  }
}
