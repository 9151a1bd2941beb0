#include "server/access/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/method.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Policy Parse(const std::string& text) {
  absl::StatusOr<Policy> policy = Policy::Parse(text, "policy.toml");
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.ok() ? *std::move(policy) : Policy();
}

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Policy> policy = Policy::Parse(text, "policy.toml");
  if (policy.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(policy.status()));
  return std::string(policy.status().message());
}

constexpr char kPolicy[] = R"(
# The billing service and its helpers.
[[allow]]
principals = ["token:billing", "uri:spiffe://example.org/billing/*"]
methods = ["consume", "ListDeadLetters"]
subscriptions = ["billing", "billing-*"]

[[allow]]
principals = ["dns:Audit.internal"]
methods = ["read"]

[[allow]]
principals = ["token:ops"]
methods = ["*"]
subscriptions = ["*"]
)";

TEST(PolicyTest, AllowsWhatARuleAllowsAndNothingElse) {
  const Policy policy = Parse(kPolicy);
  EXPECT_TRUE(policy.Allows("token:billing", Method::kConsume, "billing"));
  EXPECT_TRUE(policy.Allows("token:billing", Method::kConsume, "billing-eu"));
  EXPECT_TRUE(
      policy.Allows("token:billing", Method::kListDeadLetters, "billing"));
  EXPECT_FALSE(policy.Allows("token:billing", Method::kConsume, "billings"));
  EXPECT_FALSE(policy.Allows("token:billing", Method::kConsume, ""));
  EXPECT_FALSE(
      policy.Allows("token:billing", Method::kDeleteSubscription, "billing"));
  EXPECT_FALSE(policy.Allows("token:billing", Method::kSubscribe, ""));
  EXPECT_FALSE(policy.Allows("token:billing2", Method::kConsume, "billing"));
  EXPECT_FALSE(policy.Allows("uri:token:billing", Method::kConsume, "billing"));
}

TEST(PolicyTest, AStarAtTheEndIsForAllThatBeginSo) {
  const Policy policy = Parse(kPolicy);
  EXPECT_TRUE(policy.Allows("uri:spiffe://example.org/billing/worker",
                            Method::kAcknowledge, "billing"));
  EXPECT_FALSE(policy.Allows("uri:spiffe://example.org/billing",
                             Method::kAcknowledge, "billing"));
  EXPECT_FALSE(policy.Allows("uri:spiffe://evil.org/billing/worker",
                             Method::kAcknowledge, "billing"));
}

TEST(PolicyTest, ReadsDnsNamesInAnyCase) {
  const Policy policy = Parse(kPolicy);
  EXPECT_TRUE(policy.Allows("dns:audit.internal", Method::kSubscribe, ""));
  EXPECT_TRUE(policy.Allows("dns:audit.internal", Method::kGetLog, ""));
  EXPECT_FALSE(policy.Allows("dns:audit.internal", Method::kConsume, "audit"));
}

TEST(PolicyTest, AStarAloneIsForAll) {
  const Policy policy = Parse(kPolicy);
  for (const Method method : MethodsNamed("*")) {
    EXPECT_TRUE(policy.Allows("token:ops", method, "whatever"))
        << NameOf(method);
  }
  EXPECT_TRUE(Parse(R"(allow = [{principals = ["*"], methods = ["read"]}])")
                  .Allows("anonymous", Method::kGetEvent, ""));
}

TEST(PolicyTest, KnowsWhetherAMethodIsAllowedOnAnything) {
  const Policy policy = Parse(kPolicy);
  EXPECT_TRUE(policy.AllowsAny("token:billing", Method::kListDeadLetters));
  EXPECT_FALSE(policy.AllowsAny("token:billing", Method::kListSubscriptions));
  EXPECT_FALSE(policy.AllowsAny("anonymous", Method::kListSubscriptions));
}

TEST(PolicyTest, SaysWhatIsWrongAndWhere) {
  const std::string principals = "principals = ['token:billing']\n";
  const std::string methods = "methods = ['consume']\n";
  const std::string subscriptions = "subscriptions = ['billing']\n";
  const std::string rule = "\n[[allow]]\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "there is no [[allow]] rule"},
      {"# nothing\n", "there is no [[allow]] rule"},
      {"allow = []", "there is no [[allow]] rule"},
      {"[[allow", "line 1 is no TOML"},
      {"\nallow = 1", "line 2: allow: allowed are only [[allow]] rules"},
      {"[allow]\n" + principals, "allowed are only [[allow]] rules"},
      {rule + principals + methods + subscriptions + "[[deny]]\n",
       "line 6: deny: allowed are only [[allow]] rules"},
      {"allow = [1]", "a rule is a table"},
      {rule + methods + subscriptions, "line 2: principals: missing"},
      {rule + principals + subscriptions, "line 2: methods: missing"},
      {rule + principals + methods, "line 2: subscriptions: missing"},
      {rule + principals + subscriptions + "methods = ['read']",
       "subscriptions: no method of the rule concerns"},
      {rule + "principal = []", "line 3: principal: unknown"},
      {rule + "principals = 'token:billing'", "an array of 1 to 1000 strings"},
      {rule + "principals = []", "an array of 1 to 1000 strings"},
      {rule + "principals = [\n'token:a',\n1]", "line 5: principals: allowed "},
      {rule + "principals = ['billing']",
       "line 3: principals: this is no principal"},
      {rule + "principals = ['token:']",
       "line 3: principals: this is no principal"},
      {rule + "principals = ['tok*']",
       "line 3: principals: this is no principal"},
      {rule + "principals = ['token:b*g']", "'*' may stand at the end only"},
      {rule + "principals = ['token:b**']", "'*' may stand at the end only"},
      {rule + "methods = ['subscribe']", "'subscribe' is no method; allowed "},
      {rule + "subscriptions = ['']", "'' is no name"},
      {rule + "subscriptions = ['Billing']", "'Billing' is no name"},
      {rule + "subscriptions = ['*-eu']", "'*-eu' is no name"},
  };
  for (const auto& [text, what] : cases) {
    EXPECT_THAT(ErrorOf(text),
                AllOf(HasSubstr("policy file policy.toml"), HasSubstr(what)))
        << text;
  }
}

TEST(PolicyTest, RepeatsNoPrincipalForItMayBeAToken) {
  EXPECT_THAT(ErrorOf("[[allow]]\nprincipals = ['ert_secret']"),
              Not(HasSubstr("ert_secret")));
}

TEST(PolicyTest, AWildcardCertificateIsAPrincipalOfItsOwn) {
  const Policy policy = Parse(
      R"(allow = [{principals = ["dns:*.internal"], methods = ["read"]}])");
  EXPECT_TRUE(policy.Allows("dns:*.internal", Method::kGetLog, ""));
  EXPECT_FALSE(policy.Allows("dns:billing.internal", Method::kGetLog, ""));
}

TEST(PolicyTest, HasLimits) {
  std::string rules;
  for (size_t i = 0; i <= Policy::kRulesMax; ++i) {
    rules += "[[allow]]\nprincipals = ['*']\nmethods = ['read']\n";
  }
  EXPECT_THAT(ErrorOf(rules), HasSubstr("at most 1000 rules"));
  EXPECT_THAT(ErrorOf("[[allow]]\nprincipals = ['token:" +
                      std::string(Policy::kNameBytesMax, 'n') + "']"),
              HasSubstr("at most 1024 bytes"));
}

}  // namespace
}  // namespace enveloperelay
