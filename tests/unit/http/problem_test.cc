#include "server/http/problem.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/http/response.h"

namespace enveloperelay {
namespace {

using ::testing::ContainsRegex;
using ::testing::SizeIs;

TEST(ProblemTest, HasTheMembersOfRfc9457AndTheReason) {
  const HttpResponse response =
      ProblemResponse(Reason::kNotAnEnvelopeEvent, "no \"hook\"\n");
  EXPECT_EQ(response.status, 422U);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body,
            R"({"type":"about:blank","title":"Unprocessable Entity",)"
            R"("status":422,"detail":"no \"hook\"\n",)"
            R"("reason":"NOT_AN_ENVELOPE_EVENT"})");
  EXPECT_EQ(response.fields, "");
}

TEST(ProblemTest, SaysWhenToComeBackAndNotAlwaysTheSame) {
  for (const Reason reason : {Reason::kRateLimited, Reason::kUnavailable}) {
    std::set<std::string> fields;
    for (int i = 0; i < 200; ++i) {
      fields.insert(ProblemResponse(reason, "").fields);
    }
    EXPECT_THAT(fields, SizeIs(5));
    EXPECT_THAT(fields,
                ::testing::Each(ContainsRegex("^Retry-After: [1-5]\r\n$")));
  }
}

TEST(ProblemTest, EveryReasonHasItsNameAndStatus) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(kReasonLast); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_GE(StatusOf(reason), 400U);
    names.emplace(NameOf(reason));
  }
  EXPECT_THAT(names, SizeIs(static_cast<int>(kReasonLast) + 1));
  EXPECT_EQ(StatusOf(Reason::kNotImplemented), 501U);
  EXPECT_EQ(NameOf(Reason::kMalformedJson), "MALFORMED_JSON");
}

// Senders take a redirect, or a 410, for "stop sending".
TEST(ProblemTest, NoReasonMakesASenderStop) {
  for (int i = 0; i <= static_cast<int>(kReasonLast); ++i) {
    const unsigned status = StatusOf(static_cast<Reason>(i));
    EXPECT_GE(status, 400U);
    EXPECT_NE(status, 410U);
  }
}

}  // namespace
}  // namespace enveloperelay
