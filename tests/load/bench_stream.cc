#include <sys/types.h>

#include <cstdint>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/bare_server.h"
#include "tests/load/bench.h"
#include "tests/load/event_counter.h"
#include "tests/load/http2_stream.h"
#include "tests/load/log_check.h"
#include "tests/load/machine.h"
#include "tests/load/report.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::load {
namespace {

// What one reading of the whole log brings, every time.
struct Contents {
  uint64_t events = 0;
  uint64_t bytes = 0;
  friend bool operator==(const Contents&, const Contents&) = default;
};

v1::SubscribeRequest FromTheStart(const BenchOptions& options) {
  v1::SubscribeRequest request;
  request.set_start(v1::START_POSITION_EARLIEST);
  request.set_until_caught_up(true);
  request.set_max_batch_events(options.batch_events);
  return request;
}

// Writes responses as bare-stream reads them.
class Recorder {
 public:
  explicit Recorder(const std::string& path) : file_(path, std::ios::binary) {}

  void Take(std::string_view bytes, bool last) {
    response_ += bytes;
    if (!last) return;
    const auto size = static_cast<uint32_t>(response_.size());
    file_.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file_.write(response_.data(),
                static_cast<std::streamsize>(response_.size()));
    response_.clear();
  }

  absl::Status Close() {
    file_.close();
    if (file_) return absl::OkStatus();
    return absl::UnavailableError("cannot save the relay's responses");
  }

 private:
  std::ofstream file_;
  std::string response_;
};

// Reads the log to its end, saves the responses at `path` and says what was in
// them.
absl::StatusOr<Contents> Record(const BenchOptions& options, uint16_t port,
                                const std::string& path) {
  absl::StatusOr<Http2Stream> stream = Http2Stream::Open(port);
  if (!stream.ok()) return stream.status();
  Recorder recorder(path);
  EventCounter counter;
  absl::Status status = stream->Read(FromTheStart(options),
                                     [&](std::string_view bytes, bool last) {
                                       recorder.Take(bytes, last);
                                       return counter.Take(bytes, last);
                                     });
  if (status.ok()) status = recorder.Close();
  if (!status.ok()) return status;
  // With smaller batches the baseline would be slower than it need be.
  const uint64_t batches =
      (counter.events() + options.batch_events - 1) / options.batch_events;
  if (counter.batches() > batches + batches / 50 + 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(counter.events(), " events came in ", counter.batches(),
                     " batches instead of ", batches));
  }
  return Contents{.events = counter.events(), .bytes = counter.bytes()};
}

// Reads all of the log once.
absl::StatusOr<Sample> Measure(const BenchOptions& options,
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

// Brings the log to the number of events that was asked for, and records it.
absl::StatusOr<Contents> Prepare(const BenchOptions& options,
                                 const testing::RelayProcess& relay,
                                 const std::string& path) {
  absl::StatusOr<v1::GetLogResponse> log = GetLog(relay);
  if (log.ok() && log->latest_sequence() < options.events) {
    const absl::Status filled =
        Fill(options, relay, options.events - log->latest_sequence());
    if (!filled.ok()) return filled;
    log = GetLog(relay);
  }
  if (!log.ok()) return log.status();
  const absl::StatusOr<Contents> contents =
      Record(options, relay.grpc_port(), path);
  if (contents.ok() && contents->events != log->latest_sequence()) {
    return absl::DataLossError(
        absl::StrCat("the log ends at ", log->latest_sequence(),
                     ", a stream of it brought ", contents->events, " events"));
  }
  return contents;
}

}  // namespace

absl::StatusOr<Figure> BenchStream(const BenchOptions& options, Relay& relay) {
  const testing::TempDir directory;
  const std::string path = directory.File("responses");
  Contents contents;
  absl::Status ran =
      relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
        const absl::StatusOr<Contents> prepared =
            Prepare(options, process, path);
        if (prepared.ok()) contents = *prepared;
        return prepared.status();
      });
  if (!ran.ok()) return ran;
  const absl::StatusOr<BareServer> server =
      BareServer::Start("bare-stream", path);
  if (!server.ok()) return server.status();
  Figure figure{
      .name = absl::StrCat("Events/s of a catch-up stream of ", contents.events,
                           " events, ", contents.bytes / contents.events,
                           " bytes each, in batches of ", options.batch_events),
      .baseline = "bare stream",
      .aim = 0.8};
  for (int round = 0; round < options.rounds; ++round) {
    // Started anew, so it reads its store and not its memory.
    ran = relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
      const absl::StatusOr<Sample> sample =
          Measure(options, contents, process.grpc_port(), process.pid());
      if (sample.ok()) figure.relay.push_back(*sample);
      return sample.status();
    });
    if (!ran.ok()) return ran;
    const absl::StatusOr<Sample> bare =
        Measure(options, contents, server->port(), server->pid());
    if (!bare.ok()) return bare.status();
    figure.bare.push_back(*bare);
  }
  return figure;
}

}  // namespace enveloperelay::load
