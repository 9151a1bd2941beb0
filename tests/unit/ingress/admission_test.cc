#include "server/ingress/admission.h"

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/network.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/response.h"
#include "server/ingress/keys.h"
#include "server/ingress/metrics.h"
#include "server/ingress/signature.h"
#include "server/ingress/tokens.h"
#include "tests/support/fake_clock.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kToken[] = "whtok_0123456789abcdef";
constexpr char kOldToken[] = "old-token-0123456789";
// The example of Standard Webhooks.
constexpr char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr char kBody[] = R"({"test": 2432232314})";
constexpr int64_t kSignedAt = 1614265330;

RequestHead SignedHead() {
  RequestHead head;
  head.webhook_id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  head.webhook_timestamp = "1614265330";
  head.webhook_signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  return head;
}

class AdmissionTest : public ::testing::Test {
 protected:
  void Start(Admission::Options options = {}) {
    options.keys = keys_;
    admission_.emplace(std::move(options), clock_, metrics_);
  }
  void SetTokens(const std::string& text) {
    keys_->SetTokens(TokenSet::Parse(text, "tokens").value());
  }
  void SetSecrets(const std::string& text) {
    keys_->SetSigningSecrets(SigningSecrets::Parse(text, "secrets").value());
  }

  std::optional<HttpResponse> Ask(const RequestHead& head,
                                  std::string_view token,
                                  std::string_view peer = "192.0.2.1") {
    return admission_->CheckHead(
        head, token,
        {.address = boost::asio::ip::make_address(std::string(peer))});
  }
  std::optional<HttpResponse> CheckBody(const RequestHead& head,
                                        std::string_view body,
                                        std::string_view peer = "192.0.2.1") {
    return admission_->CheckBody(
        head, {.address = boost::asio::ip::make_address(std::string(peer))},
        body);
  }
  // Status of the answer that refuses it; 0: it is let through.
  unsigned Refusal(std::string_view token,
                   std::string_view peer = "192.0.2.1") {
    return StatusOf(Ask(RequestHead(), token, peer));
  }
  unsigned RefusalOfForwarded(std::vector<std::string_view> forwarded_for,
                              std::string_view peer) {
    RequestHead head;
    head.forwarded_for = std::move(forwarded_for);
    return StatusOf(Ask(head, "", peer));
  }
  static unsigned StatusOf(const std::optional<HttpResponse>& response) {
    return response.has_value() ? response->status : 0;
  }

  double Denied(std::string_view cause) const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != "envelope_relay_ingress_denied_total") continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.label.front().value == cause) return metric.counter.value;
      }
    }
    ADD_FAILURE() << "no cause " << cause;
    return -1;
  }

  testing::FakeClock clock_{absl::FromUnixSeconds(kSignedAt)};
  prometheus::Registry registry_;
  IngressMetrics metrics_{registry_};
  std::shared_ptr<IngressKeys> keys_ = std::make_shared<IngressKeys>(registry_);
  std::optional<Admission> admission_;
};

TEST_F(AdmissionTest, WithoutKeysEverybodyMayPost) {
  Start();
  EXPECT_EQ(Refusal(""), 0U);
  EXPECT_EQ(Refusal("anything"), 0U);
  EXPECT_FALSE(CheckBody(RequestHead(), kBody).has_value());
}

TEST_F(AdmissionTest, GoesByTheTokensThatAreInForce) {
  Start();
  SetTokens(kOldToken);
  EXPECT_EQ(Refusal(kOldToken), 0U);
  SetTokens(std::string(kOldToken) + "\n" + kToken);
  EXPECT_EQ(Refusal(kOldToken), 0U);
  EXPECT_EQ(Refusal(kToken), 0U);
  SetTokens(kToken);
  EXPECT_EQ(Refusal(kOldToken), 401U);
  EXPECT_EQ(Refusal(kToken), 0U);
  EXPECT_EQ(Denied("token"), 1);
}

TEST_F(AdmissionTest, AsksForTokenAndSignatureWhenThereAreBoth) {
  Start();
  SetTokens(kToken);
  SetSecrets(kSecret);
  EXPECT_EQ(StatusOf(Ask(SignedHead(), kToken)), 0U);
  EXPECT_EQ(StatusOf(Ask(SignedHead(), "")), 401U);
  EXPECT_EQ(Denied("token"), 1);
  EXPECT_EQ(StatusOf(Ask(RequestHead(), kToken)), 401U);
  EXPECT_EQ(Denied("signature_fields"), 1);
  EXPECT_FALSE(CheckBody(SignedHead(), kBody).has_value());
  EXPECT_EQ(StatusOf(CheckBody(SignedHead(), "{}")), 401U);
  EXPECT_EQ(Denied("signature"), 1);
}

TEST_F(AdmissionTest, SaysWhatIsWrongWithASignature) {
  Start();
  SetSecrets(kSecret);
  EXPECT_THAT(Ask(RequestHead(), "")->body,
              AllOf(HasSubstr("UNAUTHENTICATED"), HasSubstr("webhook-id")));
  EXPECT_THAT(CheckBody(SignedHead(), "{}")->body,
              AllOf(HasSubstr("UNAUTHENTICATED"),
                    HasSubstr("the signature is not that of this body")));
  EXPECT_EQ(Ask(RequestHead(), "")->fields,
            "WWW-Authenticate: Webhook-Signature\r\n");
  clock_.Advance(absl::Seconds(301));
  EXPECT_THAT(Ask(SignedHead(), "")->body,
              AllOf(HasSubstr("UNAUTHENTICATED"), HasSubstr("5 minutes")));
}

TEST_F(AdmissionTest, AWrongSignatureTakesNothingFromThoseWhoSign) {
  Start({.rate = {.requests_max = 1,
                  .requests_per_address_max = 1,
                  .guesses_per_address_max = 1}});
  SetSecrets(kSecret);
  // More than the budget of requests, from elsewhere and from here.
  for (const char* peer : {"192.0.2.9", "192.0.2.1"}) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(StatusOf(Ask(SignedHead(), "", peer)), 0U);
      EXPECT_EQ(StatusOf(CheckBody(SignedHead(), "{}", peer)), 401U);
    }
    EXPECT_EQ(StatusOf(Ask(SignedHead(), "", peer)), 429U);
  }
  EXPECT_EQ(Denied("guesses"), 2);
  EXPECT_EQ(StatusOf(Ask(SignedHead(), "", "192.0.2.3")), 0U);
  EXPECT_EQ(StatusOf(CheckBody(SignedHead(), kBody, "192.0.2.3")), 0U);
}

TEST_F(AdmissionTest, ASignatureIsCountedOnceItIsKnownToBeRight) {
  Start({.rate = {.requests_per_address_max = 1}});
  SetSecrets(kSecret);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(StatusOf(CheckBody(SignedHead(), kBody)), 0U);
  }
  EXPECT_EQ(StatusOf(CheckBody(SignedHead(), kBody)), 429U);
  EXPECT_EQ(Denied("address_rate"), 1);
}

TEST_F(AdmissionTest, AProxyMustSayClearlyWhomItSpeaksFor) {
  Start({.trusted_proxies = ParseNetworks("10.0.0.0/24").value()});
  EXPECT_EQ(RefusalOfForwarded({"unknown"}, "10.0.0.1"), 401U);
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.1"}, "10.0.0.1"), 0U);
  EXPECT_EQ(Denied("source"), 1);
}

TEST_F(AdmissionTest, TakesWebhooksFromItsSourcesOnly) {
  Start({.sources = ParseNetworks("192.0.2.0/24,2001:db8::/32").value()});
  EXPECT_EQ(Refusal("", "192.0.2.1"), 0U);
  EXPECT_EQ(Refusal("", "::ffff:192.0.2.1"), 0U);
  EXPECT_EQ(Refusal("", "2001:db8::1"), 0U);
  EXPECT_EQ(Refusal("", "192.0.3.1"), 401U);
  EXPECT_EQ(Refusal("", "127.0.0.1"), 401U);
  EXPECT_EQ(Refusal("", "2001:db9::1"), 401U);
  EXPECT_EQ(Denied("source"), 3);
  // Nobody gets through with the field.
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.1"}, "192.0.3.1"), 401U);
  EXPECT_THAT(Ask(RequestHead(), "", "192.0.3.1")->body,
              HasSubstr("this address may not post"));
}

TEST_F(AdmissionTest, LooksAtTheAddressBeforeTheToken) {
  Start({.sources = ParseNetworks("192.0.2.0/24").value()});
  SetTokens(kToken);
  EXPECT_EQ(Refusal("wrong", "192.0.3.1"), 401U);
  EXPECT_EQ(Refusal(kToken, "192.0.3.1"), 401U);
  EXPECT_EQ(Denied("source"), 2);
  EXPECT_EQ(Denied("token"), 0);
}

TEST_F(AdmissionTest, BehindAProxyTheClientIsWhoTheProxySays) {
  Start({.sources = ParseNetworks("192.0.2.0/24,10.0.0.0/8").value(),
         .trusted_proxies = ParseNetworks("10.0.0.0/24").value()});
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.1"}, "10.0.0.1"), 0U);
  EXPECT_EQ(RefusalOfForwarded({"192.0.3.1"}, "10.0.0.1"), 401U);
  // What a client says of itself stands to the left of what the proxy says.
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.1, 192.0.3.1"}, "10.0.0.1"), 401U);
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.1", "192.0.3.1"}, "10.0.0.1"), 401U);
  EXPECT_EQ(RefusalOfForwarded({"192.0.3.1, 192.0.2.1"}, "10.0.0.1"), 0U);
  // 10.0.0.1 itself may post, but not for somebody whom it does not name.
  EXPECT_EQ(RefusalOfForwarded({}, "10.0.0.1"), 0U);
  EXPECT_EQ(RefusalOfForwarded({"unknown"}, "10.0.0.1"), 401U);
}

TEST_F(AdmissionTest, LimitsTheRateOfEachAddress) {
  Start({.trusted_proxies = ParseNetworks("10.0.0.0/24").value(),
         .rate = {.requests_per_address_max = 1}});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(RefusalOfForwarded({"192.0.2.1"}, "10.0.0.1"), 0U);
  }
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.1"}, "10.0.0.1"), 429U);
  EXPECT_EQ(RefusalOfForwarded({"192.0.2.2"}, "10.0.0.1"), 0U);
  EXPECT_EQ(Refusal(""), 429U);  // it is 192.0.2.1 all the same
  EXPECT_EQ(Denied("address_rate"), 2);
  const HttpResponse response = *Ask(RequestHead(), "");
  EXPECT_THAT(response.body, HasSubstr("RATE_LIMITED"));
  EXPECT_THAT(response.fields, HasSubstr("Retry-After: "));
}

TEST_F(AdmissionTest, LimitsTheRateInAll) {
  Start({.rate = {.requests_max = 1}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Refusal("", "127.0.0.1"), 0U);
  EXPECT_EQ(Refusal("", "127.0.0.1"), 429U);
  EXPECT_EQ(Refusal("", "192.0.2.1"), 429U);
  EXPECT_EQ(Denied("rate"), 2);
}

TEST_F(AdmissionTest, WhoIsNotLetInUsesUpNothing) {
  Start({.rate = {.requests_max = 1, .requests_per_address_max = 1}});
  SetTokens(kToken);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Refusal("wrong"), 401U);
  EXPECT_EQ(Refusal(kToken), 0U);
}

TEST_F(AdmissionTest, LimitsGuessing) {
  Start({.rate = {.guesses_per_address_max = 1}});
  SetTokens(kToken);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Refusal("wrong"), 401U);
  EXPECT_EQ(Refusal("wrong"), 429U);
  // Or the limit would not limit guessing.
  EXPECT_EQ(Refusal(kToken), 429U);
  EXPECT_EQ(Denied("guesses"), 2);
  EXPECT_EQ(Refusal("wrong", "192.0.2.2"), 401U);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Refusal(kToken), 0U);
  // A sender is not shut out by its neighbours.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Refusal("wrong"), 401U);
  EXPECT_EQ(Refusal(kToken), 0U);
}

TEST_F(AdmissionTest, ASenderRepeatsTheTokensInForceAndItsOwn) {
  Start();
  EXPECT_THAT(admission_->SenderOf("anything").secrets(), IsEmpty());
  SetTokens(std::string("old ") + kOldToken + "\nnew " + kToken);
  const Sender sender = admission_->SenderOf(kOldToken);
  EXPECT_EQ(sender.name(), "old");
  EXPECT_THAT(sender.secrets(), ElementsAre(kOldToken, kToken));
  // Its token was removed while its body was on the way.
  SetTokens(std::string("new ") + kToken);
  const Sender late = admission_->SenderOf(kOldToken);
  EXPECT_EQ(late.name(), "");
  EXPECT_THAT(late.secrets(), ElementsAre(kToken, kOldToken));
  EXPECT_THAT(admission_->SenderOf("").secrets(), ElementsAre(kToken));
}

}  // namespace
}  // namespace enveloperelay
