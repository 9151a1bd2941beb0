#include "tests/load/event_counter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace enveloperelay::load {
namespace {

constexpr uint64_t kVarint = 0;
constexpr uint64_t kLengthDelimited = 2;
constexpr uint64_t kEventsTag = 1U << 3U | kLengthDelimited;

}  // namespace

absl::Status EventCounter::Take(std::string_view bytes, bool last) {
  size_t at = 0;
  while (at < bytes.size()) {
    if (expect_ == Expect::kBytes) {
      const size_t step = std::min<size_t>(skip_, bytes.size() - at);
      skip_ -= step;
      at += step;
      if (skip_ == 0) expect_ = Expect::kTag;
      continue;
    }
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    if (shift_ > 63) return absl::DataLossError("a number is too long");
    number_ |= static_cast<uint64_t>(byte & 0x7FU) << shift_;
    shift_ += 7;
    if ((byte & 0x80U) != 0) continue;
    const absl::Status ended = EndNumber();
    if (!ended.ok()) return ended;
  }
  return last ? EndResponse() : absl::OkStatus();
}

absl::Status EventCounter::EndNumber() {
  const uint64_t number = std::exchange(number_, 0);
  shift_ = 0;
  if (expect_ == Expect::kNumber) {
    expect_ = Expect::kTag;
    return absl::OkStatus();
  }
  if (expect_ == Expect::kLength) {
    expect_ = number == 0 ? Expect::kTag : Expect::kBytes;
    skip_ = number;
    if (tag_ == kEventsTag) {
      ++batch_events_;
      bytes_ += number;
    }
    return absl::OkStatus();
  }
  tag_ = number;
  const uint64_t type = number & 7U;
  if (type != kVarint && type != kLengthDelimited) {
    return absl::DataLossError(
        absl::StrCat("no field of a response has the tag ", number));
  }
  expect_ = type == kVarint ? Expect::kNumber : Expect::kLength;
  return absl::OkStatus();
}

absl::Status EventCounter::EndResponse() {
  if (expect_ != Expect::kTag || shift_ != 0) {
    return absl::DataLossError("a response ends within a field");
  }
  events_ += batch_events_;
  if (batch_events_ > 0) ++batches_;
  batch_events_ = 0;
  return absl::OkStatus();
}

}  // namespace enveloperelay::load
