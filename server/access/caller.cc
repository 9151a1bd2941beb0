#include "server/access/caller.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace enveloperelay {

namespace {

constexpr size_t kNameBytesMax = 1024;

// Principals stand in logs, metrics and policies: neither a URI nor a DNS name
// has anything but printable ASCII.
bool IsPlain(std::string_view name) {
  return name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
           return c > ' ' && c < '\x7f';
         });
}

}  // namespace

std::string PrincipalOf(const Presented& presented) {
  for (const std::string_view uri : presented.uris) {
    if (uri.empty()) continue;
    return IsPlain(uri) ? "uri:" + std::string(uri) : "";
  }
  for (const std::string_view name : presented.dns_names) {
    if (name.empty()) continue;
    return IsPlain(name) ? "dns:" + absl::AsciiStrToLower(absl::string_view(
                                        name.data(), name.size()))
                         : "";
  }
  return "";
}

}  // namespace enveloperelay
