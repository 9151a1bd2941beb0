#include "server/ingress/signature.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/http/framing.h"

namespace enveloperelay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The example of Standard Webhooks.
constexpr char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr char kId[] = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr char kTimestamp[] = "1614265330";
constexpr char kBody[] = R"({"test": 2432232314})";
constexpr char kSignature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
// Of another, and what it signs the same with.
constexpr char kOtherSecret[] =
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

SigningSecrets MustParse(std::string_view text) {
  const absl::StatusOr<SigningSecrets> secrets =
      SigningSecrets::Parse(text, "secrets");
  EXPECT_TRUE(secrets.ok()) << secrets.status();
  return secrets.value_or(SigningSecrets());
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status =
      SigningSecrets::Parse(text, "the/secrets").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

SignatureFields Known() {
  return {.id = kId, .timestamp = kTimestamp, .signatures = kSignature};
}

TEST(SignatureTest, KnowsTheAnswerOfTheStandard) {
  EXPECT_TRUE(MustParse(kSecret).Verify(Known(), kBody));
}

TEST(SignatureTest, RefusesWhatIsNotJustSo) {
  const SigningSecrets secrets = MustParse(kSecret);
  struct Case {
    std::string id = kId;
    std::string timestamp = kTimestamp;
    std::string signatures = kSignature;
    std::string body = kBody;
  };
  const std::string signature = kSignature;
  for (const Case& c : std::vector<Case>{
           {.id = "msg_p5jXN8AQM9LWM0D4loKWxJeK"},
           {.id = ""},
           {.timestamp = "1614265331"},
           {.timestamp = "01614265330"},
           {.signatures = ""},
           {.signatures = signature.substr(3)},
           {.signatures = "v1, " + signature.substr(3)},
           {.signatures = "v2," + signature.substr(3)},
           {.signatures = "v1a," + signature.substr(3)},
           {.signatures = "V1," + signature.substr(3)},
           {.signatures = signature.substr(0, signature.size() - 1)},
           {.signatures = signature + "="},
           {.signatures = signature + ",x"},
           {.signatures = "v1,h" + signature.substr(4)},
           {.body = R"({"test":2432232314})"},
           {.body = ""},
       }) {
    EXPECT_FALSE(secrets.Verify(
        {.id = c.id, .timestamp = c.timestamp, .signatures = c.signatures},
        c.body))
        << c.id << " " << c.timestamp << " " << c.signatures << " " << c.body;
  }
  EXPECT_FALSE(MustParse(kOtherSecret).Verify(Known(), kBody));
  EXPECT_FALSE(SigningSecrets().Verify(Known(), kBody));
}

TEST(SignatureTest, OneOfTheSignaturesByOneOfTheSecretsIsEnough) {
  const std::string both =
      std::string(kOtherSecret) + "\n# the old one\n" + kSecret + "\n";
  const std::string wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  for (const std::string& signatures : std::vector<std::string>{
           kSignature, wrong + " " + kSignature, kSignature + (" " + wrong),
           "v1a,x " + std::string(kSignature) + "  v9,y"}) {
    SignatureFields fields = Known();
    fields.signatures = signatures;
    EXPECT_TRUE(MustParse(both).Verify(fields, kBody)) << signatures;
  }
  SignatureFields fields = Known();
  fields.signatures = wrong;
  EXPECT_FALSE(MustParse(both).Verify(fields, kBody));
}

TEST(SignatureTest, TakesATimestampWithinFiveMinutes) {
  struct Case {
    int64_t seconds_from_now;
    bool good;
  };
  const absl::Time now = absl::FromUnixSeconds(1614265330);
  for (const Case& c : std::vector<Case>{{0, true},
                                         {300, true},
                                         {-300, true},
                                         {301, false},
                                         {-301, false},
                                         {1'000'000, false}}) {
    const std::string timestamp =
        std::to_string(1614265330 + c.seconds_from_now);
    SignatureFields fields = Known();
    fields.timestamp = timestamp;
    const absl::Status status = CheckSignatureFields(fields, now);
    EXPECT_EQ(status.ok(), c.good) << c.seconds_from_now;
    if (c.good) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_THAT(std::string(status.message()), HasSubstr("5 minutes"));
  }
}

TEST(SignatureTest, SaysWhatIsWrongWithTheFields) {
  struct Case {
    std::string timestamp;
    std::string signatures;
    std::string what;
  };
  std::string many = kSignature;
  for (size_t i = 0; i < kSignaturesMax; ++i) many += std::string(" v1,x");
  const std::string good = kTimestamp;
  for (const Case& c : std::vector<Case>{
           {"", kSignature, "no number"},
           {"-1", kSignature, "no number"},
           {"+1614265330", kSignature, "no number"},
           {"1614265330.5", kSignature, "no number"},
           {"1614265330 ", kSignature, "no number"},
           {"0x6037bb32", kSignature, "no number"},
           {"2021-02-25T15:02:10Z", kSignature, "no number"},
           {"99999999999999999999", kSignature, "no number"},
           {"99999999999", kSignature, "5 minutes"},
           {"1614265330000", kSignature, "no number"},
           {good, "", "no signature of version 1"},
           {good, "v1a,x", "no signature of version 1"},
           {good, "x", "no signature of version 1"},
           {good, many, "more than 16 signatures"},
       }) {
    const absl::Status status = CheckSignatureFields(
        {.id = kId, .timestamp = c.timestamp, .signatures = c.signatures},
        absl::FromUnixSeconds(1614265330));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what));
  }
}

TEST(SignatureTest, TakesTheFieldsOfOneSpelling) {
  RequestHead head;
  head.webhook_id = "w-id";
  head.webhook_timestamp = "1";
  head.webhook_signature = "v1,w";
  EXPECT_EQ(SignatureFieldsOf(head)->id, "w-id");
  head.svix_id = "s-id";
  head.svix_timestamp = "2";
  head.svix_signature = "v1,s";
  EXPECT_EQ(SignatureFieldsOf(head)->signatures, "v1,w");
  head.webhook_id = "";
  EXPECT_EQ(SignatureFieldsOf(head)->id, "s-id");
  EXPECT_EQ(SignatureFieldsOf(head)->timestamp, "2");
  EXPECT_EQ(SignatureFieldsOf(head)->signatures, "v1,s");
}

TEST(SignatureTest, DoesNotMixTheSpellings) {
  for (std::string_view RequestHead::* const missing :
       {&RequestHead::webhook_id, &RequestHead::webhook_timestamp,
        &RequestHead::webhook_signature}) {
    RequestHead head;
    head.webhook_id = "id";
    head.webhook_timestamp = "1";
    head.webhook_signature = "v1,x";
    head.svix_id = "id";
    head.svix_timestamp = "1";
    head.*missing = "";
    EXPECT_EQ(SignatureFieldsOf(head).status().code(),
              absl::StatusCode::kUnauthenticated);
  }
  EXPECT_THAT(std::string(SignatureFieldsOf(RequestHead()).status().message()),
              HasSubstr("webhook-id, webhook-timestamp and webhook-signature"));
}

TEST(SignatureTest, NamesTheLineAndNeverTheSecret) {
  for (const std::string& line : std::vector<std::string>{
           "SECRETSECRETSECRETSECRETSECRETSE", "whsec_SECRET",
           "WHSEC_SECRETSECRETSECRETSECRETSECRETSE", "whsec_", "whsec_SECR*T",
           "primary whsec_SECRETSECRETSECRETSECRETSECRETSE",
           "whsec_SECRETSECRET SECRETSECRETSECRETSE",
           "whsec_" + std::string(100, 'S')}) {
    const std::string error =
        ErrorOf(std::string(kSecret) + "\n\n" + line + "\n");
    EXPECT_THAT(error,
                HasSubstr("file of signing secrets the/secrets, line 3: "));
    EXPECT_THAT(error, Not(HasSubstr("SECR")));
    EXPECT_THAT(error, Not(HasSubstr("SSS")));
  }
  EXPECT_THAT(ErrorOf(std::string(kSecret) + "\n" + kSecret),
              HasSubstr("line 2: this secret has come before"));
  EXPECT_THAT(ErrorOf("# none\n"), HasSubstr("there is no secret in it"));
}

TEST(SignatureTest, LimitsTheNumberOfSecrets) {
  std::string text;
  for (size_t i = 0; i < kSigningSecretsMax; ++i) {
    text += "whsec_" + std::string(31, 'A') + std::to_string(i) + "\n";
  }
  EXPECT_EQ(MustParse(text).count(), kSigningSecretsMax);
  EXPECT_THAT(ErrorOf(text + kSecret), HasSubstr("line 9: at most 8 secrets"));
}

}  // namespace
}  // namespace enveloperelay
