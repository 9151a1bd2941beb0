#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_WEBHOOK_SIGNATURE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_WEBHOOK_SIGNATURE_H_

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"

namespace enveloperelay::testing {

// How a sender signs, after Standard Webhooks: "v1,BASE64". The secret is
// `whsec_` and base64.
inline std::string SignWebhook(std::string_view secret, std::string_view id,
                               int64_t unix_seconds, std::string_view body) {
  const auto text = [](std::string_view view) {
    return absl::string_view(view.data(), view.size());
  };
  std::string key;
  RELAY_CHECK(absl::Base64Unescape(text(secret.substr(6)), &key));
  const std::string content =
      absl::StrCat(text(id), ".", unix_seconds, ".", text(body));
  const std::basic_string<unsigned char> bytes(content.begin(), content.end());
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  RELAY_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   bytes.data(), bytes.size(), mac.data(), &size) != nullptr);
  return "v1," +
         absl::Base64Escape(std::string(mac.begin(), mac.begin() + int{32}));
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_WEBHOOK_SIGNATURE_H_
