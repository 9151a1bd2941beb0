#include <cstdint>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tests/load/bare_server.h"
#include "tests/load/bench.h"
#include "tests/load/catch_up.h"
#include "tests/load/event_counter.h"
#include "tests/load/report.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::load {
namespace {

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
absl::StatusOr<Contents> Record(const BenchOptions& options,
                                const testing::RelayProcess& relay,
                                const std::string& path) {
  Recorder recorder(path);
  const absl::StatusOr<EventCounter> counter =
      CatchUp(options, relay, [&recorder](std::string_view bytes, bool last) {
        recorder.Take(bytes, last);
      });
  if (!counter.ok()) return counter.status();
  const absl::Status closed = recorder.Close();
  if (!closed.ok()) return closed;
  // With smaller batches the baseline would be slower than it need be.
  const uint64_t batches =
      (counter->events() + options.batch_events - 1) / options.batch_events;
  if (counter->batches() > batches + batches / 50 + 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(counter->events(), " events came in ", counter->batches(),
                     " batches instead of ", batches));
  }
  return Contents{.events = counter->events(), .bytes = counter->bytes()};
}

}  // namespace

absl::StatusOr<Figure> BenchStream(const BenchOptions& options, Relay& relay) {
  const testing::TempDir directory;
  const std::string path = directory.File("responses");
  Contents contents;
  absl::Status ran =
      relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
        const absl::Status filled = FillUp(options, process);
        if (!filled.ok()) return filled;
        const absl::StatusOr<Contents> recorded =
            Record(options, process, path);
        if (recorded.ok()) contents = *recorded;
        return recorded.status();
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
          MeasureCatchUp(options, contents, process.grpc_port(), process.pid());
      if (sample.ok()) figure.relay.push_back(*sample);
      return sample.status();
    });
    if (!ran.ok()) return ran;
    const absl::StatusOr<Sample> bare =
        MeasureCatchUp(options, contents, server->port(), server->pid());
    if (!bare.ok()) return bare.status();
    figure.bare.push_back(*bare);
  }
  return figure;
}

}  // namespace enveloperelay::load
