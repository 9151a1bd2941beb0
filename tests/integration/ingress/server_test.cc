#include "server/ingress/server.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/ingress/keys.h"
#include "server/ingress/tokens.h"
#include "tests/integration/ingress/ingress_server.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

using ServerTest = IngressServerTest;

// The descriptors of this process, from 0 on, if none between them is free.
size_t OpenDescriptors() {
  size_t count = 0;
  while (fcntl(static_cast<int>(count), F_GETFD) != -1) ++count;
  return count;
}

TEST_F(ServerTest, AnswersNotBeforeTheLogHasTheEvent) {
  Start();
  log_.HoldAppends();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post()).ok());
  ASSERT_TRUE(Eventually([this] { return log_.held_appends() == 1; }));
  EXPECT_FALSE(connection.HasNews());
  log_.ReleaseAppends();
  EXPECT_EQ(connection.Read()->status, 200);
}

TEST_F(ServerTest, AnswersUnavailableWhenTheLogCannotStoreAndGoesOn) {
  Start();
  RawConnection connection = Connect();
  for (const absl::Status& failure : {absl::UnavailableError("secret"),
                                      absl::ResourceExhaustedError("secret")}) {
    log_.HoldAppends();
    ASSERT_TRUE(connection.Send(Post()).ok());
    ASSERT_TRUE(Eventually([this] { return log_.held_appends() == 1; }));
    log_.FailAppends(failure);
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 503);
    EXPECT_THAT(response->Field("retry-after"), AnyOf("1", "2", "3", "4", "5"));
    EXPECT_THAT(response->body, HasSubstr(R"("reason":"UNAVAILABLE")"));
    EXPECT_THAT(response->body, ::testing::Not(HasSubstr("secret")));
  }
  ASSERT_TRUE(connection.Send(Post()).ok());
  EXPECT_EQ(connection.Read()->status, 200);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInTheirOrder) {
  Start();
  constexpr int kRequests = 100;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += PostEnvelope(i);
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(requests).ok());
  for (int i = 1; i <= kRequests; ++i) {
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_THAT(response->body,
                HasSubstr(R"("sequence":")" + std::to_string(i) + '"'));
  }
}

TEST_F(ServerTest, MeasuresHowLongAnswersOf200Take) {
  Start();
  EXPECT_EQ(Metric("ack_duration_seconds"), 0);
  RawConnection connection = Connect();
  for (const std::string& request :
       {PostEnvelope(1), PostEnvelope(1), Post("{}"), RawRequest("GET", "/")}) {
    ASSERT_TRUE(connection.Send(request).ok());
    ASSERT_TRUE(connection.Read().ok());
  }
  // The answers before the last one are done with.
  EXPECT_EQ(Metric("ack_duration_seconds"), 2);
}

TEST_F(ServerTest, CountsTheBytesOfBodiesThatWereLetIn) {
  IngressOptions options = Options();
  options.admission.keys = std::make_shared<IngressKeys>(registry_);
  options.admission.keys->SetTokens(
      TokenSet::Parse("whtok_0123456789abcdef", "").value());
  Start(std::move(options));
  const std::string let_in = "Authorization: Bearer whtok_0123456789abcdef\r\n";
  for (const std::string& fields : {let_in, let_in, std::string()}) {
    RawConnection connection = Connect();
    ASSERT_TRUE(connection.Send(Post(kBody, fields)).ok());
    ASSERT_TRUE(connection.Read().ok());
  }
  EXPECT_EQ(Metric("body_bytes_total"), 2.0 * std::string_view(kBody).size());
}

TEST_F(ServerTest, KnowsWhenTheNewestEventOfATypeCame) {
  Start();
  const auto last = [this](const std::string& type) {
    return Metric("last_event_timestamp_seconds", type, "type");
  };
  RawConnection connection = Connect();
  EXPECT_EQ(last("ENVELOPE_VOIDED"), 0);
  const double before = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  ASSERT_TRUE(connection.Send(PostEnvelope(1)).ok());
  EXPECT_EQ(connection.Read()->status, 200);
  const double first = last("ENVELOPE_VOIDED");
  EXPECT_GE(first, before);
  ASSERT_TRUE(connection.Send(PostEnvelope(1)).ok());
  EXPECT_EQ(connection.Read()->status, 200);
  EXPECT_EQ(last("ENVELOPE_VOIDED"), first);
  ASSERT_TRUE(connection.Send(PostEnvelope(2)).ok());
  EXPECT_EQ(connection.Read()->status, 200);
  EXPECT_GT(last("ENVELOPE_VOIDED"), first);
  for (const char* const type :
       {"ENVELOPE_COMPLETED", "ENVELOPE_EXPIRED", "ENVELOPE_DECLINED",
        "ENVELOPE_AUDIT_TRAIL", "UNSPECIFIED"}) {
    EXPECT_EQ(last(type), 0) << type;
  }
}

TEST_F(ServerTest, DrainAnswersWhatWasTakenAndClosesTheRest) {
  // One thread takes what arrives in its order, so that what was sent before an
  // answer came has been read.
  IngressOptions options = Options();
  options.http.threads = 1;
  Start(std::move(options));
  log_.HoldAppends();
  RawConnection idle = Connect();
  RawConnection between_requests = Connect();
  ASSERT_TRUE(between_requests.Send(RawRequest("GET", "/")).ok());
  ASSERT_TRUE(between_requests.Read().ok());
  RawConnection in_flight = Connect();
  ASSERT_TRUE(in_flight.Send(Post()).ok());
  RawConnection in_head = Connect();
  ASSERT_TRUE(in_head.Send("POST /webhooks/si").ok());
  RawConnection in_body = Connect();
  ASSERT_TRUE(in_body
                  .Send("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                        "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
                  .ok());
  ASSERT_EQ(in_body.Read()->status, 100);
  ASSERT_TRUE(Eventually([this] { return log_.held_appends() == 1; }));
  ASSERT_TRUE(Eventually([this] { return Metric("connections") == 5; }));

  std::thread drain([this] {
    EXPECT_TRUE(server_->Drain(absl::Now() + RawConnection::kPatience));
  });
  EXPECT_TRUE(idle.IsClosed());
  EXPECT_TRUE(between_requests.IsClosed());
  EXPECT_FALSE(in_flight.HasNews());

  ASSERT_TRUE(in_head
                  .Send("gnplus HTTP/1.1\r\nHost: a\r\n"
                        "Content-Length: 4\r\n\r\nbody")
                  .ok());
  const auto refused = in_head.Read();
  EXPECT_EQ(refused->status, 503);
  EXPECT_NE(refused->Field("retry-after"), "");
  EXPECT_TRUE(in_head.IsClosed());
  in_head.FinishSending();

  ASSERT_TRUE(in_body.Send(std::string(100, ' ')).ok());
  EXPECT_EQ(in_body.Read()->status, 400);
  EXPECT_TRUE(in_body.IsClosed());
  in_body.FinishSending();

  log_.ReleaseAppends();
  const auto response = in_flight.Read();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->Field("connection"), "close");
  EXPECT_TRUE(in_flight.IsClosed());
  in_flight.FinishSending();
  drain.join();
  EXPECT_FALSE(RawConnection::Connect(server_->port()).ok());
}

TEST_F(ServerTest, DrainGivesUpAtItsDeadline) {
  Start();
  log_.HoldAppends();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post()).ok());
  ASSERT_TRUE(Eventually([this] { return log_.held_appends() == 1; }));
  EXPECT_FALSE(server_->Drain(absl::Now() + absl::Milliseconds(50)));
  log_.ReleaseAppends();
}

TEST_F(ServerTest, EndsWhileTheLogStillHasEvents) {
  Start();
  log_.HoldAppends();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post()).ok());
  ASSERT_TRUE(Eventually([this] { return log_.held_appends() == 1; }));
  std::thread end([this] { server_.reset(); });
  log_.ReleaseAppends();
  end.join();
  EXPECT_FALSE(log_.Bounds().empty());
}

TEST_F(ServerTest, TellsConnectionsAboveTheLimitToComeBack) {
  IngressOptions options = Options();
  options.http.connections_max = 2;
  Start(std::move(options));
  std::vector<RawConnection> kept;
  for (int i = 0; i < 2; ++i) {
    kept.push_back(Connect());
    ASSERT_TRUE(kept.back().Send(PostEnvelope(i)).ok());
    EXPECT_EQ(kept.back().Read()->status, 200);
  }
  RawConnection third = Connect();
  ASSERT_TRUE(third.Send(Post()).ok());
  const auto response = third.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 503);
  EXPECT_NE(response->Field("retry-after"), "");
  EXPECT_TRUE(third.IsClosed());
  EXPECT_EQ(Metric("requests_total", "UNAVAILABLE"), 1);

  third.FinishSending();
  kept.pop_back();
  ASSERT_TRUE(Eventually([this] { return Metric("connections") == 1; }));
  RawConnection fourth = Connect();
  ASSERT_TRUE(fourth.Send(PostEnvelope(3)).ok());
  EXPECT_EQ(fourth.Read()->status, 200);
}

// As one that runs out of file descriptors.
TEST_F(ServerTest, AcceptsAgainOnceItCan) {
  Start();
  RawConnection first = Connect();
  ASSERT_TRUE(first.Send(PostEnvelope(1)).ok());
  ASSERT_EQ(first.Read()->status, 200);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  RawConnection waiting = Connect();
  ASSERT_TRUE(Eventually([this] { return Metric("connections") == 2; }));
  // The client's end takes the last descriptor there is.
  rlimit low = before;
  low.rlim_cur = OpenDescriptors() + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  RawConnection refused = Connect();
  ASSERT_TRUE(refused.Send(PostEnvelope(2)).ok());
  // Those that are there are served all the same.
  EXPECT_TRUE(first.Send(PostEnvelope(3)).ok());
  EXPECT_EQ(first.Read()->status, 200);
  EXPECT_FALSE(refused.HasNews());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(refused.Read()->status, 200);
}

TEST_F(ServerTest, TwoServersCannotListenOnOnePort) {
  Start();
  IngressOptions options = Options();
  options.http.address.port = server_->port();
  prometheus::Registry registry;
  const auto second =
      IngressServer::Start(std::move(options), log_, Clock::Real(), registry);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("127.0.0.1:" + std::to_string(server_->port())));
}

TEST_F(ServerTest, HasEveryMetricFromTheStart) {
  Start();
  for (const char* const reason :
       {"STORED", "DUPLICATE", "MALFORMED_JSON", "BAD_REQUEST",
        "UNAUTHENTICATED", "NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT",
        "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "NOT_AN_ENVELOPE_EVENT",
        "RATE_LIMITED", "NOT_IMPLEMENTED", "UNAVAILABLE"}) {
    EXPECT_EQ(Metric("requests_total", reason), 0);
  }
  EXPECT_EQ(Metric("connections"), 0);
}

TEST_F(ServerTest, CountsWhatItAnswers) {
  Start();
  RawConnection connection = Connect();
  for (const std::string& request : {Post(), Post(), Post("{}"), Post("{")}) {
    ASSERT_TRUE(connection.Send(request).ok());
    ASSERT_TRUE(connection.Read().ok());
  }
  EXPECT_EQ(Metric("requests_total", "STORED"), 1);
  EXPECT_EQ(Metric("requests_total", "DUPLICATE"), 1);
  EXPECT_EQ(Metric("requests_total", "NOT_AN_ENVELOPE_EVENT"), 1);
  EXPECT_EQ(Metric("requests_total", "MALFORMED_JSON"), 1);
  EXPECT_EQ(Metric("connections"), 1);
}

}  // namespace
}  // namespace enveloperelay::testing
