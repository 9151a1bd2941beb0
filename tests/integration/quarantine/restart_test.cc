// The quarantine through the end of the process, in order and by force.
#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/quarantine/quarantine_relay_test.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class QuarantineRestartTest : public QuarantineRelayTest {
 protected:
  std::vector<std::string> Described() const {
    std::vector<std::string> described;
    for (const auto& webhook : All()) {
      described.push_back(Get(webhook.id()).DebugString());
    }
    return described;
  }
};

TEST_F(QuarantineRestartTest, IsTheSameAfterADrain) {
  StartRelay();
  for (const char* const body : {"a", "{}", "a"}) PostBody(body);
  const std::vector<std::string> before = Described();
  ASSERT_THAT(before, SizeIs(2));
  ASSERT_TRUE(relay_->Terminate().ok());
  RestartRelay();
  EXPECT_EQ(Described(), before);
  EXPECT_EQ(Metric("envelope_relay_quarantine_bodies"), 2);
}

TEST_F(QuarantineRestartTest,
       HoldsEachBodyThatWasAnsweredWhenTheRelayIsKilled) {
  StartRelay();
  constexpr size_t kSenders = 4;
  std::vector<std::thread> senders;
  std::array<std::atomic<size_t>, kSenders> answered = {};
  senders.reserve(kSenders);
  for (size_t sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([this, sender, &answered] {
      auto connection = RawConnection::Connect(relay_->ingress_port());
      if (!connection.ok()) return;
      for (;; ++answered.at(sender)) {
        const std::string request =
            RawRequest("POST", "/webhooks/signplus",
                       absl::StrCat(sender, " ", answered.at(sender).load()));
        if (!connection->Send(request).ok()) return;
        const auto response = connection->Read();
        if (!response.ok()) return;
        EXPECT_EQ(response->status, 400);
      }
    });
  }
  EXPECT_TRUE(Eventually([&answered] {
    for (const auto& count : answered) {
      if (count < 50) return false;
    }
    return true;
  }));
  relay_->Kill();
  for (std::thread& sender : senders) sender.join();
  RestartRelay();

  // Those that were answered, and at most the one that was not.
  std::vector<size_t> kept(kSenders);
  v1::ListQuarantinedRequest request;
  request.set_page_size(1000);
  do {
    v1::ListQuarantinedResponse page;
    ExpectOk(List(request, page));
    for (const auto& webhook : page.webhooks()) {
      EXPECT_EQ(webhook.count(), 1);
      const std::string body = Get(webhook.id()).body();
      ++kept.at(static_cast<size_t>(body[0] - '0'));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  for (size_t i = 0; i < kSenders; ++i) {
    EXPECT_GE(kept.at(i), answered.at(i).load());
    EXPECT_LE(kept.at(i), answered.at(i).load() + 1);
  }
}

TEST_F(QuarantineRestartTest, ARetryThatWasAnsweredHoldsWhenTheRelayIsKilled) {
  StartRelay();
  PostBody(kVoided, "Content-Type: text/plain\r\n");
  const std::string id = All()[0].id();
  const v1::RetryResult stored = RetryOne(id);
  ASSERT_EQ(stored.outcome(), v1::RETRY_OUTCOME_STORED);
  relay_->Kill();
  RestartRelay();
  EXPECT_THAT(All(), IsEmpty());
  EXPECT_EQ(GetLog().latest_sequence(), 1);
  EXPECT_EQ(RetryOne(id).outcome(), v1::RETRY_OUTCOME_NOT_FOUND);
}

TEST_F(QuarantineRestartTest, SmallerLimitsHoldAfterARestart) {
  StartRelay();
  for (const char* const body : {"a", "b", "c"}) PostBody(body);
  ASSERT_TRUE(relay_->Terminate().ok());
  RestartRelay({"--quarantine-max=2"});
  EXPECT_THAT(All(), SizeIs(2));
  EXPECT_EQ(Get(All()[0].id()).body(), "b");
}

TEST_F(QuarantineRestartTest, OldBodiesGoByThemselves) {
  StartRelay({"--quarantine-age=1s"});
  PostBody("a");
  EXPECT_TRUE(Eventually(
      [this] { return Metric("envelope_relay_quarantine_bodies") == 0; }));
  EXPECT_EQ(Metric("envelope_relay_quarantine_removed_total{cause=\"age\"}"),
            1);
  EXPECT_THAT(All(), IsEmpty());
}

}  // namespace
}  // namespace enveloperelay::testing
