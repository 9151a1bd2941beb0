// A catch-up stream without a log, to compare the relay's with: sends responses
// that lie ready in memory, one slice each, as fast as gRPC takes them.
//
//   bare-stream FILE      prints its port on 127.0.0.1, runs until it is killed
//
// FILE holds the responses, each behind its length (4 bytes, little-endian).
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <ios>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "enveloperelay/v1/events.grpc.pb.h"

namespace enveloperelay::load {
namespace {

using Responses = std::vector<grpc::ByteBuffer>;

// Ends itself when all is sent or the client has left.
class Replay : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit Replay(const Responses& responses) : responses_(responses) {
    Next();
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (next_ == responses_.size()) {
      Finish(grpc::Status::OK);
    } else {
      StartWrite(&responses_[next_++]);
    }
  }

  const Responses& responses_;
  size_t next_ = 0;
};

// A service with a synchronous method, be it unimplemented, gets a pool of
// threads that would compete with the stream.
template <typename Base>
using NoSynchronousMethod =
    v1::EnvelopeEventService::WithRawCallbackMethod_Acknowledge<
        v1::EnvelopeEventService::WithRawCallbackMethod_ListEvents<
            v1::EnvelopeEventService::WithRawCallbackMethod_GetEvent<
                v1::EnvelopeEventService::WithRawCallbackMethod_GetLog<Base>>>>;

class Service
    : public v1::EnvelopeEventService::WithRawCallbackMethod_Subscribe<
          NoSynchronousMethod<v1::EnvelopeEventService::Service>> {
 public:
  explicit Service(const Responses& responses) : responses_(responses) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(
      grpc::CallbackServerContext* /*context*/,
      const grpc::ByteBuffer* /*request*/) override {
    return new Replay(responses_);
  }

 private:
  const Responses& responses_;
};

// The responses point into `bytes`. Empty if a length does not fit.
Responses Split(const std::string& bytes) {
  Responses responses;
  size_t at = 0;
  while (at < bytes.size()) {
    uint32_t size = 0;
    if (bytes.size() - at < sizeof(size)) return {};
    std::memcpy(&size, bytes.data() + at, sizeof(size));
    at += sizeof(size);
    if (bytes.size() - at < size) return {};
    const grpc::Slice slice(bytes.data() + at, size, grpc::Slice::STATIC_SLICE);
    responses.emplace_back(&slice, 1);
    at += size;
  }
  return responses;
}

int Run(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const Responses responses = Split(bytes);
  if (responses.empty()) {
    std::fprintf(stderr, "bare-stream: no responses in %s\n", path);
    return 1;
  }
  Service service(responses);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "bare-stream: cannot listen\n");
    return 1;
  }
  std::printf("%d\n", port);
  std::fflush(stdout);
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace enveloperelay::load

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bare-stream FILE\n");
    return 2;
  }
  return enveloperelay::load::Run(argv[1]);
}
