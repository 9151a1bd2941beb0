#include "server/ingress/webhook_handler.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "server/http/framing.h"
#include "server/http/response.h"
#include "server/ingress/keys.h"
#include "server/ingress/metrics.h"
#include "server/ingress/tokens.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_event_log.h"

namespace enveloperelay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const HttpPeer kPeer;
constexpr char kToken[] = "whtok_0123456789abcdef";

class WebhookHandlerTest : public ::testing::Test {
 protected:
  // Status of the answer that refuses the request; 0: it is admitted.
  unsigned Refusal(std::string_view method, std::string_view target,
                   std::string_view authorization = "") {
    return RefusalOf(with_token_, method, target, authorization);
  }
  unsigned RefusalWithoutTokens(std::string_view method,
                                std::string_view target) {
    return RefusalOf(without_token_, method, target, "");
  }

  WebhookHandlerTest() {
    with_token_keys_->SetTokens(TokenSet::Parse(kToken, "").value());
  }

 private:
  static unsigned RefusalOf(WebhookHandler& handler, std::string_view method,
                            std::string_view target,
                            std::string_view authorization) {
    RequestHead head;
    head.method = method;
    head.target = target;
    head.authorization = authorization;
    const std::optional<HttpResponse> answer = handler.Admit(head, kPeer);
    return answer.has_value() ? answer->status : 0;
  }

  testing::MemoryEventLog log_;
  testing::FakeClock clock_{absl::UnixEpoch()};
  prometheus::Registry registry_;
  IngressMetrics metrics_{registry_};
  std::shared_ptr<IngressKeys> with_token_keys_ =
      std::make_shared<IngressKeys>(registry_);
  std::shared_ptr<IngressKeys> without_keys_ =
      std::make_shared<IngressKeys>(registry_);

 protected:
  WebhookHandler with_token_{{.admission = {.keys = with_token_keys_},
                              .dedup_window = absl::Minutes(1)},
                             log_,
                             clock_,
                             metrics_};
  WebhookHandler without_token_{
      {.admission = {.keys = without_keys_}, .dedup_window = absl::Minutes(1)},
      log_,
      clock_,
      metrics_};
};

TEST_F(WebhookHandlerTest, TakesATokenFromThePathOrTheAuthorizationField) {
  const std::string token = kToken;
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/" + token), 0U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/" + token + "?a=b"), 0U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus", "Bearer " + token), 0U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/", "bearer  " + token), 0U);
}

TEST_F(WebhookHandlerTest, RefusesEveryOtherToken) {
  const std::string token = kToken;
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus"), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/"), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/" + token + "x"), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/" + token.substr(1)), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/%77" + token.substr(1)), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus?" + token), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus", token), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus", "Basic " + token), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus", "Bearer"), 401U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/x", "Bearer " + token), 401U);
}

TEST_F(WebhookHandlerTest, AsksForNoTokenWhenThereIsNone) {
  EXPECT_EQ(RefusalWithoutTokens("POST", "/webhooks/signplus"), 0U);
  EXPECT_EQ(RefusalWithoutTokens("POST", "/webhooks/signplus/anything"), 0U);
}

TEST_F(WebhookHandlerTest, LooksAtPathThenMethodThenToken) {
  const std::string token = kToken;
  EXPECT_EQ(Refusal("POST", "/"), 404U);
  EXPECT_EQ(Refusal("GET", "/webhooks"), 404U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplusx"), 404U);
  EXPECT_EQ(Refusal("POST", "/webhooks/signplus/" + token + "/"), 404U);
  EXPECT_EQ(Refusal("POST", "//webhooks/signplus/" + token), 404U);
  EXPECT_EQ(Refusal("POST", "/Webhooks/signplus/" + token), 404U);
  EXPECT_EQ(Refusal("GET", "/webhooks/signplus"), 405U);
  EXPECT_EQ(Refusal("post", "/webhooks/signplus/" + token), 405U);
}

TEST_F(WebhookHandlerTest, SaysWhatIsAllowedAndNeverWhatWasTried) {
  RequestHead head;
  head.method = "PUT";
  head.target = "/webhooks/signplus/TRIED";
  EXPECT_EQ(with_token_.Admit(head, kPeer)->fields, "Allow: POST\r\n");
  head.method = "POST";
  EXPECT_EQ(with_token_.Admit(head, kPeer)->fields,
            "WWW-Authenticate: Bearer\r\n");
  EXPECT_THAT(with_token_.Admit(head, kPeer)->body, Not(HasSubstr("TRIED")));
}

TEST(MayBeJsonTest, TakesJsonAndNothing) {
  for (const char* const type :
       {"", "application/json", "Application/JSON",
        "application/json; charset=utf-8", "application/json ;x", "text/json",
        "application/cloudevents+json"}) {
    EXPECT_TRUE(MayBeJson(type)) << type;
  }
  for (const char* const type :
       {"text/plain", "application/x-www-form-urlencoded", "application/jsonp",
        "application/xml; application/json", "multipart/form-data", "json",
        "text/x+json", "application/json, text/plain"}) {
    EXPECT_FALSE(MayBeJson(type)) << type;
  }
}

}  // namespace
}  // namespace enveloperelay
