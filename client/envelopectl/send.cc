#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/errors.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"

namespace enveloperelay::client {
namespace {

absl::StatusOr<std::string> ReadBody(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  std::ifstream file(path, std::ios::binary);
  std::string body(std::istreambuf_iterator<char>(file), {});
  if (!file) {
    return absl::ErrnoToStatus(
        errno, absl::StrFormat("cannot read the webhook from %s", path));
  }
  return body;
}

std::string Describe(const WebhookKind& kind) {
  if (kind.action.empty()) return std::string(kind.event);
  return absl::StrFormat("%s (%s)", kind.event, kind.action);
}

// Posts webhooks one after the other and prints what came of each.
class Sender {
 public:
  Sender(const SendCommand& command, std::string token, const Console& console)
      : rate_(command.rate),
        total_(command.count *
               (command.file.empty() ? command.kinds.size() : 1)),
        poster_({.url = command.ingress,
                 .token = std::move(token),
                 .ca_file = command.ca_file}),
        console_(console),
        progress_(total_ > 1 && isatty(STDERR_FILENO) == 1 &&
                  !console.output.IsTerminal()) {}

  absl::Status Send(const std::string& what, std::string_view body) {
    if (rate_ > 0) {
      // --rate: this one's time has not come yet.
      absl::SleepFor(start_ + sent_ * absl::Seconds(1) / rate_ - absl::Now());
    }
    const absl::StatusOr<StoredWebhook> stored = poster_.Post(body);
    if (!stored.ok()) {
      EndProgress();
      return absl::Status(
          stored.status().code(),
          absl::StrFormat("webhook %u of %u, %s: %s", sent_ + 1, total_, what,
                          ExplainPostError(stored.status())));
    }
    if (console_.format == OutputFormat::kJson) {
      console_.output.Write(StoredJson(*stored));
    } else {
      if (sent_ == 0) console_.output.Write(StoredHeader(console_.colors));
      console_.output.Write(StoredRow(what, *stored));
    }
    ++sent_;
    if (progress_) absl::FPrintF(stderr, "\rsent %u of %u", sent_, total_);
    if (sent_ == total_) EndProgress();
    return console_.output.Flush();
  }

 private:
  void EndProgress() const {
    if (progress_ && sent_ > 0) std::fputs("\n", stderr);
  }

  const double rate_;
  const uint64_t total_;
  WebhookPoster poster_;
  const Console& console_;
  const bool progress_;
  const absl::Time start_ = absl::Now();
  uint64_t sent_ = 0;
};

}  // namespace

absl::Status Run(const SendCommand& command, const Relay& /*relay*/,
                 const Console& console) {
  std::string token;
  if (!command.token_file.empty()) {
    absl::StatusOr<std::string> read = ReadTokenFile(command.token_file);
    if (!read.ok()) return read.status();
    token = *std::move(read);
  }
  std::string body;
  if (!command.file.empty()) {
    absl::StatusOr<std::string> read = ReadBody(command.file);
    if (!read.ok()) return read.status();
    body = *std::move(read);
  }
  absl::BitGen random;
  Sender sender(command, std::move(token), console);
  for (uint64_t round = 0; round < command.count; ++round) {
    absl::Status status;
    if (!command.file.empty()) status = sender.Send(command.file, body);
    const std::string envelope_id =
        command.envelope_id.empty() ? RandomId(random) : command.envelope_id;
    for (const WebhookKind& kind : command.kinds) {
      if (!status.ok()) break;
      status =
          sender.Send(Describe(kind), SampleWebhook(kind, envelope_id, random));
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace enveloperelay::client
