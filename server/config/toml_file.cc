#include "server/config/toml_file.h"

#include <toml++/toml.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <ios>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/config/options.h"

namespace enveloperelay {
namespace {

// Larger than any file of options is.
constexpr size_t kFileBytesMax = size_t{1} << 20U;

std::string TypeName(TomlType type) {
  switch (type) {
    case TomlType::kString:
      return "a string in quotes";
    case TomlType::kInteger:
      return "a whole number";
    case TomlType::kStringOrInteger:
      return "a string in quotes or a whole number";
    case TomlType::kBoolean:
      break;
  }
  return "true or false";
}

std::string_view TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time of day";
    case toml::node_type::date_time:
      return "a date and time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

// The node's value as the command line would give it, if it has a type that
// `wanted` allows.
std::optional<std::string> ToText(const toml::node& node, TomlType wanted) {
  const bool string =
      wanted == TomlType::kString || wanted == TomlType::kStringOrInteger;
  const bool integer =
      wanted == TomlType::kInteger || wanted == TomlType::kStringOrInteger;
  if (node.is_string() && string) return node.as_string()->get();
  if (node.is_integer() && integer)
    return absl::StrCat(node.as_integer()->get());
  if (node.is_boolean() && wanted == TomlType::kBoolean) {
    return node.as_boolean()->get() ? "true" : "false";
  }
  return std::nullopt;
}

void ReadTable(const std::string& path, const toml::table& table,
               TomlFile& file) {
  for (const auto& [key, node] : table) {
    const size_t line = key.source().begin.line;
    const std::string where = absl::StrCat(path, " line ", line);
    const Option* const option = FindOption(key.str());
    if (option == nullptr) {
      file.errors.push_back(absl::StrCat(where, ": there is no option '",
                                         std::string(key.str()), "'; ",
                                         SuggestOption(key.str())));
      continue;
    }
    std::optional<std::string> text = ToText(node, option->toml_type);
    if (!text.has_value()) {
      file.errors.push_back(
          absl::StrCat(option->Flag(), ": ", where, " has ",
                       std::string(TypeName(node)), "; allowed is ",
                       TypeName(option->toml_type), " with ", option->allowed));
      continue;
    }
    file.settings.push_back(
        {.option = option, .text = *std::move(text), .line = line});
  }
}

}  // namespace

TomlFile ReadTomlFile(const std::string& path) {
  TomlFile file;
  std::ifstream stream(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (stream.bad() || !stream.eof()) {
    const bool too_large = text.size() > kFileBytesMax;
    file.errors.push_back(
        absl::StrCat("--config: cannot read '", path, "': ",
                     too_large ? "it is larger than 1 MiB"
                               : std::generic_category().message(errno)));
    return file;
  }
  try {
    ReadTable(path, toml::parse(text, path), file);
  } catch (const toml::parse_error& error) {
    file.errors.push_back(
        absl::StrCat("--config: ", path, " line ", error.source().begin.line,
                     " is no TOML: ", std::string(error.description())));
  }
  return file;
}

}  // namespace enveloperelay
