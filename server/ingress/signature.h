#ifndef ENVELOPE_RELAY_SERVER_INGRESS_SIGNATURE_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_SIGNATURE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/http/framing.h"

namespace enveloperelay {

inline constexpr size_t kSigningSecretsMax = 8;
// Of the key, once decoded: as Standard Webhooks has it.
inline constexpr size_t kSigningKeyBytesMin = 24;
inline constexpr size_t kSigningKeyBytesMax = 64;
inline constexpr size_t kSignaturesMax = 16;
// How far a timestamp may be from now, before or after.
inline constexpr absl::Duration kTimestampTolerance = absl::Minutes(5);

// What the head of a request says of its signature.
struct SignatureFields {
  std::string_view id;
  std::string_view timestamp;
  std::string_view signatures;
};

// The fields webhook-id, webhook-timestamp and webhook-signature if all are
// there, else svix-id, svix-timestamp and svix-signature if all are: the two
// spellings are not mixed.
// Errors: kUnauthenticated, naming the fields that are asked for.
absl::StatusOr<SignatureFields> SignatureFieldsOf(const RequestHead& head);

// Looks at what can be judged without the body: that the timestamp is one and
// near `now`, and that there is a signature of the version known here.
// Errors: kUnauthenticated, saying what is wrong.
absl::Status CheckSignatureFields(const SignatureFields& fields,
                                  absl::Time now);

// The secrets that a sender may sign with, after Standard Webhooks 1.0: any of
// them does, so that one can take the place of another without a gap.
// Immutable, so thread-safe.
class SigningSecrets {
 public:
  // No secrets: no signature is asked for.
  SigningSecrets() = default;

  // Reads the text of a file of secrets: one a line, `whsec_` and the key in
  // base64, none twice. Spaces around it, empty lines and lines that begin with
  // '#' do not count. Errors: kInvalidArgument (names file and line, never what
  // stands there; a file without a secret is one, too).
  static absl::StatusOr<SigningSecrets> Parse(std::string_view text,
                                              std::string_view path);

  bool empty() const { return keys_.empty(); }
  size_t count() const { return keys_.size(); }

  // Whether one of the signatures is that of the body, as it was sent, by one
  // of the secrets: `v1,` and the base64 of the HMAC-SHA256 of id, timestamp
  // and body. How long it takes tells nothing of how near one came.
  bool Verify(const SignatureFields& fields, std::string_view body) const;

 private:
  // Errors: kInvalidArgument, without the place.
  absl::Status AddLine(std::string_view line);

  std::vector<std::string> keys_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_SIGNATURE_H_
