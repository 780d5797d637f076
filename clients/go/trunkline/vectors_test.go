package trunkline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"trunkline.dev/go/trunkline"
	v1 "trunkline.dev/go/trunkline/v1"
)

// Sent where a vector leaves the id to the client.
const ownID = "own-1"

// What is to come of a vector: tests/clients/vectors/README.md explains it.
type vector struct {
	Response json.RawMessage
	Partial  json.RawMessage
	Texts    []string
	Restarts int
	Error    *vectorError
}

type vectorError struct {
	Class             string
	Reason            string
	Code              *codes.Code
	Message           *string
	Retryable         bool
	RetryAfterSeconds float64 `json:"retry_after_seconds"`
	Provider          string
	Model             string
	RequestID         string `json:"request_id"`
	Resource          string
	Fields            []trunkline.Violation
	Metadata          map[string]string
}

func allVectors(t *testing.T) {
	client := vectors(t)
	for name, vector := range read(t, "streams") {
		t.Run("streams/"+name, func(t *testing.T) { streamOfVector(t, client, name, vector) })
	}
	for name, vector := range read(t, "errors") {
		t.Run("errors/"+name, func(t *testing.T) { errorOfVector(t, client, name, vector) })
	}
	t.Run("in one piece", func(t *testing.T) {
		reply, err := client.Chat(t.Context(), trunkline.Text("Hi"), trunkline.WithModel("vectors/streams/several_blocks"))
		equal(t, err, nil)
		same(t, reply.Proto, read(t, "streams")["several_blocks"].Response)
	})
}

func read(t *testing.T, kind string) map[string]vector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(address(t, "TRUNKLINE_VECTORS_DIR"), kind, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no vectors", err)
	}
	vectors := map[string]vector{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		equal(t, err, nil)
		var vector vector
		if err := json.Unmarshal(text, &vector); err != nil {
			t.Fatal(path, err)
		}
		vectors[strings.TrimSuffix(filepath.Base(path), ".json")] = vector
	}
	return vectors
}

func streamOfVector(t *testing.T, client *trunkline.Client, name string, expected vector) {
	stream := client.Stream(t.Context(), trunkline.Text("Hi"), trunkline.WithModel("vectors/streams/"+name),
		trunkline.WithRestart(), trunkline.WithRequestID(ownID))
	texts, last := []string{}, error(nil)
	for piece, err := range stream.Text() {
		if last = err; err == nil {
			texts = append(texts, piece)
		}
	}
	if !reflect.DeepEqual(texts, expected.Texts) {
		t.Errorf("texts %q, expected %q", texts, expected.Texts)
	}
	equal(t, stream.Restarts(), expected.Restarts)
	if expected.Error == nil {
		equal(t, last, nil)
		same(t, stream.Reply().Proto, expected.Response)
		return
	}
	failed := check(t, last, expected.Error)
	if string(expected.Partial) == "null" {
		equal(t, failed.Partial, nil)
	} else if failed.Partial == nil {
		t.Error("no part of the answer")
	} else {
		same(t, failed.Partial.Proto, expected.Partial)
	}
}

func errorOfVector(t *testing.T, client *trunkline.Client, name string, expected vector) {
	model, id := trunkline.WithModel("vectors/errors/"+name), trunkline.WithRequestID(ownID)
	_, err := client.Chat(t.Context(), trunkline.Text("Hi"), model, id)
	check(t, err, expected.Error)
	_, err = client.Stream(t.Context(), trunkline.Text("Hi"), model, id).Final()
	check(t, err, expected.Error)
}

// same compares answers without the fields that the contract does not know.
func same(t *testing.T, found *v1.ChatResponse, expected json.RawMessage) {
	t.Helper()
	known, wanted := &v1.ChatResponse{}, &v1.ChatResponse{}
	text, err := protojson.Marshal(found)
	if err := errors.Join(err, protojson.Unmarshal(text, known), protojson.Unmarshal(expected, wanted)); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(known, wanted) {
		t.Errorf("found %v, expected %v", known, wanted)
	}
}

func check(t *testing.T, err error, expected *vectorError) *trunkline.APIError {
	t.Helper()
	var e *trunkline.APIError
	if !errors.As(err, &e) {
		t.Fatalf("no APIError: %v", err)
	}
	wanted := *expected
	if wanted.RequestID == "" {
		wanted.RequestID = ownID
	}
	found := vectorError{
		Class:             strings.TrimPrefix(fmt.Sprintf("%T", err), "*trunkline."),
		Reason:            e.Reason,
		Code:              &e.Code,
		Message:           &e.Message,
		Retryable:         e.Retryable,
		RetryAfterSeconds: e.RetryAfter.Seconds(),
		Provider:          e.Provider,
		Model:             e.Model,
		RequestID:         e.RequestID,
		Resource:          e.Resource,
		Fields:            append([]trunkline.Violation{}, e.Fields...),
		Metadata:          e.Metadata,
	}
	// What the client itself finds has words of its own.
	if wanted.Code == nil {
		found.Code = nil
	}
	if wanted.Message == nil {
		found.Message = nil
	}
	if found.Metadata == nil {
		found.Metadata = map[string]string{}
	}
	if !reflect.DeepEqual(found, wanted) {
		a, _ := json.Marshal(found)
		b, _ := json.Marshal(wanted)
		t.Errorf("found    %s\nexpected %s", a, b)
	}
	return e
}
