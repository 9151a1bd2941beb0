#include "server/stream/response.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/stream/wire.h"

namespace enveloperelay {
namespace {

constexpr int kEventsField = v1::SubscribeResponse::kEventsFieldNumber;

// A shorter run is copied: that costs less than a slice of its own.
constexpr size_t kSliceBytesMin = 8192;
// So is one that is a smaller part of its chunk.
constexpr size_t kChunkPerSliceMax = 4;

// Makes `owner` live as long as the slice of `bytes`, which it owns.
template <typename Owner>
grpc::Slice OwningSlice(std::unique_ptr<Owner> owner, std::string_view bytes) {
  // gRPC takes a mutable pointer, but never writes through it.
  return grpc::Slice(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* p) { std::unique_ptr<Owner>(static_cast<Owner*>(p)).reset(); },
      owner.release());
}

}  // namespace

bool Batch::Add(const std::shared_ptr<const Chunk>& chunk, size_t index) {
  const RecordRef& ref = chunk->records[index];
  const size_t basic_size = ref.payload - ref.event;
  const size_t size =
      basic_ ? wire::HeaderSize(kEventsField, basic_size) + basic_size
             : ref.size();
  if (full_ || (!empty() && bytes_ + size > limits_.bytes_max)) {
    full_ = true;
    return false;
  }
  if (basic_) {
    AddBasic(*chunk, ref);
  } else {
    if (run_.chunk != chunk || run_.end != ref.begin) {
      FlushRun();
      run_ = {.chunk = chunk, .begin = ref.begin, .end = ref.begin};
    }
    run_.end = ref.end;
  }
  list_.push_back(
      {.sequence = ref.sequence, .receive_micros = ref.receive_time_micros});
  bytes_ += size;
  full_ = events() >= limits_.events_max || bytes_ >= limits_.bytes_max;
  return true;
}

void Batch::AddBasic(const Chunk& chunk, const RecordRef& ref) {
  const std::string_view event = chunk.BasicEvent(ref);
  wire::AppendHeader(kEventsField, event.size(), copy_);
  copy_.append(event);
}

void Batch::FlushRun() {
  if (run_.chunk == nullptr) return;
  const std::string_view all = run_.chunk->bytes;
  const std::string_view bytes = all.substr(run_.begin, run_.end - run_.begin);
  if (bytes.size() >= kSliceBytesMin &&
      bytes.size() * kChunkPerSliceMax >= all.size()) {
    FlushCopy();
    slices_.push_back(OwningSlice(
        std::make_unique<std::shared_ptr<const Chunk>>(std::move(run_.chunk)),
        bytes));
  } else {
    copy_.append(bytes);
  }
  run_ = {};
}

void Batch::FlushCopy() {
  if (copy_.empty()) return;
  auto owner = std::make_unique<std::string>(std::move(copy_));
  copy_.clear();
  const std::string_view bytes = *owner;
  slices_.push_back(OwningSlice(std::move(owner), bytes));
}

grpc::ByteBuffer Batch::Finish(std::string_view trailer) && {
  FlushRun();
  copy_.append(trailer);
  FlushCopy();
  return grpc::ByteBuffer(slices_.data(), slices_.size());
}

}  // namespace enveloperelay
