#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_SECRETS_SECRET_SEARCH_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_SECRETS_SECRET_SEARCH_H_

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace enveloperelay::testing {

// Something that the relay knows and must not tell.
struct Secret {
  std::string name;
  std::string value;
};

// What a secret may look like where it must not be.
inline std::vector<std::string> Spellings(const std::string& secret) {
  std::string percent;
  std::string json;
  std::string utf16;
  for (const char c : secret) {
    const auto byte = static_cast<unsigned>(static_cast<unsigned char>(c));
    absl::StrAppendFormat(&percent, "%%%02X", byte);
    absl::StrAppendFormat(&json, "\\u%04x", byte);
    utf16 += std::string{c, '\0'};
  }
  utf16.pop_back();
  std::string lower_percent = percent;
  for (char& c : lower_percent) c = static_cast<char>(std::tolower(c));
  return {secret,
          percent,
          lower_percent,
          json,
          utf16,
          absl::BytesToHexString(secret),
          absl::Base64Escape(secret),
          absl::WebSafeBase64Escape(secret),
          absl::CEscape(secret),
          absl::CHexEscape(secret)};
}

// Looks through what comes out of the relay for its secrets. Those in a core
// dump are not looked for: what is in memory is in it. Not thread-safe.
class SecretSearch {
 public:
  void Add(Secret secret) {
    ASSERT_GE(secret.value.size(), 16U) << secret.name;
    std::vector<std::string> spellings = Spellings(secret.value);
    std::ranges::sort(spellings);
    const auto again = std::ranges::unique(spellings);
    spellings.erase(again.begin(), again.end());
    entries_.push_back(
        {.name = std::move(secret.name), .spellings = std::move(spellings)});
  }

  void LookThrough(std::string_view where, std::string_view what) const {
    for (const Entry& secret : entries_) {
      for (const std::string& spelled : secret.spellings) {
        EXPECT_EQ(what.find(spelled), std::string_view::npos)
            << where << " shows " << secret.name << " as "
            << absl::CHexEscape(spelled);
      }
    }
  }
  void LookThrough(const grpc::Status& status,
                   const google::protobuf::Message& message) const {
    LookThrough("a gRPC status",
                status.error_message() + "\n" + status.error_details());
    LookThrough("a gRPC message", message.SerializeAsString());
  }
  // The files in a directory of the relay; returns all that is in them. Table
  // files may be compressed, but the write-ahead log is not, and it still holds
  // all of it.
  std::string LookThroughFiles(const std::string& directory) const {
    std::string all;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      const std::string text = ContentOf(entry.path());
      all += text;
      LookThrough(entry.path().string(), text);
      LookThrough("the name of a file", entry.path().filename().string());
    }
    return all;
  }

 private:
  struct Entry {
    std::string name;
    std::vector<std::string> spellings;
  };

  std::vector<Entry> entries_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_SECRETS_SECRET_SEARCH_H_
