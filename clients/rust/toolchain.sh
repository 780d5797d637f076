#!/bin/sh
# Whether Rust's stubs can be built here.
exec cargo --version
