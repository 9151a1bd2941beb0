#ifndef ENVELOPE_RELAY_SERVER_INGRESS_KEY_FILE_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_KEY_FILE_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"

namespace enveloperelay {

// What the error messages of a file of secrets say it is.
struct KeyFile {
  std::string_view kind;  // "token file"
  std::string_view path;
};

// Hands each line of a file of secrets to `take`, without the spaces around
// it; empty lines and lines that begin with '#' do not count. Stops at the
// first error, to whose message it adds the place; the message itself repeats
// nothing of the line.
absl::Status ReadKeyLines(
    std::string_view text, const KeyFile& file,
    const std::function<absl::Status(std::string_view line)>& take);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_KEY_FILE_H_
