package trunkline_test

import (
	"testing"
	"time"

	"trunkline.dev/go/trunkline"
)

// The error cases: each type that the simulator can bring about, and what the error tells.

func failing[E error](t *testing.T, options ...trunkline.ChatOption) E {
	t.Helper()
	_, err := gateway(t).Chat(t.Context(), append(options, trunkline.Text("Hello"))...)
	return as[E](t, err)
}

func ofModel[E error](t *testing.T, model string) E {
	t.Helper()
	return failing[E](t, trunkline.WithModel("simulator/"+model))
}

func withOwnKey[E error](t *testing.T, model string) E {
	t.Helper()
	return failing[E](t, trunkline.WithTarget(trunkline.Target{Provider: "simulator", Model: model, APIKey: "sk-of-go-1234"}))
}

func fieldsOf(e *trunkline.APIError) string {
	all := ""
	for _, each := range e.Fields {
		all += each.Field + ";"
	}
	return all
}

func errorInvalidRequest(t *testing.T) {
	e := failing[*trunkline.InvalidRequestError](t, trunkline.WithTemperature(9))
	equal(t, e.Reason, "ERROR_REASON_INVALID_REQUEST")
	equal(t, fieldsOf(e.APIError), "input.generation.temperature;")
}

func errorUpstreamRejected(t *testing.T) {
	e := ofModel[*trunkline.InvalidRequestError](t, "error-400")
	equal(t, e.Reason, "ERROR_REASON_UPSTREAM_REJECTED_REQUEST")
	equal(t, e.Provider, "simulator")
}

func errorContextLength(t *testing.T) {
	e := ofModel[*trunkline.ContextLengthError](t, "error-context")
	limit, known := e.Limit()
	equal(t, known, true)
	equal(t, limit, 200000)
	requested, known := e.Requested()
	equal(t, known, true)
	equal(t, requested, 210000)
}

func errorRequestTooLarge(t *testing.T) { ofModel[*trunkline.RequestTooLargeError](t, "error-413") }

func errorCapabilityNotSupported(t *testing.T) {
	e := failing[*trunkline.CapabilityNotSupportedError](t, trunkline.WithLogprobs(0))
	equal(t, fieldsOf(e.APIError), "input.generation.logprobs;")
}

func errorNotFound(t *testing.T) {
	equal(t, ofModel[*trunkline.NotFoundError](t, "error-404").Resource, "error-404")
	equal(t, failing[*trunkline.NotFoundError](t, trunkline.WithRoute("nowhere")).Resource, "nowhere")
}

func errorMessageTooLarge(t *testing.T) { ofModel[*trunkline.MessageTooLargeError](t, "big-n33") }

func errorUnimplemented(t *testing.T) {
	_, err := vectors(t).CountTokens(t.Context(), trunkline.Text("Hello"), trunkline.WithModel("m"))
	as[*trunkline.UnimplementedError](t, err)
}

func errorAuthentication(t *testing.T) { withOwnKey[*trunkline.AuthenticationError](t, "error-401") }

func errorPermissionDenied(t *testing.T) {
	withOwnKey[*trunkline.PermissionDeniedError](t, "error-403")
}

func errorUpstreamCredentials(t *testing.T) {
	ofModel[*trunkline.UpstreamCredentialsError](t, "error-401")
}

func errorQuotaExhausted(t *testing.T) {
	equal(t, ofModel[*trunkline.QuotaExhaustedError](t, "error-402").Retryable, false)
}

func errorRateLimit(t *testing.T) {
	e := ofModel[*trunkline.RateLimitError](t, "error-429")
	equal(t, e.Retryable, true)
	equal(t, e.RetryAfter, 7*time.Second)
	equal(t, e.Provider, "simulator")
	equal(t, e.Model, "error-429")
	equal(t, e.RequestID != "", true)
}

func errorUpstreamUnavailable(t *testing.T) {
	e := ofModel[*trunkline.UpstreamUnavailableError](t, "error-500")
	equal(t, e.Retryable, true)
	equal(t, e.UpstreamStatus(), 500)
}

func errorUpstreamTimeout(t *testing.T) { ofModel[*trunkline.UpstreamTimeoutError](t, "error-408") }

func errorUpstreamOverloaded(t *testing.T) {
	ofModel[*trunkline.UpstreamOverloadedError](t, "error-529")
}

func errorGatewayUnreachable(t *testing.T) {
	_, err := client(t, "127.0.0.1:1").Chat(t.Context(), trunkline.Text("Hello"), trunkline.WithModel("m"))
	as[*trunkline.GatewayUnreachableError](t, err)
}

func errorConflict(t *testing.T) { ofModel[*trunkline.ConflictError](t, "error-409") }

func errorStreamInterrupted(t *testing.T) {
	_, err := gateway(t).Stream(t.Context(), trunkline.Text("Hello"), trunkline.WithModel("simulator/cut")).Final()
	equal(t, as[*trunkline.StreamInterruptedError](t, err).Partial.Text() != "", true)
}
