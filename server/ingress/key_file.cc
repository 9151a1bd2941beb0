#include "server/ingress/key_file.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "server/base/text.h"

namespace enveloperelay {

absl::Status ReadKeyLines(
    std::string_view text, const KeyFile& file,
    const std::function<absl::Status(std::string_view line)>& take) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end), " \t\r");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const absl::Status status = take(line);
    if (!status.ok()) {
      return {status.code(),
              absl::StrFormat("%s %s, line %d: %s", file.kind, file.path,
                              number, std::string(status.message()))};
    }
  }
  return absl::OkStatus();
}

}  // namespace enveloperelay
