#include "server/ingress/keys.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/watched_files.h"
#include "server/ingress/tokens.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kOne[] = "token-one-0123456789";
constexpr char kTwo[] = "token-two-0123456789";

class IngressKeysTest : public ::testing::Test {
 protected:
  void Set(std::string_view text) {
    keys_.SetTokens(TokenSet::Parse(text, "tokens").value());
  }
  // A request with the first token.
  bool Use(int64_t unix_seconds) {
    return keys_.tokens()->uses.front()->Count(
        absl::FromUnixSeconds(unix_seconds));
  }
  std::map<std::string, double> Requests() const {
    return Series("envelope_relay_ingress_token_requests_total");
  }
  std::map<std::string, double> LastUsed() const {
    return Series("envelope_relay_ingress_token_last_used_timestamp_seconds");
  }

  prometheus::Registry registry_;
  IngressKeys keys_{registry_};

 private:
  // Its values, by the token's name.
  std::map<std::string, double> Series(const std::string& name) const {
    std::map<std::string, double> values;
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        EXPECT_EQ(metric.label.front().name, "token");
        values[metric.label.front().value] =
            metric.counter.value + metric.gauge.value;
      }
    }
    return values;
  }
};

TEST_F(IngressKeysTest, BeginsWithoutAny) {
  EXPECT_TRUE(keys_.tokens()->set.empty());
  EXPECT_TRUE(keys_.signing_secrets()->empty());
  EXPECT_THAT(Requests(), IsEmpty());
}

TEST_F(IngressKeysTest, CountsByTheNameOfTheToken) {
  Set(std::string("old ") + kOne + "\n" + kTwo);
  EXPECT_THAT(LastUsed(), ElementsAre(Pair("old", 0), Pair("token-2", 0)));
  EXPECT_TRUE(Use(1000));
  EXPECT_FALSE(Use(2000));
  EXPECT_THAT(Requests(), ElementsAre(Pair("old", 2), Pair("token-2", 0)));
  EXPECT_THAT(LastUsed(), ElementsAre(Pair("old", 2000), Pair("token-2", 0)));
}

TEST_F(IngressKeysTest, ATokenThatStaysGoesOnBeingCounted) {
  Set(std::string("old ") + kOne);
  Use(1000);
  Set(std::string("old ") + kOne + "\nnew " + kTwo);
  EXPECT_THAT(LastUsed(), ElementsAre(Pair("new", 0), Pair("old", 1000)));
  EXPECT_FALSE(Use(3000));
  EXPECT_THAT(Requests(), ElementsAre(Pair("new", 0), Pair("old", 2)));
}

TEST_F(IngressKeysTest, ATokenThatGoesTakesItsSeriesAlong) {
  Set(std::string("old ") + kOne + "\nnew " + kTwo);
  Set(std::string("new ") + kTwo);
  EXPECT_THAT(LastUsed(), ElementsAre(Pair("new", 0)));
  EXPECT_THAT(Requests(), ElementsAre(Pair("new", 0)));
}

TEST_F(IngressKeysTest, AnotherTokenOfTheSameNameHasNotBeenUsed) {
  Set(std::string("only ") + kOne);
  Use(1000);
  Set(std::string("only ") + kTwo);
  EXPECT_THAT(LastUsed(), ElementsAre(Pair("only", 0)));
  EXPECT_TRUE(Use(2000));
  EXPECT_THAT(LastUsed(), ElementsAre(Pair("only", 2000)));
}

TEST_F(IngressKeysTest, ARequestMayOutliveItsToken) {
  Set(std::string("old ") + kOne);
  std::shared_ptr<const IngressKeys::Tokens> held = keys_.tokens();
  Set(std::string("new ") + kTwo);
  EXPECT_TRUE(held->uses.front()->Count(absl::FromUnixSeconds(1)));
  EXPECT_THAT(Requests(), ElementsAre(Pair("new", 0), Pair("old", 1)));
  held.reset();
  EXPECT_THAT(Requests(), ElementsAre(Pair("new", 0)));
}

TEST_F(IngressKeysTest, AFileThatCannotBeReadIsAnErrorThatSaysWhich) {
  WatchedFiles files;
  const auto keys = std::make_shared<IngressKeys>(registry_);
  for (const auto& watch :
       {IngressKeys::WatchTokens, IngressKeys::WatchSigningSecrets}) {
    EXPECT_EQ(watch(keys, "/nonexistent/keys", files).code(),
              absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(watch(keys, "/", files).message()),
                HasSubstr("/ is no file"));
  }
}

}  // namespace
}  // namespace enveloperelay
