#include "server/signplus/event_id.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "server/base/sha256.h"

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

  std::string digest = Sha256(hashed).substr(0, 16);
  const auto set_bits = [&digest](size_t at, uint8_t kept, uint8_t bits) {
    digest[at] =
        static_cast<char>((static_cast<uint8_t>(digest[at]) & kept) | bits);
  };
  set_bits(6, 0x0F, 0x80);
  set_bits(8, 0x3F, 0x80);
  std::string uuid = absl::BytesToHexString(digest);
  for (const size_t at : {8, 13, 18, 23}) uuid.insert(at, 1, '-');
  return uuid;
}

}  // namespace enveloperelay
