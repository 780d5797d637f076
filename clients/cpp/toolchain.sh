#!/bin/sh
# Whether C++'s stubs can be built here: a compiler, CMake, and gRPC with its generator.
cmake --version && c++ --version && protoc --version && command -v grpc_cpp_plugin && pkg-config --exists grpc++ protobuf
