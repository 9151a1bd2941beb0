#include "server/stream/errors.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/log/cursor.h"
#include "server/log/errors.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/support/status_details.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Pair;
using testing::ReadDetails;
using testing::StatusDetails;

// Whether it is that error, and its details agree with it.
void ExpectError(const absl::Status& status, grpc::StatusCode code,
                 const std::string& reason) {
  SCOPED_TRACE(status.ToString());
  const grpc::Status error = ToGrpcStatus(status);
  const StatusDetails details = ReadDetails(error);
  EXPECT_THAT(details,
              AllOf(Field(&StatusDetails::code, code),
                    Field(&StatusDetails::message, error.error_message()),
                    Field(&StatusDetails::reason, reason),
                    Field(&StatusDetails::domain, "enveloperelay")));
  EXPECT_EQ(error.error_code(), code);
  EXPECT_NE(error.error_message(), "");
  EXPECT_EQ(ReasonOf(status), reason);
}

TEST(StreamErrorsTest, CarryTheCodeAndTheReasonOfTheContract) {
  const LogBounds bounds{.log_id = LogId{7},
                         .earliest = Sequence{10},
                         .latest = Sequence{20},
                         .earliest_time = absl::UnixEpoch(),
                         .latest_time = absl::UnixEpoch()};
  using enum grpc::StatusCode;
  ExpectError(CursorInvalidError(), INVALID_ARGUMENT, "CURSOR_INVALID");
  ExpectError(CursorExpiredError(Sequence{1}, bounds), OUT_OF_RANGE,
              "CURSOR_EXPIRED");
  ExpectError(CursorAheadError(Sequence{9}, Sequence{8}), OUT_OF_RANGE,
              "CURSOR_AHEAD");
  ExpectError(CursorUnknownLogError(LogId{1}, LogId{2}), OUT_OF_RANGE,
              "CURSOR_UNKNOWN_LOG");
  ExpectError(FieldsConflictError({{"cursor", "no"}}), INVALID_ARGUMENT,
              "FIELDS_CONFLICT");
  ExpectError(FieldInvalidError({{"page_size", "no"}}), INVALID_ARGUMENT,
              "FIELD_INVALID");
  ExpectError(EventNotFoundError("x"), NOT_FOUND, "EVENT_NOT_FOUND");
  ExpectError(QuarantinedNotFoundError(), NOT_FOUND, "QUARANTINED_NOT_FOUND");
  ExpectError(ReaderStalledError(absl::Minutes(15)), ABORTED, "READER_STALLED");
  ExpectError(StreamLimitError("at most 3"), RESOURCE_EXHAUSTED,
              "STREAM_LIMIT");
  ExpectError(DrainingError(), UNAVAILABLE, "SERVER_UNAVAILABLE");
  ExpectError(SubscriptionNotFoundError("billing"), NOT_FOUND,
              "SUBSCRIPTION_NOT_FOUND");
  ExpectError(SubscriptionExistsError("billing"), ALREADY_EXISTS,
              "SUBSCRIPTION_EXISTS");
  ExpectError(EtagMismatchError(), ABORTED, "ETAG_MISMATCH");
  ExpectError(WorkerSupersededError("pod-1"), ABORTED, "WORKER_SUPERSEDED");
  ExpectError(SubscriptionLimitError(9), RESOURCE_EXHAUSTED,
              "SUBSCRIPTION_LIMIT");
  ExpectError(FilterLimitError(9), RESOURCE_EXHAUSTED, "SUBSCRIPTION_LIMIT");
}

TEST(StreamErrorsTest, OkIsOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
}

TEST(StreamErrorsTest, AnExpiredCursorSaysWhereToGoOnAndWhatIsLost) {
  const LogBounds bounds{.log_id = LogId{7},
                         .earliest = Sequence{10},
                         .latest = Sequence{20},
                         .earliest_time = absl::UnixEpoch(),
                         .latest_time = absl::UnixEpoch()};
  EXPECT_THAT(
      ReadDetails(ToGrpcStatus(CursorExpiredError(Sequence{4}, bounds)))
          .metadata,
      ElementsAre(Pair("earliestCursor", EncodeCursor({LogId{7}, Sequence{9}})),
                  Pair("earliestSequence", "10"), Pair("lostEvents", "5")));
}

TEST(StreamErrorsTest, OtherCursorErrorsNameTheLog) {
  EXPECT_THAT(
      ReadDetails(ToGrpcStatus(CursorAheadError(Sequence{9}, Sequence{8})))
          .metadata,
      ElementsAre(Pair("latestSequence", "8")));
  EXPECT_THAT(
      ReadDetails(ToGrpcStatus(CursorUnknownLogError(LogId{1}, LogId{2})))
          .metadata,
      ElementsAre(Pair("logId", LogId{2}.ToString())));
}

TEST(StreamErrorsTest, ABadRequestNamesEveryFieldThatIsWrong) {
  const grpc::Status status = ToGrpcStatus(FieldInvalidError(
      {{"filter.uids", "too long"}, {"page_size", "negative"}}));
  EXPECT_THAT(ReadDetails(status).fields,
              ElementsAre("filter.uids", "page_size"));
  EXPECT_EQ(status.error_message(),
            "filter.uids: too long; page_size: negative");
}

TEST(StreamErrorsTest, WhatMayPassSaysWhenToTryAgain) {
  const auto one_to_three_seconds =
      Field(&StatusDetails::retry_delay,
            AllOf(Ge(absl::Seconds(1)), Le(absl::Seconds(3))));
  std::set<absl::Duration> delays;
  for (int i = 0; i < 10; ++i) {
    for (const absl::Status& status :
         {DrainingError(), StreamLimitError("full"),
          absl::UnavailableError("storage has failed")}) {
      const StatusDetails details = ReadDetails(ToGrpcStatus(status));
      EXPECT_THAT(details, one_to_three_seconds);
      delays.insert(details.retry_delay);
    }
  }
  EXPECT_GT(delays.size(), 1);  // jittered
}

TEST(StreamErrorsTest, ErrorsOfTheLogBecomeRowsOfTheContract) {
  ExpectError(FromLog(absl::UnavailableError("storage has failed")),
              grpc::StatusCode::UNAVAILABLE, "SERVER_UNAVAILABLE");
  const absl::Status corrupt =
      FromLog(CorruptRecord(Sequence{42}, "bad checksum"));
  ExpectError(corrupt, grpc::StatusCode::DATA_LOSS, "RECORD_CORRUPT");
  EXPECT_THAT(ReadDetails(ToGrpcStatus(corrupt)).metadata,
              ElementsAre(Pair("sequence", "42")));
}

TEST(StreamErrorsTest, AnythingElseIsABugWithAnIdOfTheRequest) {
  const absl::Status bug = FromLog(absl::FailedPreconditionError("secret"));
  ExpectError(bug, grpc::StatusCode::INTERNAL, "INTERNAL");
  const StatusDetails details = ReadDetails(ToGrpcStatus(bug));
  EXPECT_THAT(details.metadata,
              ElementsAre(Pair("requestId", ::testing::SizeIs(16))));
  EXPECT_EQ(details.message.find("secret"), std::string::npos);
}

TEST(StreamErrorsTest, AnErrorOfTheContractIsLeftAsItIs) {
  const absl::Status error = CursorInvalidError();
  EXPECT_EQ(FromLog(error), error);
}

}  // namespace
}  // namespace enveloperelay
