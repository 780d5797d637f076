// A call in one piece and a streamed one, against the gateway at TRUNKLINE_ADDRESS. Prints a line for each, as
// tests/clients/cases.md asks for.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "trunkline/v1/chat_service.grpc.pb.h"

namespace v1 = trunkline::v1;

namespace {

using Stub = v1::ChatService::Stub;

void ask(v1::ChatInput* input, const std::string& text) {
  input->set_model("simulator/text");
  auto* message = input->add_messages();
  message->set_role(v1::ROLE_USER);
  message->add_content()->mutable_text()->set_text(text);
}

void limit(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
}

bool chat(Stub* stub) {
  grpc::ClientContext context;
  limit(&context);
  v1::ChatRequest request;
  ask(request.mutable_input(), "Hello");
  v1::ChatResponse response;
  if (const auto status = stub->Chat(&context, request, &response); !status.ok()) {
    std::cerr << status.error_message() << '\n';
    return false;
  }
  return response.message().content_size() == 1 && response.message().content(0).text().text() == "You said: Hello" &&
         response.completion().finish_reason() == v1::FINISH_REASON_STOP;
}

bool stream(Stub* stub) {
  grpc::ClientContext context;
  limit(&context);
  v1::StreamChatRequest request;
  ask(request.mutable_input(), "one two three");
  const auto reader = stub->StreamChat(&context, request);
  v1::StreamChatResponse message;
  std::string text;
  int pieces = 0;
  bool complete = false;
  while (reader->Read(&message)) {
    for (const auto& event : message.events()) {
      if (event.has_block_delta() && event.block_delta().has_text()) {
        text += event.block_delta().text();
        ++pieces;
      }
      complete = complete || event.has_completion();
    }
  }
  if (const auto status = reader->Finish(); !status.ok()) {
    std::cerr << status.error_message() << '\n';
    return false;
  }
  return complete && pieces > 1 && text == "You said: one two three";
}

}  // namespace

int main() {
  const char* address = std::getenv("TRUNKLINE_ADDRESS");
  if (address == nullptr) {
    std::cerr << "TRUNKLINE_ADDRESS is not set\n";
    return 2;
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(32 << 20);
  const auto stub =
      v1::ChatService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  bool passed = true;
  for (const auto& [name, run] : {std::pair{"chat", chat}, std::pair{"stream", stream}}) {
    const bool ok = run(stub.get());
    std::cout << name << '\t' << (ok ? "ok" : "failed") << '\n';
    passed = passed && ok;
  }
  return passed ? 0 : 1;
}
