#include "server/base/check.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "server/base/logging.h"

namespace enveloperelay {

void CheckFailed(const char* condition, const char* file, int line) {
  LogError("check failed", {{LogKey::kDetail, condition},
                            {LogKey::kFile, absl::StrCat(file, ":", line)}});
  std::abort();
}

}  // namespace enveloperelay
