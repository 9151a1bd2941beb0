#include "server/stream/request.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "tests/support/status_details.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using testing::ReadDetails;

std::vector<std::string> FieldsOf(const absl::Status& status) {
  return ReadDetails(ToGrpcStatus(status)).fields;
}

TEST(CheckSubscribeTest, AnEmptyRequestIsLiveEventsFromNowOn) {
  const absl::StatusOr<SubscribeSpec> spec = CheckSubscribe({});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_FALSE(spec->read.start.cursor.has_value());
  EXPECT_FALSE(spec->read.start.start_time.has_value());
  EXPECT_FALSE(spec->read.start.earliest);
  EXPECT_EQ(spec->read.filter, nullptr);
  EXPECT_FALSE(spec->read.skip_expired);
  EXPECT_EQ(spec->batch_events_max, 256);
  EXPECT_EQ(spec->batch_bytes_max, 1 << 20);
  EXPECT_EQ(spec->heartbeat_interval, absl::Seconds(20));
  EXPECT_FALSE(spec->until_caught_up);
}

TEST(CheckSubscribeTest, CoercesTheBoundsOfABatch) {
  v1::SubscribeRequest request;
  request.set_max_batch_events(1);
  request.set_max_batch_bytes(1);
  EXPECT_EQ(CheckSubscribe(request)->batch_events_max, 1);
  EXPECT_EQ(CheckSubscribe(request)->batch_bytes_max, 64 << 10);
  request.set_max_batch_events(UINT32_MAX);
  request.set_max_batch_bytes(UINT32_MAX);
  EXPECT_EQ(CheckSubscribe(request)->batch_events_max, 4096);
  EXPECT_EQ(CheckSubscribe(request)->batch_bytes_max, 3 << 20);
}

TEST(CheckSubscribeTest, CoercesTheHeartbeat) {
  const auto coerced = [](int64_t seconds, int32_t nanos) {
    v1::SubscribeRequest request;
    request.mutable_heartbeat_interval()->set_seconds(seconds);
    request.mutable_heartbeat_interval()->set_nanos(nanos);
    return CheckSubscribe(request)->heartbeat_interval;
  };
  EXPECT_EQ(coerced(0, 0), absl::Seconds(1));
  EXPECT_EQ(coerced(-5, 0), absl::Seconds(1));
  EXPECT_EQ(coerced(2, 500'000'000), absl::Milliseconds(2500));
  EXPECT_EQ(coerced(301, 0), absl::Seconds(300));
}

TEST(CheckSubscribeTest, RefusesWhatIsNoDuration) {
  v1::SubscribeRequest request;
  request.mutable_heartbeat_interval()->set_nanos(1'000'000'000);
  EXPECT_THAT(FieldsOf(CheckSubscribe(request).status()),
              ElementsAre("heartbeat_interval"));
  request.mutable_heartbeat_interval()->set_seconds(1);
  request.mutable_heartbeat_interval()->set_nanos(-1);
  EXPECT_THAT(FieldsOf(CheckSubscribe(request).status()),
              ElementsAre("heartbeat_interval"));
  request.mutable_heartbeat_interval()->set_seconds(315'576'000'001);
  request.mutable_heartbeat_interval()->set_nanos(0);
  EXPECT_THAT(FieldsOf(CheckSubscribe(request).status()),
              ElementsAre("heartbeat_interval"));
}

TEST(CheckSubscribeTest, RefusesWhatIsNoTime) {
  const auto fields = [](int64_t seconds, int32_t nanos) {
    v1::SubscribeRequest request;
    request.mutable_start_time()->set_seconds(seconds);
    request.mutable_start_time()->set_nanos(nanos);
    return FieldsOf(CheckSubscribe(request).status());
  };
  EXPECT_THAT(fields(0, -1), ElementsAre("start_time"));
  EXPECT_THAT(fields(0, 1'000'000'000), ElementsAre("start_time"));
  EXPECT_THAT(fields(-62'135'596'801, 0), ElementsAre("start_time"));
  EXPECT_THAT(fields(253'402'300'800, 0), ElementsAre("start_time"));
}

TEST(CheckSubscribeTest, NamesEveryFieldThatIsWrong) {
  v1::SubscribeRequest request;
  request.set_start(static_cast<v1::StartPosition>(3));
  request.set_view(static_cast<v1::EventView>(-1));
  request.set_on_cursor_expired(static_cast<v1::CursorExpiredPolicy>(9));
  request.mutable_filter()->add_types(static_cast<v1::EventType>(17));
  request.mutable_start_time()->set_nanos(-1);
  const absl::Status status = CheckSubscribe(request).status();
  EXPECT_EQ(ReasonOf(status), "FIELD_INVALID");
  EXPECT_THAT(FieldsOf(status),
              ElementsAre("start", "view", "on_cursor_expired", "filter.types",
                          "start_time"));
}

TEST(CheckSubscribeTest, ReadsTheCursor) {
  v1::SubscribeRequest request;
  const Cursor cursor{LogId{3}, Sequence{4}};
  request.set_cursor(EncodeCursor(cursor));
  EXPECT_EQ(CheckSubscribe(request)->read.start.cursor, cursor);
  request.set_cursor("no cursor");
  EXPECT_EQ(ReasonOf(CheckSubscribe(request).status()), "CURSOR_INVALID");
}

TEST(CheckSubscribeTest, ReadsWhatAWorkerAsksFor) {
  v1::SubscribeRequest request;
  request.set_subscription("billing");
  request.set_worker_id("pod-1");
  absl::StatusOr<SubscribeSpec> spec = CheckSubscribe(request);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_TRUE(spec->worker.has_value());
  EXPECT_EQ(spec->worker->subscription, "billing");
  EXPECT_EQ(spec->worker->worker_id, "pod-1");
  EXPECT_EQ(spec->worker->outstanding_max, 1000U);
  request.set_max_outstanding_events(1'000'000);
  EXPECT_EQ(CheckSubscribe(request)->worker->outstanding_max, 100'000U);
  request.set_worker_id(std::string(257, 'w'));
  EXPECT_THAT(FieldsOf(CheckSubscribe(request).status()),
              ElementsAre("worker_id"));
}

TEST(CheckSubscribeTest, NothingThatASubscriptionSetsMayStandBesideIt) {
  v1::SubscribeRequest request;
  request.set_subscription("billing");
  request.set_cursor("c");
  request.set_start(v1::START_POSITION_EARLIEST);
  request.mutable_start_time();
  request.mutable_filter();
  request.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  request.set_until_caught_up(true);
  const absl::Status status = CheckSubscribe(request).status();
  EXPECT_EQ(ReasonOf(status), "FIELDS_CONFLICT");
  EXPECT_THAT(FieldsOf(status),
              ElementsAre("cursor", "start", "start_time", "filter",
                          "on_cursor_expired", "until_caught_up"));
}

TEST(CheckListTest, AnEmptyRequestIsTheOldestEvents) {
  const absl::StatusOr<ListSpec> spec = CheckList({});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->read.start.earliest);
  EXPECT_EQ(spec->page_size, 256);
  EXPECT_EQ(spec->wait, absl::ZeroDuration());
}

TEST(CheckListTest, LatestIsTheEndOfTheLog) {
  v1::ListEventsRequest request;
  request.set_start(v1::START_POSITION_LATEST);
  EXPECT_FALSE(CheckList(request)->read.start.earliest);
}

TEST(CheckListTest, CoercesThePageSizeButRefusesANegativeOne) {
  v1::ListEventsRequest request;
  request.set_page_size(1);
  EXPECT_EQ(CheckList(request)->page_size, 1);
  request.set_page_size(INT32_MAX);
  EXPECT_EQ(CheckList(request)->page_size, 4096);
  request.set_page_size(-1);
  EXPECT_EQ(ReasonOf(CheckList(request).status()), "FIELD_INVALID");
  EXPECT_THAT(FieldsOf(CheckList(request).status()), ElementsAre("page_size"));
}

TEST(CheckListTest, WaitsAMinuteAtMost) {
  const auto check = [](int64_t seconds, int32_t nanos) {
    v1::ListEventsRequest request;
    request.mutable_wait()->set_seconds(seconds);
    request.mutable_wait()->set_nanos(nanos);
    return CheckList(request);
  };
  EXPECT_EQ(check(60, 0)->wait, absl::Seconds(60));
  EXPECT_THAT(FieldsOf(check(60, 1).status()), ElementsAre("wait"));
  EXPECT_THAT(FieldsOf(check(-1, 0).status()), ElementsAre("wait"));
  EXPECT_THAT(FieldsOf(check(0, 1'000'000'000).status()), ElementsAre("wait"));
}

}  // namespace
}  // namespace enveloperelay
