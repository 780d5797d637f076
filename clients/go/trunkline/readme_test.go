package trunkline_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

var (
	example = regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	answer  = regexp.MustCompile("You said: |The tool answered: 18 degrees")
)

// readme runs the README's examples as printed, each of which is a program.
func readme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	equal(t, err, nil)
	found := example.FindAllSubmatch(text, -1)
	equal(t, len(found) > 0, true)
	for i, program := range found {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "main.go")
			equal(t, os.WriteFile(file, program[1], 0o600), nil)
			for _, command := range []string{"vet", "run"} {
				output, err := exec.CommandContext(t.Context(), "go", command, file).CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, output)
				}
				if command == "run" && !answer.Match(output) {
					t.Errorf("it said %s", output)
				}
			}
		})
	}
}
