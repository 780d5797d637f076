package trunkline_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The suite that the clients of all languages have: tests/clients/cases.md says what each case is.
func TestCases(t *testing.T) {
	address(t, "TRUNKLINE_ADDRESS")
	var report strings.Builder
	for _, each := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"chat", chat},
		{"stream", stream},
		{"tools_round_trip", toolsRoundTrip},
		{"image", image},
		{"thinking_round_trip", thinkingRoundTrip},
		{"count", count},
		{"embed", embed},
		{"list_models", listModels},
		{"route", route},
		{"own_route", ownRoute},
		{"key", key},
		{"error_invalid_request", errorInvalidRequest},
		{"error_upstream_rejected", errorUpstreamRejected},
		{"error_context_length", errorContextLength},
		{"error_request_too_large", errorRequestTooLarge},
		{"error_capability_not_supported", errorCapabilityNotSupported},
		{"error_not_found", errorNotFound},
		{"error_message_too_large", errorMessageTooLarge},
		{"error_unimplemented", errorUnimplemented},
		{"error_authentication", errorAuthentication},
		{"error_permission_denied", errorPermissionDenied},
		{"error_upstream_credentials", errorUpstreamCredentials},
		{"error_quota_exhausted", errorQuotaExhausted},
		{"error_rate_limit", errorRateLimit},
		{"error_upstream_unavailable", errorUpstreamUnavailable},
		{"error_upstream_timeout", errorUpstreamTimeout},
		{"error_upstream_overloaded", errorUpstreamOverloaded},
		{"error_gateway_unreachable", errorGatewayUnreachable},
		{"error_conflict", errorConflict},
		{"error_stream_interrupted", errorStreamInterrupted},
		{"cancel", cancel},
		{"deadline", deadline},
		{"stream_restart", streamRestart},
		{"gateway_restart", gatewayRestart},
		{"retry", retry},
		{"large_message", largeMessage},
		{"unknown_values", unknownValues},
		{"tls", overTLS},
		{"vectors", allVectors},
		{"readme", readme},
	} {
		outcome := "failed"
		if t.Run(each.name, each.run) {
			outcome = "ok"
		}
		fmt.Fprintf(&report, "%s\t%s\n", each.name, outcome)
	}
	if path := os.Getenv("TRUNKLINE_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(report.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
