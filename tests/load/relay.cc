#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tests/load/bench.h"
#include "tests/support/child_process.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {

const std::string& Relay::token() {
  static const std::string token = "bench-47acfde3bd834fbc9ff1ea0dc030e118";
  return token;
}

absl::StatusOr<std::unique_ptr<Relay>> Relay::Create(
    const std::string& program) {
  auto relay = std::make_unique<Relay>();
  const std::string token_file = relay->directory_.File("tokens");
  std::ofstream(token_file) << token() << "\n";
  absl::StatusOr<std::unique_ptr<testing::RelayProcess>> process =
      testing::RelayProcess::Start(
          {.arguments = {"--ingress-token-file", token_file},
           .program = program});
  if (!process.ok()) return process.status();
  relay->process_ = *std::move(process);
  const absl::Status stopped = relay->Stop();
  if (!stopped.ok()) return stopped;
  return relay;
}

absl::Status Relay::Run(
    absl::FunctionRef<absl::Status(testing::RelayProcess&)> use) {
  const absl::Status started = process_->Restart();
  if (!started.ok()) return started;
  const absl::Status used = use(*process_);
  const absl::Status stopped = Stop();
  return used.ok() ? stopped : used;
}

absl::Status Relay::Stop() {
  const absl::StatusOr<testing::ExitStatus> exit = process_->Terminate();
  if (!exit.ok()) return exit.status();
  if (*exit == testing::ExitStatus{.code = 0}) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the relay ended with code ",
                                          exit->code, ", signal ", exit->signal,
                                          "; its log:\n", process_->Log()));
}

}  // namespace enveloperelay::load
