// Each row of the error table that plain streams and unary calls can meet,
// against the relay's program. Rows that need a broken log or other limits are
// in grpc_server_test.cc and damage_test.cc.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class GrpcErrorsTest : public GrpcRelayTest {
 protected:
  // Subscribes and reads to the end, which is that error.
  StatusDetails ExpectError(const v1::SubscribeRequest& request,
                            grpc::StatusCode code, const std::string& reason) {
    EventStream stream(channel_, request);
    return Check(stream.End(), code, reason);
  }
  static StatusDetails Check(const grpc::Status& status, grpc::StatusCode code,
                             const std::string& reason) {
    SCOPED_TRACE(status.error_message());
    EXPECT_EQ(status.error_code(), code);
    StatusDetails details = ReadDetails(status);
    EXPECT_EQ(details.code, code);
    EXPECT_EQ(details.message, status.error_message());
    EXPECT_EQ(details.domain, "enveloperelay");
    EXPECT_EQ(details.reason, reason);
    return details;
  }
};

TEST_F(GrpcErrorsTest, ACursorThatIsNoneIsInvalid) {
  Start();
  Post({.count = 1});
  std::string damaged = GetLog().latest_cursor();
  damaged[10] = damaged[10] == 'A' ? 'B' : 'A';
  for (const std::string& cursor : {std::string("x"), damaged}) {
    ExpectError(From(cursor), grpc::StatusCode::INVALID_ARGUMENT,
                "CURSOR_INVALID");
    v1::ListEventsRequest request;
    request.set_cursor(cursor);
    v1::ListEventsResponse response;
    Check(List(request, response), grpc::StatusCode::INVALID_ARGUMENT,
          "CURSOR_INVALID");
  }
}

TEST_F(GrpcErrorsTest, ACursorOfAnotherLogIsUnknown) {
  Start();
  const std::string cursor = GetLog().latest_cursor();
  Start();
  const StatusDetails details = ExpectError(
      From(cursor), grpc::StatusCode::OUT_OF_RANGE, "CURSOR_UNKNOWN_LOG");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("logId", GetLog().log_id())));
}

TEST_F(GrpcErrorsTest, ACursorWhoseEventsAreGoneIsExpired) {
  Start({"--retention-age=1s"});
  const std::string start = GetLog().latest_cursor();
  Post({.count = 5});
  // The newest event goes, too, so that all five are gone.
  ASSERT_TRUE(Eventually([this] { return GetLog().earliest_sequence() == 0; }));
  const v1::GetLogResponse log = GetLog();
  EXPECT_EQ(log.latest_sequence(), 5);
  const StatusDetails details = ExpectError(
      From(start), grpc::StatusCode::OUT_OF_RANGE, "CURSOR_EXPIRED");
  EXPECT_THAT(
      details.metadata,
      ElementsAre(Pair("earliestCursor", log.earliest_cursor()),
                  Pair("earliestSequence", "6"), Pair("lostEvents", "5")));

  v1::SubscribeRequest skip = From(start);
  skip.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  EventStream stream(channel_, skip);
  const auto first = stream.Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->gap().lost_events(), 5);
  EXPECT_EQ(first->gap().next_sequence(), 6);
}

TEST_F(GrpcErrorsTest, ACursorPastTheEndIsAhead) {
  // A log that was put back to an older state: its directory, copied.
  Start();
  Post({.count = 1});
  const std::string copy = relay_->data_dir() + "-copy";
  ASSERT_TRUE(relay_->Terminate().ok());
  std::filesystem::copy(relay_->data_dir(), copy,
                        std::filesystem::copy_options::recursive);
  ASSERT_TRUE(relay_->Restart().ok());
  ConnectStub();
  Post({.count = 3});
  const std::string cursor = GetLog().latest_cursor();
  ASSERT_TRUE(relay_->Terminate().ok());
  std::filesystem::remove_all(relay_->data_dir());
  std::filesystem::rename(copy, relay_->data_dir());
  ASSERT_TRUE(relay_->Restart().ok());
  ConnectStub();
  const StatusDetails details =
      ExpectError(From(cursor), grpc::StatusCode::OUT_OF_RANGE, "CURSOR_AHEAD");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("latestSequence", "1")));
}

TEST_F(GrpcErrorsTest, NothingMayStandBesideASubscription) {
  Start();
  const std::vector<
      std::pair<std::string, std::function<void(v1::SubscribeRequest&)>>>
      cases = {
          {"cursor", [](auto& r) { r.set_cursor("c"); }},
          {"start", [](auto& r) { r.set_start(v1::START_POSITION_LATEST); }},
          {"start_time", [](auto& r) { r.mutable_start_time(); }},
          {"filter",
           [](auto& r) { r.mutable_filter()->add_envelope_ids("e"); }},
          {"on_cursor_expired",
           [](auto& r) {
             r.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
           }},
          {"until_caught_up", [](auto& r) { r.set_until_caught_up(true); }},
      };
  for (const auto& [field, set] : cases) {
    v1::SubscribeRequest request;
    request.set_subscription("billing");
    set(request);
    EXPECT_THAT(ExpectError(request, grpc::StatusCode::INVALID_ARGUMENT,
                            "FIELDS_CONFLICT")
                    .fields,
                ElementsAre(field));
  }
}

TEST_F(GrpcErrorsTest, AnInvalidFieldOfSubscribeIsNamed) {
  Start();
  const std::vector<
      std::pair<std::string, std::function<void(v1::SubscribeRequest&)>>>
      cases = {
          {"start",
           [](auto& r) { r.set_start(static_cast<v1::StartPosition>(7)); }},
          {"view", [](auto& r) { r.set_view(static_cast<v1::EventView>(7)); }},
          {"start_time",
           [](auto& r) { r.mutable_start_time()->set_nanos(-1); }},
          {"heartbeat_interval",
           [](auto& r) {
             r.mutable_heartbeat_interval()->set_nanos(1'000'000'000);
           }},
          {"filter.types",
           [](auto& r) {
             r.mutable_filter()->add_types(static_cast<v1::EventType>(99));
           }},
          {"filter.envelope_ids",
           [](auto& r) {
             for (int i = 0; i < 1001; ++i) {
               r.mutable_filter()->add_envelope_ids(absl::StrCat("e", i));
             }
           }},
          {"filter.uids",
           [](auto& r) {
             r.mutable_filter()->add_uids(std::string(1025, 'u'));
           }},
      };
  for (const auto& [field, set] : cases) {
    v1::SubscribeRequest request;
    set(request);
    EXPECT_THAT(ExpectError(request, grpc::StatusCode::INVALID_ARGUMENT,
                            "FIELD_INVALID")
                    .fields,
                ElementsAre(field));
  }
}

TEST_F(GrpcErrorsTest, AThousandFilterValuesAreAllowed) {
  Start();
  v1::SubscribeRequest request;
  for (int i = 0; i < 1000; ++i) {
    request.mutable_filter()->add_envelope_ids(absl::StrCat("env-", i));
  }
  EventStream stream(channel_, request);
  ASSERT_TRUE(stream.Next().has_value());
  Post({.count = 1});
  EXPECT_EQ(stream.NextBatch()->events(0).envelope_id(), "env-0");
}

TEST_F(GrpcErrorsTest, AnInvalidFieldOfListEventsIsNamed) {
  Start();
  v1::ListEventsRequest negative;
  negative.set_page_size(-1);
  v1::ListEventsRequest patient;
  patient.mutable_wait()->set_seconds(61);
  for (const auto& [field, request] :
       std::map<std::string, v1::ListEventsRequest>{{"page_size", negative},
                                                    {"wait", patient}}) {
    v1::ListEventsResponse response;
    EXPECT_THAT(Check(List(request, response),
                      grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID")
                    .fields,
                ElementsAre(field));
  }
}

TEST_F(GrpcErrorsTest, AnUnknownEventIsNotFound) {
  Start();
  Post({.count = 1});
  v1::GetEventResponse response;
  v1::GetEventRequest by_id;
  by_id.set_event_id("00000000-0000-8000-8000-000000000000");
  Check(Get(by_id, response), grpc::StatusCode::NOT_FOUND, "EVENT_NOT_FOUND");
  v1::GetEventRequest by_sequence;
  by_sequence.set_sequence(2);
  Check(Get(by_sequence, response), grpc::StatusCode::NOT_FOUND,
        "EVENT_NOT_FOUND");
  Check(Get({}, response), grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
}

TEST_F(GrpcErrorsTest, TooManyStreamsAreRefusedWithWhenToRetry) {
  Start({"--streams-max=2"});
  EventStream first(channel_, {});
  EventStream second(NewChannel(), {});
  ASSERT_TRUE(first.Next().has_value());
  ASSERT_TRUE(second.Next().has_value());
  const StatusDetails details =
      ExpectError({}, grpc::StatusCode::RESOURCE_EXHAUSTED, "STREAM_LIMIT");
  EXPECT_GT(details.retry_delay, absl::ZeroDuration());
}

TEST_F(GrpcErrorsTest, AReaderThatIsStuckIsAborted) {
  Start({"--stream-stall-timeout=2s"});
  Post({.count = 150, .padding_bytes = 200'000});
  EventStream stream(channel_, FromEarliest());
  ASSERT_TRUE(relay_->WaitForLog("READER_STALLED").ok());
  Check(stream.End(), grpc::StatusCode::ABORTED, "READER_STALLED");
}

TEST_F(GrpcErrorsTest, AStatusOfTheTransportHasNoErrorInfo) {
  Start();
  EventStream stream(channel_, {});
  ASSERT_TRUE(stream.Next().has_value());
  relay_->Kill();
  const grpc::Status status = stream.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_details(), IsEmpty());
}

}  // namespace
}  // namespace enveloperelay::testing
