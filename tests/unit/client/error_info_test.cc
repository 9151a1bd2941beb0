#include "enveloperelay/error_info.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/status_details.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::Optional;

void AddDetail(internal::Status& status, const char* type,
               const google::protobuf::Message& detail) {
  google::protobuf::Any& any = *status.add_details();
  any.set_type_url(type);
  any.set_value(detail.SerializeAsString());
}

grpc::Status Expired(const char* domain) {
  internal::ErrorInfo info;
  info.set_reason("CURSOR_EXPIRED");
  info.set_domain(domain);
  (*info.mutable_metadata())["earliestSequence"] = "42";
  internal::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(2);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  internal::Status details;
  AddDetail(details, "type.googleapis.com/google.rpc.ErrorInfo", info);
  AddDetail(details, "type.googleapis.com/google.rpc.RetryInfo", retry);
  return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "gone",
                      details.SerializeAsString());
}

TEST(ErrorInfoTest, KeepsCodeAndMessage) {
  const absl::Status status = FromGrpcStatus(Expired("enveloperelay"));

  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), "gone");
}

TEST(ErrorInfoTest, ReadsReasonAndMetadata) {
  EXPECT_THAT(GetErrorInfo(FromGrpcStatus(Expired("enveloperelay"))),
              Optional(ErrorInfo{.reason = "CURSOR_EXPIRED",
                                 .metadata = {{"earliestSequence", "42"}}}));
}

TEST(ErrorInfoTest, IgnoresErrorInfoOfAnotherDomain) {
  EXPECT_EQ(GetErrorInfo(FromGrpcStatus(Expired("googleapis.com"))),
            std::nullopt);
}

TEST(ErrorInfoTest, HasNoErrorInfoWhereTheTransportFailed) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "refused");

  EXPECT_EQ(GetErrorInfo(FromGrpcStatus(status)), std::nullopt);
}

TEST(ErrorInfoTest, HasNoErrorInfoWhereDetailsAreGarbage) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "refused", "\xff");

  EXPECT_EQ(GetErrorInfo(FromGrpcStatus(status)), std::nullopt);
}

TEST(ErrorInfoTest, ReadsTheRetryDelay) {
  EXPECT_THAT(GetRetryDelay(FromGrpcStatus(Expired("enveloperelay"))),
              Optional(absl::Milliseconds(2500)));
}

TEST(ErrorInfoTest, HasNoRetryDelayWhereNoneIsAskedFor) {
  EXPECT_EQ(GetRetryDelay(absl::UnavailableError("refused")), std::nullopt);
}

TEST(ErrorInfoTest, ConvertsOk) {
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

}  // namespace
}  // namespace enveloperelay::client
