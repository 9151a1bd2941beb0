#include "client/envelopectl/errors.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/internal/status_details.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/scripted_event_service.h"

namespace enveloperelay::client {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ExplainTest, NamesTheCauseOfAFailedConnection) {
  const absl::Status status = absl::UnavailableError(
      "failed to connect to all addresses; last error: UNKNOWN: "
      "ipv4:127.0.0.1:9090: Failed to connect to remote host: Connection "
      "refused");

  EXPECT_EQ(ExplainGrpcError(status, "127.0.0.1:9090"),
            "cannot reach the relay at 127.0.0.1:9090: connection refused; is "
            "it running? set --grpc or ENVELOPE_RELAY_GRPC");
}

TEST(ExplainTest, TellsWhatToDoAboutAnExpiredCursor) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::OUT_OF_RANGE, "CURSOR_EXPIRED"));

  EXPECT_THAT(
      ExplainGrpcError(status, "relay:1"),
      AllOf(StartsWith("the relay at relay:1 refused: "),
            HasSubstr("CURSOR_EXPIRED"), HasSubstr("use --from earliest")));
}

TEST(ExplainTest, TellsHowToShowWhoCalls) {
  const absl::Status status = FromGrpcStatus(testing::Refusal(
      grpc::StatusCode::UNAUTHENTICATED, "CREDENTIALS_INVALID"));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"),
              AllOf(HasSubstr("--token-file"), HasSubstr("--cert-file")));
}

TEST(ExplainTest, TellsWhereARightWouldBeGiven) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED"));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"),
              HasSubstr("--grpc-policy-file"));
}

TEST(ExplainTest, TellsAFailureOfTlsFromAnAbsentRelay) {
  const absl::Status status = absl::UnavailableError(
      "failed to connect to all addresses; last error: UNKNOWN: "
      "ipv4:127.0.0.1:9090: Ssl handshake failed: SSL_ERROR_SSL: "
      "error:0A000086:SSL routines::certificate verify failed");

  EXPECT_THAT(
      ExplainGrpcError(status, "relay:1"),
      AllOf(StartsWith("TLS with the relay at relay:1 failed"),
            HasSubstr("certificate verify failed"), HasSubstr("--ca-file")));
}

TEST(ExplainTest, TellsHowToCreateAMissingSubscription) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND",
                       {{"subscription", "billing"}}));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"),
              EndsWith("; create it: envelopectl subscriptions create "
                       "billing"));
}

TEST(ExplainTest, TellsWhatToDoAboutASubscriptionThatExists) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::ALREADY_EXISTS, "SUBSCRIPTION_EXISTS",
                       {{"subscription", "billing\x1b"}}));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"),
              HasSubstr("; change it: envelopectl subscriptions update "
                        "billing\\u001b, or"));
}

TEST(ExplainTest, TellsWhatToDoAboutAnOldEtag) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::ABORTED, "ETAG_MISMATCH"));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"),
              EndsWith("use its new etag"));
}

TEST(ExplainTest, TellsThatAWorkerTookOver) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::ABORTED, "WORKER_SUPERSEDED"));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"), HasSubstr("--worker-id"));
}

TEST(ExplainTest, ListsTheFieldsThatAreWrong) {
  absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID"));
  internal::BadRequest details;
  auto* const name = details.add_field_violations();
  name->set_field("subscription.name");
  name->set_description("has a space");
  auto* const deadline = details.add_field_violations();
  deadline->set_field("subscription.ack_deadline");
  deadline->set_description("is above 600 s");
  status.SetPayload("type.googleapis.com/google.rpc.BadRequest",
                    absl::Cord(details.SerializeAsString()));

  EXPECT_EQ(ExplainGrpcError(status, "relay:1"),
            "the relay at relay:1 refused: subscription.name: has a space; "
            "subscription.ack_deadline: is above 600 s");
}

TEST(ExplainTest, DoesNotCallARelayUnreachableThatAnswers) {
  const absl::Status status = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::UNAVAILABLE, "SERVER_UNAVAILABLE"));

  EXPECT_THAT(ExplainGrpcError(status, "relay:1"),
              AllOf(StartsWith("the relay at relay:1 refused: "),
                    EndsWith("; try again in a while")));
}

TEST(ExplainTest, EscapesTheMessage) {
  EXPECT_EQ(ExplainGrpcError(absl::InternalError("a\x1b[1m"), "relay:1"),
            "a\\u001b[1m");
}

TEST(ExplainTest, TellsWhatToDoWhenAPostFails) {
  EXPECT_EQ(ExplainPostError(absl::UnavailableError("cannot reach it")),
            "cannot reach it; is it running? set --ingress or "
            "ENVELOPE_RELAY_INGRESS");
  EXPECT_EQ(ExplainPostError(absl::UnauthenticatedError("401")),
            "401; set --token-file or ENVELOPE_RELAY_TOKEN_FILE");
}

}  // namespace
}  // namespace enveloperelay::client
