// Signed webhooks: any fields of a signature are judged without a crash, a
// wrong signature is never taken for a right one, and no message says what
// stands in a file of secrets.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/ingress/signature.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

constexpr char kSecret[] = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

void CheckFields(testing::FuzzInput input) {
  const SignatureFields fields{.id = input.Part(),
                               .timestamp = input.Part(),
                               .signatures = input.Part()};
  const absl::Status status = CheckSignatureFields(fields, kNow);
  if (!status.ok()) {
    RELAY_CHECK(absl::IsUnauthenticated(status));
    return;
  }
  RELAY_CHECK(!fields.timestamp.empty() &&
              std::ranges::all_of(fields.timestamp,
                                  [](char c) { return c >= '0' && c <= '9'; }));
  const absl::StatusOr<SigningSecrets> secrets =
      SigningSecrets::Parse(kSecret, "secrets");
  RELAY_CHECK(secrets.ok());
  // Nobody guesses one.
  RELAY_CHECK(!secrets->Verify(fields, input.Rest()));
}

void CheckFile(std::string_view text) {
  const absl::StatusOr<SigningSecrets> secrets =
      SigningSecrets::Parse(text, "secrets");
  if (!secrets.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(secrets.status()));
    RELAY_CHECK(secrets.status().message().size() < 200);
    return;
  }
  RELAY_CHECK(secrets->count() >= 1 && secrets->count() <= kSigningSecretsMax);
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  CheckFields(input);
  CheckFile(input.Rest());
  return 0;
}
