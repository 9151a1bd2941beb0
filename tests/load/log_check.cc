#include "tests/load/log_check.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/http2_stream.h"
#include "tests/load/webhook_request.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

// Compares what is read with what was answered, event by event.
class Checker {
 public:
  Checker(uint32_t series, const std::vector<uint64_t>& answered)
      : series_(series), answered_(answered) {}

  absl::Status Take(std::string_view bytes, bool last) {
    bytes_ += bytes;
    if (!last) return absl::OkStatus();
    if (!response_.ParseFromString(bytes_)) {
      return absl::DataLossError("a response cannot be parsed");
    }
    bytes_.clear();
    for (const v1::EnvelopeEvent& event : response_.events()) {
      const absl::Status taken = Take(event);
      if (!taken.ok()) return taken;
    }
    return absl::OkStatus();
  }

  // A sequence holds one event and every event stands where it was answered,
  // so as many events as answers means that each answer has its event.
  absl::Status AtEnd() const {
    if (count_ == answered_.size()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(
        answered_.size(), " webhooks were answered, the log has ", count_));
  }

 private:
  absl::Status Take(const v1::EnvelopeEvent& event) {
    const std::optional<uint64_t> number =
        NumberOf(event.envelope_id(), series_);
    if (!number.has_value() || *number >= answered_.size()) {
      return absl::DataLossError(absl::StrCat(
          "event ", event.sequence(), " was never posted, its envelope is ",
          event.envelope_id()));
    }
    if (answered_[*number] != event.sequence()) {
      return absl::DataLossError(
          absl::StrCat("webhook ", *number, " was answered as event ",
                       answered_[*number], " and is event ", event.sequence()));
    }
    if (last_ != 0 && event.sequence() != last_ + 1) {
      return absl::DataLossError(absl::StrCat("event ", event.sequence(),
                                              " came after event ", last_));
    }
    last_ = event.sequence();
    ++count_;
    return absl::OkStatus();
  }

  const uint32_t series_;
  const std::vector<uint64_t>& answered_;
  std::string bytes_;  // of the response that is coming
  v1::SubscribeResponse response_;
  uint64_t last_ = 0;
  size_t count_ = 0;
};

}  // namespace

absl::StatusOr<v1::GetLogResponse> GetLog(const testing::RelayProcess& relay) {
  const auto stub = v1::EnvelopeEventService::NewStub(grpc::CreateChannel(
      relay.grpc_target(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
  context.set_wait_for_ready(true);
  v1::GetLogResponse response;
  const grpc::Status status = stub->GetLog(&context, {}, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("GetLog: ", status.error_message()));
  }
  return response;
}

absl::Status CheckLog(const testing::RelayProcess& relay,
                      const std::string& cursor, uint32_t series,
                      const std::vector<uint64_t>& answered_sequences) {
  absl::StatusOr<Http2Stream> stream = Http2Stream::Open(relay.grpc_port());
  if (!stream.ok()) return stream.status();
  Checker checker(series, answered_sequences);
  v1::SubscribeRequest request;
  request.set_cursor(cursor);
  request.set_until_caught_up(true);
  const absl::Status read =
      stream->Read(request, [&checker](std::string_view bytes, bool last) {
        return checker.Take(bytes, last);
      });
  return read.ok() ? checker.AtEnd() : read;
}

}  // namespace enveloperelay::load
