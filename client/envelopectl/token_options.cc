#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/options.h"
#include "client/envelopectl/text.h"

namespace enveloperelay::client {
namespace {

constexpr char kCreateFooter[] =
    R"(The token is printed once and kept nowhere: give it to the caller, who shows it
with --token-file, and append the line to the file that the relay was given with
--grpc-token-file. The relay knows the caller as token:NAME.

Examples:
  envelopectl token create billing
  envelopectl token create billing --expires 90d -o json | jq -r .line >>tokens)";

struct Given {
  std::string name;
  std::string expires;
};

std::string CheckName(const std::string& text) {
  const bool allowed =
      !text.empty() && text.size() <= 64 &&
      std::ranges::all_of(text, [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
               c == '_' || c == '-';
      });
  if (allowed) return "";
  return absl::StrFormat(
      "'%s' is not allowed; a name has 1 to 64 letters, digits, '.', '_' and "
      "'-'",
      text);
}

std::optional<absl::Time> ParseExpiry(const std::string& text) {
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return time;
  const std::optional<absl::Duration> duration = ParseDuration(text);
  if (!duration.has_value()) return std::nullopt;
  return absl::Now() + *duration;
}

std::string CheckExpiry(const std::string& text) {
  const std::optional<absl::Time> time = ParseExpiry(text);
  if (!time.has_value()) {
    return absl::StrFormat(
        "'%s' is neither a duration such as 90d nor a time such as "
        "2027-01-31T00:00:00Z",
        text);
  }
  return *time > absl::Now() ? "" : absl::StrFormat("'%s' has passed", text);
}

}  // namespace

void AddToken(CLI::App& app, Command& command) {
  CLI::App& token =
      *app.add_subcommand("token", "Make bearer tokens for the gRPC port");
  token.require_subcommand(1);
  const auto given = std::make_shared<Given>();
  CLI::App& create =
      *token.add_subcommand("create", "Make a token, and its line of the file");
  create.footer(kCreateFooter);
  create.add_option("NAME", given->name)
      ->required()
      ->option_text(" ")
      ->description("Who shows it, e.g. billing")
      ->check(CheckName);
  create.add_option("--expires", given->expires)
      ->option_text("DURATION|TIME")
      ->description("When it expires: 90d, 2027-01-31T00:00:00Z (never)")
      ->check(CheckExpiry);
  create.callback([given, &command] {
    CreateTokenCommand made{.name = given->name};
    if (!given->expires.empty()) {
      made.expires =
          ParseExpiry(given->expires).value_or(absl::InfiniteFuture());
    }
    command = made;
  });
}

}  // namespace enveloperelay::client
