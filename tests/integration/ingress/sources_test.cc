// Where webhooks may come from, and how many.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::MatchesRegex;
using ::testing::Not;

class SourcesTest : public RelayTest {
 protected:
  static std::string Forwarded(std::string_view addresses) {
    return "X-Forwarded-For: " + std::string(addresses) + "\r\n";
  }
  RawResponse PostFor(std::string_view addresses,
                      std::string_view fields = "") {
    return Ask(Post(Body("e" + std::to_string(++envelopes_)),
                    Forwarded(addresses) + std::string(fields)));
  }
  static size_t CountIn(const std::string& log, std::string_view message) {
    size_t count = 0;
    for (size_t at = log.find(message); at != std::string::npos;
         at = log.find(message, at + 1)) {
      ++count;
    }
    return count;
  }

 private:
  int envelopes_ = 0;
};

TEST_F(SourcesTest, OthersMayNotPost) {
  Start({"--ingress-sources=192.0.2.0/24,2001:db8::/32"});
  const RawResponse response = Ask(Post(Body()));
  ExpectProblem(response, 401, "UNAUTHENTICATED");
  EXPECT_EQ(Member(response, "detail"), "this address may not post");
  // Nor by saying that they were somebody else.
  EXPECT_EQ(PostFor("192.0.2.1").status, 401);
}

TEST_F(SourcesTest, ThoseWithinMayPost) {
  Start({"--ingress-sources=192.0.2.0/24,127.0.0.0/8"});
  ExpectStored(Ask(Post(Body())), 1);
}

TEST_F(SourcesTest, BehindAProxyTheRightMostAddressThatIsNoProxyCounts) {
  Start({"--ingress-sources=192.0.2.0/24,2001:db8::/32",
         "--ingress-trusted-proxies=127.0.0.0/8,10.0.0.0/8"});
  struct Case {
    const char* addresses;
    int status;
  };
  for (const Case& c : std::vector<Case>{
           {"192.0.2.1", 200},
           {"2001:db8::1", 200},
           {"192.0.2.1, 10.0.0.1", 200},
           {"203.0.113.1, 192.0.2.1", 200},
           {"203.0.113.1\r\nX-Forwarded-For: 192.0.2.1", 200},
           {"203.0.113.1", 401},
           {"192.0.2.1, 203.0.113.1", 401},
           {"192.0.2.1, 203.0.113.1, 10.0.0.1", 401},
           {"192.0.2.1\r\nX-Forwarded-For: 203.0.113.1", 401},
           {"192.0.2.1, unknown", 401},
           {"192.0.2.1, ", 401},
           {"", 401},
           {"10.0.0.1", 401},
       }) {
    EXPECT_EQ(PostFor(c.addresses).status, c.status) << c.addresses;
  }
  EXPECT_EQ(Ask(Post(Body())).status, 401);
}

TEST_F(SourcesTest, TooManyFromOneAddressComeBackLater) {
  Start({"--ingress-rate-per-address-max=1",
         "--ingress-trusted-proxies=127.0.0.1"});
  // Ten at once and one a second: enough to see the limit however slow this is.
  RawResponse response;
  for (int i = 0; i < 1000 && response.status != 429; ++i) {
    response = PostFor("192.0.2.1");
    EXPECT_TRUE(response.status == 200 || i >= 10) << i;
  }
  ExpectProblem(response, 429, "RATE_LIMITED");
  EXPECT_THAT(response.Field("retry-after"), MatchesRegex("[1-5]"));
  EXPECT_EQ(response.Field("connection"), "close");
  // Others are not delayed, and nobody gets more by what he says of himself.
  EXPECT_EQ(PostFor("192.0.2.2").status, 200);
  EXPECT_EQ(PostFor("2001:db8::1").status, 200);
  response = {};
  for (int i = 0; i < 1000 && response.status != 429; ++i) {
    response = PostFor("198.51.100." + std::to_string(i % 256) + ", 192.0.2.1");
  }
  EXPECT_EQ(response.status, 429);
}

TEST_F(SourcesTest, TooManyInAllComeBackLater) {
  Start({"--ingress-rate-max=1"});
  RawResponse response;
  for (int i = 0; i < 1000 && response.status != 429; ++i) {
    response = Ask(Post(Body(std::to_string(i))));
  }
  ExpectProblem(response, 429, "RATE_LIMITED");
  EXPECT_THAT(response.Field("retry-after"), MatchesRegex("[1-5]"));
}

TEST_F(SourcesTest, GuessingATokenIsLimitedAndDoesNotHurtASender) {
  StartWithTokens(kToken, {"--ingress-trusted-proxies=127.0.0.1",
                           "--ingress-wrong-tokens-per-address-max=1"});
  const std::string bearer =
      "Authorization: Bearer " + std::string(kToken) + "\r\n";
  EXPECT_EQ(PostFor("192.0.2.1", bearer).status, 200);
  RawResponse response;
  for (int i = 0; i < 1000 && response.status != 429; ++i) {
    response = PostFor("203.0.113.1", "Authorization: Bearer x\r\n");
    EXPECT_TRUE(response.status == 401 || i >= 10) << i;
  }
  ExpectProblem(response, 429, "RATE_LIMITED");
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(PostFor("192.0.2.1").status, 401);
  }
  EXPECT_EQ(PostFor("192.0.2.1", bearer).status, 200);
}

TEST_F(SourcesTest, AFloodDoesNotFillTheLog) {
  StartWithTokens(kToken);
  RawConnection connection = Connect();
  const std::string request = RawRequest("POST", kPath);
  for (int i = 0; i < 2000; ++i)
    EXPECT_EQ(Ask(connection, request).status, 401);
  ASSERT_TRUE(relay_->Terminate().ok());
  const std::string log = relay_->Log();
  EXPECT_THAT(CountIn(log, "request refused"), AllOf(Ge(1U), Le(100U)));
  EXPECT_THAT(log, HasSubstr("request refused peer=127.0.0.1 "
                             "reason=UNAUTHENTICATED cause=token held_back="));
  EXPECT_THAT(log, Not(HasSubstr(kToken)));
}

TEST_F(SourcesTest, AFloodOfWhatIsNoEventDoesNotFillTheLog) {
  Start({"--quarantine-max=0"});
  RawConnection connection = Connect();
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(Ask(connection, Post("{")).status, 400);
  }
  ASSERT_TRUE(relay_->Terminate().ok());
  const std::string log = relay_->Log();
  EXPECT_THAT(CountIn(log, "webhook refused"), AllOf(Ge(1U), Le(100U)));
  EXPECT_THAT(log, HasSubstr(" held_back=0 "));
}

TEST_F(SourcesTest, WhoIsKnownIsToldEachTimeWhatIsNoEvent) {
  StartWithTokens(kToken);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(
        Ask(RawRequest("POST", std::string(kPath) + "/" + kToken, "{")).status,
        400);
  }
  ASSERT_TRUE(relay_->Terminate().ok());
  EXPECT_EQ(CountIn(relay_->Log(), "webhook refused"), 20U);
}

}  // namespace
}  // namespace enveloperelay::testing
