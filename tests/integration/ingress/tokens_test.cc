#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TokensTest : public RelayTest {
 protected:
  static constexpr char kNewToken[] = "new-token_0123456789~";

  static std::string InPath(const std::string& token,
                            const std::string& envelope_id) {
    return RawRequest("POST", std::string(kPath) + "/" + token,
                      Body(envelope_id));
  }
  static std::string InField(const std::string& token,
                             const std::string& envelope_id) {
    return Post(Body(envelope_id), "Authorization: Bearer " + token + "\r\n");
  }
};

TEST_F(TokensTest, EachOfTwoTokensLetsASenderIn) {
  StartWithTokens("# rotation\n" + std::string(kToken) + "\n" + kNewToken);
  ExpectStored(Ask(InPath(kToken, "e1")), 1);
  ExpectStored(Ask(InPath(kNewToken, "e2")), 2);
  ExpectStored(Ask(InField(kToken, "e3")), 3);
  ExpectStored(Ask(InField(kNewToken, "e4")), 4);
}

TEST_F(TokensTest, AfterRotationTheOldOneDoesNot) {
  StartWithTokens(kToken);
  ExpectStored(Ask(InPath(kToken, "e1")), 1);
  ASSERT_TRUE(relay_->Terminate().ok());
  WriteTokens(kNewToken);
  ASSERT_TRUE(relay_->Restart().ok());
  ExpectProblem(Ask(InPath(kToken, "e2")), 401, "UNAUTHENTICATED");
  ExpectStored(Ask(InPath(kNewToken, "e2")), 2);
}

TEST_F(TokensTest, NobodyElseGetsInNorFillsAnything) {
  StartWithTokens(kToken);
  const std::string token = kToken;
  for (const std::string& request : std::vector<std::string>{
           Post(Body()), InPath("", "e1"), InPath("x", "e1"),
           InPath(token + "x", "e1"), InPath(token.substr(1), "e1"),
           InField("x", "e1"), InField("", "e1"),
           Post(Body(), "Authorization: Basic " + token + "\r\n"),
           InPath("x", "e1" + std::string(300'000, ' '))}) {
    RawConnection connection = Connect();
    const RawResponse response = Ask(connection, request);
    ExpectProblem(response, 401, "UNAUTHENTICATED");
    EXPECT_EQ(response.Field("www-authenticate"), "Bearer");
    EXPECT_EQ(response.Field("connection"), "close");
    EXPECT_TRUE(connection.IsClosed());
  }
  // The answer does not wait for the body.
  ExpectProblem(Ask("POST /webhooks/signplus/x HTTP/1.1\r\nHost: a\r\n"
                    "Content-Length: 1000000\r\n\r\n"),
                401, "UNAUTHENTICATED");
  ExpectStored(Ask(InPath(token, "e1")), 1);
}

TEST_F(TokensTest, ATokenInATrailerComesTooLate) {
  StartWithTokens(kToken);
  EXPECT_EQ(Ask("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n"
                "Authorization: Bearer " +
                std::string(kToken) + "\r\n\r\n")
                .status,
            401);
}

TEST_F(TokensTest, WithoutAFileNoTokenIsAskedFor) {
  Start();
  ExpectStored(Ask(Post(Body("e1"))), 1);
  ExpectStored(Ask(InPath("anything", "e2")), 2);
}

TEST_F(TokensTest, NeitherLogNorMetricNorAnswerShowsAToken) {
  StartWithTokens(std::string(kToken) + "\n", {"--log-level=debug"});
  std::string seen;
  for (const std::string& request : std::vector<std::string>{
           InPath(kToken, "e1"), InPath(kToken, kToken),
           InPath(std::string(kToken) + "/x", "e1"),
           RawRequest("PUT", std::string(kPath) + "/" + kToken, "x"),
           RawRequest("POST", std::string(kPath) + "/" + kToken, kToken),
           RawRequest("POST", std::string(kPath) + "/" + kToken, "{}"),
           "POST /webhooks/signplus/" + std::string(kToken) + " HTTP/3\r\n",
           InField(std::string(kToken) + "\x01", "e1")}) {
    const RawResponse response = Ask(request);
    seen += response.status_line + response.body;
    for (const auto& [name, value] : response.fields) seen += value;
  }
  const auto metrics =
      Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_THAT(metrics->body,
              HasSubstr("envelope_relay_ingress_requests_total"));
  ASSERT_TRUE(relay_->Terminate().ok());
  EXPECT_THAT(relay_->Log(), HasSubstr("webhook refused"));
  EXPECT_THAT(seen + metrics->body + relay_->Log(), Not(HasSubstr(kToken)));
}

}  // namespace
}  // namespace enveloperelay::testing
