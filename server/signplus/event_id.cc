#include "server/signplus/event_id.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "server/base/check.h"

namespace enveloperelay {
namespace {

void AppendPrefixed(std::string_view text, std::string& out) {
  const auto size = static_cast<uint32_t>(text.size());
  for (const int shift : {24, 16, 8, 0}) {
    out.push_back(static_cast<char>(size >> shift & 0xFFU));
  }
  out.append(text);
}

void AppendPrefixedLower(std::string_view text, std::string& out) {
  AppendPrefixed(text, out);
  for (size_t i = out.size() - text.size(); i < out.size(); ++i) {
    out[i] = absl::ascii_tolower(static_cast<unsigned char>(out[i]));
  }
}

using Digest = std::array<unsigned char, 32>;

Digest Sha256(std::string_view bytes) {
  struct Deleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  // Fetching the algorithm costs several times what hashing an event does.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  RELAY_CHECK(sha256 != nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, Deleter> context(
      EVP_MD_CTX_new());
  Digest digest{};
  RELAY_CHECK(EVP_DigestInit_ex(context.get(), sha256, nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) ==
                  1 &&
              EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace

std::string MakeEventId(const EventIdentity& identity) {
  std::string hashed;
  hashed.reserve(512);
  AppendPrefixed("signplus", hashed);
  AppendPrefixedLower(identity.event, hashed);
  AppendPrefixed(identity.envelope_id, hashed);
  AppendPrefixed(identity.data_id, hashed);
  AppendPrefixed(identity.uid, hashed);
  AppendPrefixed(identity.file_name, hashed);
  AppendPrefixed(identity.recipient_id, hashed);
  AppendPrefixedLower(identity.action, hashed);
  AppendPrefixed(identity.window, hashed);

  Digest digest = Sha256(hashed);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0FU) | 0x80U);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3FU) | 0x80U);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string uuid;
  uuid.reserve(36);
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid.push_back('-');
    uuid.push_back(kHex[digest.at(i) >> 4U]);
    uuid.push_back(kHex[digest.at(i) & 0x0FU]);
  }
  return uuid;
}

}  // namespace enveloperelay
