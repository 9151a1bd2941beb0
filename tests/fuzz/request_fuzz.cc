// Requests of subscribers: each is taken within its bounds or refused with
// the fields that are wrong.
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/stream/errors.h"
#include "server/stream/request.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

void CheckRefusal(const absl::Status& status) {
  RELAY_CHECK(absl::IsInvalidArgument(status));
  RELAY_CHECK(!ReasonOf(status).empty());
  const grpc::Status sent = ToGrpcStatus(status);
  RELAY_CHECK(sent.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  // Clients' metadata is bounded, 8 KiB by default.
  RELAY_CHECK(sent.error_details().size() < size_t{8} * 1024);
}

void CheckStart(const ReadSpec& read) {
  if (read.start.start_time.has_value()) {
    RELAY_CHECK(*read.start.start_time > absl::InfinitePast() &&
                *read.start.start_time < absl::InfiniteFuture());
  }
  if (read.filter != nullptr) RELAY_CHECK(!read.filter->empty());
}

void CheckSubscribeRequest(const std::string& bytes) {
  v1::SubscribeRequest request;
  if (!request.ParseFromString(bytes)) return;
  const absl::StatusOr<SubscribeSpec> spec = CheckSubscribe(request);
  if (!spec.ok()) {
    CheckRefusal(spec.status());
    return;
  }
  CheckStart(spec->read);
  RELAY_CHECK(spec->batch_events_max >= 1 &&
              spec->batch_events_max <= kBatchEventsMax);
  RELAY_CHECK(spec->batch_bytes_max >= kBatchBytesMin &&
              spec->batch_bytes_max <= kBatchBytesMax);
  RELAY_CHECK(spec->heartbeat_interval >= kHeartbeatMin &&
              spec->heartbeat_interval <= kHeartbeatMax);
  RELAY_CHECK(spec->worker.has_value() == !request.subscription().empty());
  if (spec->worker.has_value()) {
    RELAY_CHECK(spec->worker->worker_id.size() <= kWorkerIdBytesMax);
    RELAY_CHECK(spec->worker->outstanding_max >= 1 &&
                spec->worker->outstanding_max <= kOutstandingMax);
  }
}

void CheckListRequest(const std::string& bytes) {
  v1::ListEventsRequest request;
  if (!request.ParseFromString(bytes)) return;
  const absl::StatusOr<ListSpec> spec = CheckList(request);
  if (!spec.ok()) {
    CheckRefusal(spec.status());
    return;
  }
  CheckStart(spec->read);
  RELAY_CHECK(spec->page_size >= 1 && spec->page_size <= kBatchEventsMax);
  RELAY_CHECK(spec->wait >= absl::ZeroDuration() && spec->wait <= kListWaitMax);
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string bytes(testing::FuzzInput(data, size).Rest());
  CheckSubscribeRequest(bytes);
  CheckListRequest(bytes);
  return 0;
}
