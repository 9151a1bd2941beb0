#include "server/config/load.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"
#include "server/base/network.h"
#include "server/config/config.h"
#include "server/config/options.h"
#include "server/config/toml_file.h"

namespace enveloperelay {
namespace {

constexpr char kConfigVariable[] = "ENVELOPE_RELAY_CONFIG";

// A value, and where it came from in words.
struct Given {
  std::string text;
  std::string source;
};

// The values that were given, by name of the option. Sources are read from the
// first to the last in precedence, so the first entry stays.
using Values = std::map<std::string, Given>;

// Breaks `text` into lines that fit beside the options' names.
std::string Wrap(const std::string& text) {
  constexpr size_t kWidth = 60;
  std::string wrapped;
  size_t line = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line > 0 && line + 1 + word.size() > kWidth) {
      wrapped += '\n';
      line = 0;
    } else if (line > 0) {
      wrapped += ' ';
      ++line;
    }
    absl::StrAppend(&wrapped, word);
    line += word.size();
  }
  return wrapped;
}

std::string HelpOf(const Option& option) {
  return absl::StrCat(
      Wrap(option.help),
      "\nDefault: ", option.default_text.empty() ? "none" : option.default_text,
      "   $", option.Environment());
}

// What the command line says.
struct CommandLine {
  Values values;
  std::optional<Given> config_file;
  std::string text;  // of --help or --version
  std::vector<std::string> errors;
};

void AddOptions(CLI::App& app) {
  app.set_help_flag("-h,--help", "Print this and leave.");
  app.add_flag("--version")->description("Print the version and leave.");
  app.add_option("--config")
      ->option_text("PATH")
      ->description(
          absl::StrCat("TOML file with options: their names, without the\n"
                       "dashes in front, are its keys.\n"
                       "Default: none   $",
                       kConfigVariable));
  for (const Option& option : Options()) {
    CLI::Option* const added = option.is_flag() ? app.add_flag(option.Flag())
                                                : app.add_option(option.Flag());
    added->option_text(option.value_name)
        ->description(HelpOf(option))
        ->group(option.group);
  }
  app.get_formatter()->column_width(36);
  app.footer(
      "The command line wins over the environment, the environment over the "
      "file, the file\n"
      "over the defaults. Exit status: 0 after a drain (SIGTERM, SIGINT), 1 "
      "after a failure,\n"
      "2 for options that are not allowed.");
}

std::string UnknownArgument(const std::string& argument) {
  if (!argument.starts_with("--")) {
    return absl::StrCat("unexpected argument '", argument,
                        "'; options begin with --");
  }
  const std::string name = argument.substr(2, argument.find('=') - 2);
  return absl::StrCat("there is no option '--", name, "'; ",
                      SuggestOption(name));
}

CommandLine ReadCommandLine(const LoadInput& input) {
  CommandLine line;
  CLI::App app(
      "Receives Sign.Plus webhooks over HTTP, stores them durably and streams "
      "them over gRPC.",
      "envelope-relay");
  AddOptions(app);
  app.allow_extras();
  try {
    std::vector<std::string> reversed(input.arguments.rbegin(),
                                      input.arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    line.text = app.help();
    return line;
  } catch (const CLI::ParseError& error) {
    line.errors.push_back(absl::StrCat("command line: ", error.what()));
    return line;
  }
  if (app.count("--version") > 0) line.text = input.version + "\n";
  for (const std::string& argument : app.remaining())
    line.errors.push_back(UnknownArgument(argument));
  if (app.count("--config") > 0) {
    line.config_file =
        Given{.text = app.get_option("--config")->results().back(),
              .source = "the command line"};
  }
  for (const Option& option : Options()) {
    const CLI::Option* const read = app.get_option(option.Flag());
    if (read->count() == 0) continue;
    if (read->count() > 1) {
      line.errors.push_back(absl::StrCat(
          option.Flag(), ": given more than once on the command line"));
    }
    line.values.insert(
        {option.name,
         {.text = read->results().back(), .source = "the command line"}});
  }
  return line;
}

bool IsOurs(const std::string& variable) {
  if (variable == kConfigVariable) return true;
  return std::ranges::any_of(Options(), [&variable](const Option& option) {
    return option.Environment() == variable;
  });
}

void ReadEnvironment(const LoadInput& input, Values& values,
                     Invocation& invocation) {
  for (const Option& option : Options()) {
    const auto it = input.environment.find(option.Environment());
    if (it == input.environment.end()) continue;
    values.insert(
        {option.name, {.text = it->second, .source = option.Environment()}});
  }
  for (const auto& [name, value] : input.environment) {
    if (!name.starts_with(kEnvironmentPrefix) || IsOurs(name)) continue;
    invocation.ignored_variables.push_back(name);
  }
}

void ReadFile(const std::string& path, Values& values,
              std::vector<std::string>& errors) {
  TomlFile file = ReadTomlFile(path);
  errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  for (TomlSetting& setting : file.settings) {
    values.insert({setting.option->name,
                   {.text = std::move(setting.text),
                    .source = absl::StrCat(path, " line ", setting.line)}});
  }
}

// Parses each value, whatever its source, and the defaults of the others.
Config Apply(const Values& values, std::vector<std::string>& errors) {
  Config config;
  for (const Option& option : Options()) {
    RELAY_CHECK(option.set(option.default_text, config));
    const auto it = values.find(option.name);
    if (it == values.end() || option.set(it->second.text, config)) continue;
    errors.push_back(absl::StrCat(
        option.Flag(), ": '", it->second.text, "' from ", it->second.source,
        " is not allowed; allowed is ", option.allowed));
  }
  return config;
}

// The options of TLS of one listener; `prefix` is "--ingress-tls-".
void CheckTls(std::string_view prefix, const std::string& cert_file,
              const std::string& key_file, const std::string& client_ca_file,
              std::vector<std::string>& errors) {
  const std::string name(prefix);
  if (cert_file.empty() != key_file.empty()) {
    errors.push_back(absl::StrCat(
        name, key_file.empty() ? "cert-file" : "key-file", ": without ", name,
        key_file.empty() ? "key-file" : "cert-file",
        " there is no TLS; allowed are both or neither"));
  } else if (cert_file.empty() && !client_ca_file.empty()) {
    errors.push_back(absl::StrCat(
        name,
        "client-ca-file: clients show certificates only within TLS; "
        "allowed is it with ",
        name, "cert-file and ", name, "key-file"));
  }
}

// Of the gRPC port, what must be together.
void CheckGrpc(const Config& config, std::vector<std::string>& errors) {
  const bool tls = !config.grpc_tls_cert_file.empty();
  CheckTls("--grpc-tls-", config.grpc_tls_cert_file, config.grpc_tls_key_file,
           config.grpc_tls_client_ca_file, errors);
  if (config.grpc_address.IsLoopback() || config.insecure_grpc) return;
  const bool known = !config.grpc_tls_client_ca_file.empty() ||
                     !config.grpc_token_file.empty();
  if (tls && known) return;
  const std::string where =
      absl::StrCat("--grpc-address: ", config.grpc_address.ToString(),
                   " is not a loopback address, and without ");
  if (tls) {
    errors.push_back(absl::StrCat(
        where,
        "client certificates or tokens anyone who reaches it could read every "
        "event; allowed is with --grpc-tls-client-ca-file or "
        "--grpc-token-file, or with --insecure-grpc if that is meant"));
  } else {
    errors.push_back(absl::StrCat(
        where,
        "TLS anyone who reaches it, or listens on the way, could read every "
        "event; allowed is a loopback address, or one with "
        "--grpc-tls-cert-file, --grpc-tls-key-file, and "
        "--grpc-tls-client-ca-file or --grpc-token-file, or --insecure-grpc if "
        "that is meant"));
  }
}

// What options must not be together.
void CheckTogether(const Config& config, std::vector<std::string>& errors) {
  CheckTls("--ingress-tls-", config.ingress_tls_cert_file,
           config.ingress_tls_key_file, config.ingress_tls_client_ca_file,
           errors);
  CheckTls("--admin-tls-", config.admin_tls_cert_file,
           config.admin_tls_key_file, config.admin_tls_client_ca_file, errors);
  if (!config.ingress_address.IsLoopback() &&
      config.ingress_token_file.empty() &&
      config.ingress_signing_secret_file.empty() && !config.insecure_ingress) {
    errors.push_back(absl::StrCat(
        "--ingress-address: ", config.ingress_address.ToString(),
        " is not a loopback address, and without tokens or signatures anyone "
        "who reaches it could store events; allowed is a loopback address, or "
        "--ingress-token-file, or --ingress-signing-secret-file, or "
        "--insecure-ingress if that is meant"));
  }
  for (const Network& network : config.ingress_trusted_proxies) {
    if (!network.IsEverything()) continue;
    errors.push_back(absl::StrCat(
        "--ingress-trusted-proxies: with ", network.ToString(),
        " every sender could say that it has any address; allowed are the "
        "networks of proxies"));
  }
  if (!config.admin_address.IsLoopback() &&
      config.admin_tls_client_ca_file.empty() && !config.insecure_admin) {
    errors.push_back(absl::StrCat(
        "--admin-address: ", config.admin_address.ToString(),
        " is not a loopback address, and without client certificates anyone "
        "who reaches it could read the metrics; allowed is a loopback address, "
        "or --admin-tls-client-ca-file, or --insecure-admin if that is meant"));
  }
  CheckGrpc(config, errors);
}

}  // namespace

absl::StatusOr<Invocation> LoadConfig(const LoadInput& input) {
  Invocation invocation;
  CommandLine line = ReadCommandLine(input);
  invocation.text = std::move(line.text);
  if (!invocation.text.empty()) return invocation;

  std::vector<std::string> errors = std::move(line.errors);
  Values values = std::move(line.values);
  ReadEnvironment(input, values, invocation);
  std::string file;
  if (line.config_file.has_value()) {
    file = line.config_file->text;
  } else if (const auto it = input.environment.find(kConfigVariable);
             it != input.environment.end()) {
    file = it->second;
  }
  if (!file.empty()) ReadFile(file, values, errors);

  invocation.config = Apply(values, errors);
  if (errors.empty()) CheckTogether(invocation.config, errors);
  if (!errors.empty())
    return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return invocation;
}

}  // namespace enveloperelay
