#include "server/access/caller.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace enveloperelay {

std::string PrincipalOf(const Presented& presented) {
  for (const auto& uri : presented.uris) {
    if (!uri.empty()) return "uri:" + std::string(uri);
  }
  for (const auto& name : presented.dns_names) {
    if (name.empty()) continue;
    return absl::StrCat("dns:", absl::AsciiStrToLower(absl::string_view(
                                    name.data(), name.size())));
  }
  return "";
}

}  // namespace enveloperelay
