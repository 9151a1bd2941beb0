#include "tests/load/catch_up.h"

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/bench.h"
#include "tests/load/event_counter.h"
#include "tests/load/http2_stream.h"
#include "tests/load/log_check.h"
#include "tests/load/machine.h"
#include "tests/load/report.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

v1::SubscribeRequest FromTheStart(const BenchOptions& options) {
  v1::SubscribeRequest request;
  request.set_start(v1::START_POSITION_EARLIEST);
  request.set_until_caught_up(true);
  request.set_max_batch_events(options.batch_events);
  return request;
}

}  // namespace

absl::Status FillUp(const BenchOptions& options,
                    const testing::RelayProcess& relay) {
  const absl::StatusOr<v1::GetLogResponse> log = GetLog(relay);
  if (!log.ok()) return log.status();
  if (log->latest_sequence() >= options.events) return absl::OkStatus();
  return Fill(options, relay, options.events - log->latest_sequence());
}

absl::StatusOr<EventCounter> CatchUp(
    const BenchOptions& options, const testing::RelayProcess& relay,
    absl::FunctionRef<void(std::string_view bytes, bool last)> see) {
  const absl::StatusOr<v1::GetLogResponse> log = GetLog(relay);
  if (!log.ok()) return log.status();
  absl::StatusOr<Http2Stream> stream = Http2Stream::Open(relay.grpc_port());
  if (!stream.ok()) return stream.status();
  EventCounter counter;
  const absl::Status status = stream->Read(
      FromTheStart(options), [&](std::string_view bytes, bool last) {
        see(bytes, last);
        return counter.Take(bytes, last);
      });
  if (!status.ok()) return status;
  if (counter.events() != log->latest_sequence()) {
    return absl::DataLossError(
        absl::StrCat("the log ends at ", log->latest_sequence(),
                     ", a stream of it brought ", counter.events(), " events"));
  }
  return counter;
}

absl::StatusOr<Sample> MeasureCatchUp(const BenchOptions& options,
                                      const Contents& expected, uint16_t port,
                                      pid_t pid) {
  absl::StatusOr<Http2Stream> stream = Http2Stream::Open(port);
  if (!stream.ok()) return stream.status();
  EventCounter counter;
  const absl::Duration server_cpu = CpuTimeOf(pid);
  const absl::Duration client_cpu = ThreadCpuTime();
  const absl::Time begin = absl::Now();
  const absl::Status read = stream->Read(
      FromTheStart(options), [&](std::string_view bytes, bool last) {
        return counter.Take(bytes, last);
      });
  const absl::Duration elapsed = absl::Now() - begin;
  if (!read.ok()) return read;
  if (Contents{.events = counter.events(), .bytes = counter.bytes()} !=
      expected) {
    return absl::DataLossError(absl::StrCat(
        "a stream brought ", counter.events(), " events of ", counter.bytes(),
        " bytes, not ", expected.events, " of ", expected.bytes));
  }
  const auto all = static_cast<int64_t>(expected.events);
  return Sample{
      .per_second = static_cast<double>(all) / absl::ToDoubleSeconds(elapsed),
      .server_cpu = (CpuTimeOf(pid) - server_cpu) / all,
      .client_cpu = (ThreadCpuTime() - client_cpu) / all,
  };
}

}  // namespace enveloperelay::load
