#include "client/envelopectl/token.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/relay.h"

namespace enveloperelay::client {
namespace {

constexpr size_t kRandomBytes = 32;

absl::string_view ToView(const unsigned char* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::string HexOfSha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned size = 0;
  // Neither can fail but for a lack of memory or of a kernel's randomness.
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(),
                 nullptr) != 1) {
    std::abort();
  }
  return absl::BytesToHexString(ToView(digest.data(), size));
}

}  // namespace

std::string RandomToken() {
  std::array<unsigned char, kRandomBytes> random = {};
  if (RAND_priv_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    std::abort();
  }
  return "ert_" +
         absl::WebSafeBase64Escape(ToView(random.data(), random.size()));
}

std::string TokenLine(const std::string& name, const std::string& token,
                      absl::Time expires) {
  std::string line = absl::StrFormat("%s sha256:%s", name, HexOfSha256(token));
  if (expires != absl::InfiniteFuture()) {
    line += ' ' + absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", expires,
                                   absl::UTCTimeZone());
  }
  return line;
}

absl::Status Run(const CreateTokenCommand& command, const Relay& /*relay*/,
                 const Console& console) {
  const std::string token = RandomToken();
  const std::string line = TokenLine(command.name, token, command.expires);
  // None of it needs to be escaped in JSON.
  console.output.Write(
      console.format == OutputFormat::kJson
          ? absl::StrFormat(R"({"token":"%s","line":"%s"})"
                            "\n",
                            token, line)
          : absl::StrFormat("The token, which is shown only now:\n\n  %s\n\n"
                            "Its line in the relay's --grpc-token-file:\n\n"
                            "  %s\n",
                            token, line));
  return console.output.Flush();
}

}  // namespace enveloperelay::client
