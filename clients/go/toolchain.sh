#!/bin/sh
# Whether Go's client can be tested here: the Go that go.mod asks for, or a newer one.
cd "$(dirname "$0")" && GOTOOLCHAIN=local exec go list -m
