// Webhooks that are signed after Standard Webhooks.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/webhook_signature.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr char kOtherSecret[] = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA==";

class SignaturesTest : public RelayTest {
 protected:
  void StartWithSecrets(const std::string& secrets,
                        std::vector<std::string> arguments = {}) {
    WriteSecrets(secrets);
    arguments.push_back("--ingress-signing-secret-file=" +
                        directory_.File("secrets"));
    Start(std::move(arguments));
  }
  void WriteSecrets(const std::string& secrets) const {
    std::ofstream(directory_.File("next")) << secrets;
    std::filesystem::rename(directory_.File("next"),
                            directory_.File("secrets"));
  }

  static int64_t Now() { return absl::ToUnixSeconds(absl::Now()); }
  // The three fields, in the spelling "webhook" or "svix".
  static std::string Fields(std::string_view spelling,
                            const std::string& signatures,
                            int64_t unix_seconds) {
    const std::string begin(spelling);
    return begin + "-id: msg_1\r\n" + begin +
           "-timestamp: " + std::to_string(unix_seconds) + "\r\n" + begin +
           "-signature: " + signatures + "\r\n";
  }
  static std::string Signed(std::string_view body,
                            std::string_view secret = kSecret,
                            std::string_view spelling = "webhook",
                            int64_t unix_seconds = Now()) {
    return Post(
        body, Fields(spelling, SignWebhook(secret, "msg_1", unix_seconds, body),
                     unix_seconds));
  }

  void ExpectUnauthenticated(std::string_view request,
                             std::string_view what) const {
    const RawResponse response = Ask(request);
    ExpectProblem(response, 401, "UNAUTHENTICATED");
    EXPECT_THAT(Member(response, "detail"), HasSubstr(std::string(what)));
    EXPECT_EQ(response.Field("www-authenticate"), "Webhook-Signature");
  }
};

TEST_F(SignaturesTest, LetInWhoHasSignedInEitherSpelling) {
  StartWithSecrets(kSecret);
  ExpectStored(Ask(Signed(Body("e1"))), 1);
  ExpectStored(Ask(Signed(Body("e2"), kSecret, "svix")), 2);
  ExpectStored(Ask(Signed(Body("e3"), kSecret, "Webhook")), 3);
  // However the body comes.
  const int64_t now = Now();
  const std::string body = Body("e4");
  const std::string rest = body.substr(5);
  ExpectStored(
      Ask(absl::StrCat(
          "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n",
          Fields("webhook", SignWebhook(kSecret, "msg_1", now, body), now),
          "Transfer-Encoding: chunked\r\n\r\n5\r\n", body.substr(0, 5), "\r\n",
          absl::Hex(rest.size()), "\r\n", rest, "\r\n0\r\n\r\n")),
      4);
}

TEST_F(SignaturesTest, TakesOneOfSeveralBySomeOfSeveralSecrets) {
  StartWithSecrets("# old\n" + std::string(kOtherSecret) + "\n\n" + kSecret);
  ExpectStored(Ask(Signed(Body("e1"), kSecret)), 1);
  ExpectStored(Ask(Signed(Body("e2"), kOtherSecret)), 2);
  const int64_t now = Now();
  ExpectStored(
      Ask(Post(Body("e3"), Fields("webhook",
                                  "v1,x v1a,y " + SignWebhook(kSecret, "msg_1",
                                                              now, Body("e3")),
                                  now))),
      3);
}

TEST_F(SignaturesTest, SaysWhatIsWrongAndKeepsNothing) {
  StartWithSecrets(kSecret);
  const int64_t now = Now();
  const std::string body = Body("e1");
  const std::string good = SignWebhook(kSecret, "msg_1", now, body);
  ExpectUnauthenticated(Post(body), "a signature is asked for");
  // The spellings are not mixed.
  ExpectUnauthenticated(Post(body, "webhook-id: msg_1\r\nwebhook-timestamp: " +
                                       std::to_string(now) +
                                       "\r\nsvix-signature: " + good + "\r\n"),
                        "a signature is asked for");
  for (const int64_t stale : {now - 302, now + 330}) {
    ExpectUnauthenticated(Signed(body, kSecret, "webhook", stale),
                          "more than 5 minutes from now");
  }
  ExpectUnauthenticated(Post(body,
                             "webhook-id: msg_1\r\nwebhook-timestamp: soon\r\n"
                             "webhook-signature: " +
                                 good + "\r\n"),
                        "no number of seconds");
  ExpectUnauthenticated(Post(body, Fields("webhook", "v2,x", now)),
                        "no signature of version 1");
  ExpectUnauthenticated(Signed(body, kOtherSecret),
                        "the signature is not that of this body");
  ExpectUnauthenticated(Post(Body("e2"), Fields("webhook", good, now)),
                        "the signature is not that of this body");
  // What has no valid signature is not looked at.
  ExpectUnauthenticated(Post("no JSON", Fields("webhook", good, now)),
                        "the signature is not that of this body");
  ExpectUnauthenticated(
      Post("<x/>", Fields("webhook", good, now) + "Content-Type: text/xml\r\n"),
      "the signature is not that of this body");
  ExpectStored(Ask(Signed(body)), 1);
}

TEST_F(SignaturesTest, WhatTheHeadTellsIsAnsweredBeforeTheBody) {
  StartWithSecrets(kSecret);
  ExpectUnauthenticated(
      "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
      "Content-Length: 100000\r\n\r\n",
      "a signature is asked for");
  ExpectUnauthenticated(
      "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
      "Content-Length: 100000\r\nExpect: 100-continue\r\n" +
          Fields("webhook", "v1,x", Now() - 1000) + "\r\n",
      "more than 5 minutes");
}

TEST_F(SignaturesTest, AFieldThatComesTwiceIsAmbiguous) {
  StartWithSecrets(kSecret);
  const int64_t now = Now();
  const std::string body = Body("e1");
  const std::string fields =
      Fields("webhook", SignWebhook(kSecret, "msg_1", now, body), now);
  for (const char* const again :
       {"webhook-id: msg_1\r\n", "webhook-timestamp: 1\r\n",
        "webhook-signature: v1,x\r\n"}) {
    RawConnection connection = Connect();
    ExpectProblem(Ask(connection, Post(body, fields + again)), 400,
                  "BAD_REQUEST");
    EXPECT_TRUE(connection.IsClosed());
  }
}

TEST_F(SignaturesTest, BothTokenAndSignatureAreAskedForWhenThereAreBoth) {
  WriteTokens(kToken);
  StartWithSecrets(kSecret,
                   {"--ingress-token-file=" + directory_.File("tokens")});
  const int64_t now = Now();
  const std::string body = Body("e1");
  const std::string fields =
      Fields("webhook", SignWebhook(kSecret, "msg_1", now, body), now);
  const std::string bearer =
      "Authorization: Bearer " + std::string(kToken) + "\r\n";
  EXPECT_EQ(Ask(Post(body, fields)).status, 401);
  EXPECT_EQ(Ask(Post(body, bearer)).status, 401);
  ExpectStored(Ask(Post(body, bearer + fields)), 1);
}

TEST_F(SignaturesTest, SecretsAreReadAgain) {
  StartWithSecrets(kSecret);
  WriteSecrets(std::string(kSecret) + "\n" + kOtherSecret);
  EXPECT_TRUE(Eventually(
      [this] { return Ask(Signed(Body("e1"), kOtherSecret)).status == 200; }));
  EXPECT_EQ(Ask(Signed(Body("e2"))).status, 200);
  WriteSecrets("whsec_broken");
  ASSERT_TRUE(relay_->WaitForLog("what was read before stays in force").ok());
  EXPECT_EQ(Ask(Signed(Body("e3"))).status, 200);
  WriteSecrets(kOtherSecret);
  EXPECT_TRUE(
      Eventually([this] { return Ask(Signed(Body("e4"))).status == 401; }));
  EXPECT_EQ(Ask(Signed(Body("e5"), kOtherSecret)).status, 200);
  EXPECT_THAT(relay_->Log(), Not(HasSubstr("whsec_broken")));
  EXPECT_THAT(relay_->Log(), Not(HasSubstr(std::string(kSecret).substr(6))));
}

TEST(SigningSecretFileTest, ABadOneEndsTheStart) {
  const TempDir directory;
  std::ofstream(directory.File("secrets")) << "whsec_short\n";
  for (const std::string& path :
       {directory.File("secrets"), directory.File("missing")}) {
    const FinishedCommand run =
        RunRelay({"--ingress-signing-secret-file", path, "--data-dir",
                  directory.File("data")});
    EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
    EXPECT_THAT(run.errors, HasSubstr("--ingress-signing-secret-file"));
    EXPECT_THAT(run.errors, HasSubstr(path));
    EXPECT_THAT(run.errors, Not(HasSubstr("whsec_short")));
  }
}

}  // namespace
}  // namespace enveloperelay::testing
