#include "server/ingress/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/base/text.h"
#include "server/http/framing.h"
#include "server/ingress/key_file.h"

namespace enveloperelay {
namespace {

constexpr std::string_view kKind = "file of signing secrets";
constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::string_view kVersion = "v1,";
// More would be past the year 5000.
constexpr size_t kTimestampDigitsMax = 11;

// The signatures of version 1 in a list of signatures, without the version:
// base64 of them, or whatever stands there.
std::vector<std::string_view> SignaturesIn(std::string_view list) {
  std::vector<std::string_view> signatures;
  while (!list.empty()) {
    const size_t space = list.find(' ');
    const std::string_view one = list.substr(0, space);
    if (one.starts_with(kVersion)) {
      signatures.push_back(one.substr(kVersion.size()));
    }
    list.remove_prefix(space == std::string_view::npos ? list.size()
                                                       : space + 1);
  }
  return signatures;
}

// What the base64 of a signature is when it is by this key.
std::string Sign(std::string_view key, std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's API
  const auto* const bytes =
      reinterpret_cast<const unsigned char*>(content.data());
  RELAY_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   bytes, content.size(), mac.data(), &size) != nullptr);
  return absl::Base64Escape(
      std::string(mac.begin(), mac.begin() + static_cast<ptrdiff_t>(size)));
}

}  // namespace

absl::StatusOr<SignatureFields> SignatureFieldsOf(const RequestHead& head) {
  for (const SignatureFields& fields :
       {SignatureFields{.id = head.webhook_id,
                        .timestamp = head.webhook_timestamp,
                        .signatures = head.webhook_signature},
        SignatureFields{.id = head.svix_id,
                        .timestamp = head.svix_timestamp,
                        .signatures = head.svix_signature}}) {
    if (!fields.id.empty() && !fields.timestamp.empty() &&
        !fields.signatures.empty()) {
      return fields;
    }
  }
  return absl::UnauthenticatedError(
      "a signature is asked for: the fields webhook-id, webhook-timestamp and "
      "webhook-signature, or svix-id, svix-timestamp and svix-signature");
}

absl::Status CheckSignatureFields(const SignatureFields& fields,
                                  absl::Time now) {
  int64_t seconds = 0;
  if (fields.timestamp.empty() ||
      fields.timestamp.size() > kTimestampDigitsMax ||
      fields.timestamp.find_first_not_of("0123456789") !=
          std::string_view::npos ||
      !absl::SimpleAtoi(ToAbsl(fields.timestamp), &seconds)) {
    return absl::UnauthenticatedError(
        "the timestamp of the signature is no number of seconds since 1970");
  }
  const absl::Time timestamp = absl::FromUnixSeconds(seconds);
  if (timestamp < now - kTimestampTolerance ||
      timestamp > now + kTimestampTolerance) {
    return absl::UnauthenticatedError(
        "the timestamp of the signature is more than 5 minutes from now");
  }
  const std::vector<std::string_view> signatures =
      SignaturesIn(fields.signatures);
  if (signatures.empty()) {
    return absl::UnauthenticatedError(
        "there is no signature of version 1, as v1,BASE64");
  }
  if (signatures.size() > kSignaturesMax) {
    return absl::UnauthenticatedError(
        absl::StrCat("there are more than ", kSignaturesMax, " signatures"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SigningSecrets> SigningSecrets::Parse(std::string_view text,
                                                     std::string_view path) {
  SigningSecrets secrets;
  const absl::Status status = ReadKeyLines(
      text, {.kind = kKind, .path = path},
      [&secrets](std::string_view line) { return secrets.AddLine(line); });
  if (!status.ok()) return status;
  if (secrets.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s %s: there is no secret in it", kKind, path));
  }
  return secrets;
}

absl::Status SigningSecrets::AddLine(std::string_view line) {
  if (keys_.size() == kSigningSecretsMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("at most %d secrets are allowed", kSigningSecretsMax));
  }
  std::string key;
  if (!line.starts_with(kSecretPrefix) ||
      line.find_first_of(" \t") != std::string_view::npos ||
      !absl::Base64Unescape(ToAbsl(line.substr(kSecretPrefix.size())), &key)) {
    return absl::InvalidArgumentError(
        "a secret is whsec_ and the base64 of its key");
  }
  if (key.size() < kSigningKeyBytesMin || key.size() > kSigningKeyBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the key of a secret has %d to %d bytes",
                        kSigningKeyBytesMin, kSigningKeyBytesMax));
  }
  if (std::ranges::find(keys_, key) != keys_.end()) {
    return absl::InvalidArgumentError("this secret has come before");
  }
  keys_.push_back(std::move(key));
  return absl::OkStatus();
}

bool SigningSecrets::Verify(const SignatureFields& fields,
                            std::string_view body) const {
  const std::string content = absl::StrCat(
      ToAbsl(fields.id), ".", ToAbsl(fields.timestamp), ".", ToAbsl(body));
  const std::vector<std::string_view> signatures =
      SignaturesIn(fields.signatures);
  unsigned found = 0;
  for (const std::string& key : keys_) {
    const std::string expected = Sign(key, content);
    for (const std::string_view signature : signatures) {
      // How long a signature is, is no secret.
      if (signature.size() != expected.size()) continue;
      found |=
          static_cast<unsigned>(CRYPTO_memcmp(signature.data(), expected.data(),
                                              expected.size()) == 0);
    }
  }
  return found != 0;
}

}  // namespace enveloperelay
