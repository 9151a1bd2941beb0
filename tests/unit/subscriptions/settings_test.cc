#include "server/subscriptions/settings.h"

#include <gmock/gmock.h>
#include <google/protobuf/field_mask.pb.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/check.h"
#include "server/stream/proto_time.h"

namespace enveloperelay {
namespace {

using ::testing::HasSubstr;

v1::Subscription Named(std::string_view name) {
  v1::Subscription subscription;
  subscription.set_name(std::string(name));
  return subscription;
}

SubscriptionSettings Checked(const v1::Subscription& subscription) {
  absl::StatusOr<SubscriptionSettings> settings =
      CheckSettings(subscription, "subscription.");
  RELAY_CHECK(settings.ok());
  return *std::move(settings);
}

// What the check says against it; empty: nothing.
std::string Complaint(const v1::Subscription& subscription) {
  const absl::Status status =
      CheckSettings(subscription, "subscription.").status();
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

SubscriptionSettings Applied(const SubscriptionSettings& settings,
                             const v1::Subscription& changes,
                             std::initializer_list<std::string> paths) {
  google::protobuf::FieldMask mask;
  for (const std::string& path : paths) mask.add_paths(path);
  absl::StatusOr<SubscriptionSettings> applied =
      ApplyChanges(settings, changes, mask);
  RELAY_CHECK(applied.ok());
  return *std::move(applied);
}

TEST(SettingsTest, WhatIsUnsetGetsItsDefault) {
  const SubscriptionSettings settings = Checked(Named("orders"));
  EXPECT_EQ(settings.ack_deadline, absl::Seconds(30));
  EXPECT_EQ(settings.min_backoff, absl::Seconds(1));
  EXPECT_EQ(settings.max_backoff, absl::Seconds(300));
  EXPECT_EQ(settings.attempts_max, 10);
  EXPECT_TRUE(settings.by_envelope);
  EXPECT_FALSE(settings.paused);
  EXPECT_EQ(settings.expire_after, absl::InfiniteDuration());
  EXPECT_TRUE(settings.filter->empty());
  EXPECT_EQ(settings.proto.ack_deadline().seconds(), 30);
  EXPECT_EQ(settings.proto.max_attempts(), 10);
  EXPECT_EQ(settings.proto.order(), v1::DELIVERY_ORDER_BY_ENVELOPE);
}

TEST(SettingsTest, AttemptsWithoutLimitAreNeverSpent) {
  v1::Subscription subscription = Named("orders");
  subscription.set_max_attempts(-1);
  EXPECT_EQ(Checked(subscription).attempts_max, UINT32_MAX);
}

TEST(SettingsTest, WhatIsOutputOnlyOrCountsAtCreationIsDropped) {
  v1::Subscription subscription = Named("orders");
  subscription.set_start(v1::START_POSITION_EARLIEST);
  subscription.set_etag("e");
  subscription.set_backlog(7);
  subscription.set_cursor("c");
  const SubscriptionSettings settings = Checked(subscription);
  EXPECT_EQ(settings.proto.start(), v1::START_POSITION_UNSPECIFIED);
  EXPECT_EQ(settings.proto.etag(), "");
  EXPECT_EQ(settings.proto.backlog(), 0);
  EXPECT_EQ(settings.proto.cursor(), "");
}

TEST(SettingsTest, ANameIsASmallLetterAndTwoToSixtyTwoMore) {
  EXPECT_TRUE(IsSubscriptionName("abc"));
  EXPECT_TRUE(IsSubscriptionName("a-1"));
  EXPECT_TRUE(IsSubscriptionName("a" + std::string(62, 'z')));
  EXPECT_FALSE(IsSubscriptionName(""));
  EXPECT_FALSE(IsSubscriptionName("ab"));
  EXPECT_FALSE(IsSubscriptionName("a" + std::string(63, 'z')));
  EXPECT_FALSE(IsSubscriptionName("1ab"));
  EXPECT_FALSE(IsSubscriptionName("-ab"));
  EXPECT_FALSE(IsSubscriptionName("aBc"));
  EXPECT_FALSE(IsSubscriptionName("a_c"));
  EXPECT_FALSE(IsSubscriptionName(std::string_view("ab\0", 3)));
}

TEST(SettingsTest, WhatIsOutOfRangeIsNamedByItsPath) {
  v1::Subscription subscription = Named("Orders");
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.name"));
  subscription = Named("orders");
  *subscription.mutable_ack_deadline() = ToProto(absl::Milliseconds(999));
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.ack_deadline"));
  *subscription.mutable_ack_deadline() = ToProto(absl::Seconds(601));
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.ack_deadline"));
  *subscription.mutable_ack_deadline() = ToProto(absl::Seconds(600));
  EXPECT_EQ(Complaint(subscription), "");
  subscription.set_max_attempts(-2);
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.max_attempts"));
  subscription.set_max_attempts(1);
  *subscription.mutable_min_backoff() = ToProto(absl::Seconds(5));
  *subscription.mutable_max_backoff() = ToProto(absl::Seconds(4));
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.max_backoff"));
  subscription.clear_max_backoff();
  subscription.set_order(static_cast<v1::DeliveryOrder>(9));
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.order"));
}

TEST(SettingsTest, LabelsAreBounded) {
  v1::Subscription subscription = Named("orders");
  for (size_t i = 0; i < kLabelsMax; ++i) {
    (*subscription.mutable_labels())[absl::StrCat("l", i)] =
        std::string(kLabelBytesMax, 'v');
  }
  EXPECT_EQ(Complaint(subscription), "");
  (*subscription.mutable_labels())["one more"] = "";
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.labels"));
  subscription.clear_labels();
  (*subscription.mutable_labels())["owner"] =
      std::string(kLabelBytesMax + 1, 'v');
  EXPECT_THAT(Complaint(subscription), HasSubstr("subscription.labels"));
}

TEST(SettingsTest, AMinBackoffAboveTheUsualMaxRaisesIt) {
  v1::Subscription subscription = Named("orders");
  *subscription.mutable_min_backoff() = ToProto(absl::Seconds(1000));
  EXPECT_EQ(Checked(subscription).max_backoff, absl::Seconds(1000));
}

TEST(SettingsTest, WithoutAMaskAllThatIsSetIsTakenOver) {
  v1::Subscription subscription = Named("orders");
  subscription.set_max_attempts(4);
  *subscription.mutable_ack_deadline() = ToProto(absl::Seconds(5));
  v1::Subscription changes;
  changes.set_paused(true);
  changes.set_max_attempts(6);
  const SubscriptionSettings applied =
      Applied(Checked(subscription), changes, {});
  EXPECT_TRUE(applied.paused);
  EXPECT_EQ(applied.attempts_max, 6);
  EXPECT_EQ(applied.ack_deadline, absl::Seconds(5));
  EXPECT_EQ(applied.proto.name(), "orders");
}

TEST(SettingsTest, AFieldThatAMaskNamesAndNobodySetsGetsItsDefault) {
  v1::Subscription subscription = Named("orders");
  subscription.set_paused(true);
  subscription.set_max_attempts(4);
  *subscription.mutable_expire_after() = ToProto(absl::Hours(1));
  const SubscriptionSettings applied =
      Applied(Checked(subscription), {}, {"paused", "expire_after"});
  EXPECT_FALSE(applied.paused);
  EXPECT_EQ(applied.expire_after, absl::InfiniteDuration());
  EXPECT_EQ(applied.attempts_max, 4);
}

TEST(SettingsTest, AStarNamesAllFields) {
  v1::Subscription subscription = Named("orders");
  subscription.set_max_attempts(4);
  EXPECT_EQ(Applied(Checked(subscription), {}, {"*"}).attempts_max, 10);
}

TEST(SettingsTest, AMaskMayNameWhatIsOutputOnlyButNothingUnknown) {
  const SubscriptionSettings settings = Checked(Named("orders"));
  EXPECT_EQ(Applied(settings, {}, {"name", "backlog", "start"}).attempts_max,
            10);
  google::protobuf::FieldMask mask;
  mask.add_paths("filter.types");
  const absl::Status status = ApplyChanges(settings, {}, mask).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST(SettingsTest, ABackoffDoublesUpToItsMaxWithUpToAQuarterMore) {
  v1::Subscription subscription = Named("orders");
  *subscription.mutable_max_backoff() = ToProto(absl::Seconds(10));
  const SubscriptionSettings settings = Checked(subscription);
  EXPECT_EQ(Backoff(settings, 1, 0), absl::Seconds(1));
  EXPECT_EQ(Backoff(settings, 2, 0), absl::Seconds(2));
  EXPECT_EQ(Backoff(settings, 4, 0), absl::Seconds(8));
  EXPECT_EQ(Backoff(settings, 1, 1), absl::Milliseconds(1250));
  EXPECT_EQ(Backoff(settings, 4, 1), absl::Seconds(10));
  EXPECT_EQ(Backoff(settings, UINT32_MAX, 1), absl::Seconds(10));
}

}  // namespace
}  // namespace enveloperelay
