package trunkline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"

	"trunkline.dev/go/trunkline"
)

// The servers of tests/clients/cases.md, which make test-clients starts.
func address(t *testing.T, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Skipf("%s is not set: make test-clients LANGUAGES=go", variable)
	}
	return value
}

func client(t *testing.T, address string, options ...trunkline.Option) *trunkline.Client {
	t.Helper()
	client, err := trunkline.New(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func gateway(t *testing.T) *trunkline.Client {
	t.Helper()
	return client(t, address(t, "TRUNKLINE_ADDRESS"), trunkline.WithModel("simulator/text"))
}

func vectors(t *testing.T) *trunkline.Client {
	t.Helper()
	return client(t, address(t, "TRUNKLINE_VECTORS"))
}

// A call of the simulator's record.
type received struct {
	Method  string
	Model   string
	Outcome string
	Headers map[string]string
	JSON    struct {
		Metadata struct {
			UserID string `json:"user_id"`
		}
		Messages []struct{ Content []map[string]any }
	}
}

// calls are those so far that asked a model.
func calls(t *testing.T, model string) []received {
	t.Helper()
	direct := http.Client{Transport: &http.Transport{}}
	defer direct.CloseIdleConnections()
	response, err := direct.Get(address(t, "SIMULATOR_URL") + "/_simulator/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var record struct{ Calls []json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&record); err != nil {
		t.Fatal(err)
	}
	var found []received
	for _, raw := range record.Calls {
		var call received
		// Other tests' calls may have any shape.
		if json.Unmarshal(raw, &call) == nil && call.Method == http.MethodPost && call.Model == model {
			found = append(found, call)
		}
	}
	return found
}

// as finds an error of a type; the call has to have failed with this very one, not with one below it.
func as[E error](t *testing.T, err error) E {
	t.Helper()
	var found E
	if !errors.As(err, &found) || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", found) {
		t.Fatalf("expected %T, not %T: %v", found, err, err)
	}
	return found
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func equal[T comparable](t *testing.T, found, expected T) {
	t.Helper()
	if found != expected {
		t.Errorf("found %.200v, expected %.200v", found, expected)
	}
}
