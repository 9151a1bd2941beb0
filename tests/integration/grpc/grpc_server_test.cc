// GrpcServer over a MemoryEventLog, on a loopback socket: what needs a log or
// options that the relay itself does not offer. The rest is tested against the
// relay's program.
#include "server/grpc/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/access/access.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "server/quarantine/quarantine.h"
#include "tests/support/append.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/memory_event_log.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/raw_call.h"
#include "tests/support/status_details.h"

namespace enveloperelay {
namespace {

using testing::Connect;
using testing::EventStream;
using testing::Eventually;
using testing::MakeEvent;
using testing::RawCall;
using testing::ReadDetails;
using testing::StatusDetails;

constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kHealthWatch[] = "/grpc.health.v1.Health/Watch";
// HealthCheckResponse with status SERVING and NOT_SERVING.
const std::string kServing = "\x08\x01";
const std::string kNotServing = "\x08\x02";

// HealthCheckRequest.
std::string AskFor(const std::string& service) {
  std::string request = "\x0a";
  request += static_cast<char>(service.size());
  return request + service;
}

class GrpcServerTest : public ::testing::Test {
 protected:
  static GrpcServer::Options Loopback(uint16_t port = 0) {
    return {.address = {.ip = "127.0.0.1", .port = port}};
  }
  void Start(const GrpcServer::Options& options = Loopback()) {
    auto server = GrpcServer::Start(options, {.log = log_,
                                              .store = store_,
                                              .quarantine = quarantine_,
                                              .clock = Clock::Real(),
                                              .registry = registry_,
                                              .access = access_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = NewChannel();
    stub_ = v1::EnvelopeEventService::NewStub(channel_);
  }
  std::shared_ptr<grpc::Channel> NewChannel() const {
    return Connect(absl::StrCat("127.0.0.1:", server_->port()));
  }

  void Append(size_t count, size_t payload_size = 10) {
    const std::string payload(payload_size, 'p');
    for (size_t i = 0; i < count; ++i) {
      const std::string id = absl::StrCat("e", log_.Bounds().latest.value + 1);
      RELAY_CHECK(testing::AppendAndWait(
                      log_, MakeEvent({.event_id = id, .payload = payload}))
                      .ok());
    }
  }
  static v1::GetEventRequest ById(const std::string& event_id) {
    v1::GetEventRequest request;
    request.set_event_id(event_id);
    return request;
  }
  static v1::SubscribeRequest FromEarliest() {
    v1::SubscribeRequest request;
    request.set_start(v1::START_POSITION_EARLIEST);
    return request;
  }

  // The value of a metric, by name and reason.
  double Metric(const std::string& name, const std::string& reason = "") const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (reason.empty() || metric.label.at(0).value == reason) {
          return metric.counter.value + metric.gauge.value;
        }
      }
    }
    return -1;
  }

  testing::MemoryStateStore store_;
  testing::MemoryEventLog log_;
  prometheus::Registry registry_;
  Access access_{Clock::Real()};
  Quarantine quarantine_{{}, store_, Clock::Real(), registry_};
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EnvelopeEventService::Stub> stub_;
};

TEST_F(GrpcServerTest, AStreamCarriesWhatIsStoredAndThenWhatComes) {
  Start();
  Append(3);
  EventStream stream(channel_, FromEarliest());
  EXPECT_TRUE(stream.Next()->has_info());
  const auto stored = stream.Next();
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->events_size(), 3);
  Append(1);
  const auto live = stream.Next();
  ASSERT_TRUE(live.has_value());
  ASSERT_EQ(live->events_size(), 1);
  EXPECT_EQ(live->events(0).event_id(), "e4");
}

TEST_F(GrpcServerTest, ManyStreamsGetEveryEventInOrder) {
  Start();
  constexpr int kStreams = 50;
  constexpr uint64_t kEvents = 500;
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < kStreams; ++i) {
    streams.push_back(
        std::make_unique<EventStream>(channel_, v1::SubscribeRequest()));
    ASSERT_TRUE(streams.back()->Next()->has_info());
  }
  std::thread appender([this] { Append(kEvents); });
  for (const auto& stream : streams) {
    uint64_t next = 1;
    while (next <= kEvents) {
      const auto batch = stream->NextBatch();
      ASSERT_TRUE(batch.has_value());
      for (const v1::EnvelopeEvent& event : batch->events()) {
        ASSERT_EQ(event.sequence(), next++);
      }
    }
  }
  appender.join();
}

TEST_F(GrpcServerTest, AStreamsEndLeavesNothingBehind) {
  Start();
  for (int i = 0; i < 20; ++i) {
    EventStream stream(channel_, v1::SubscribeRequest());
    ASSERT_TRUE(stream.Next().has_value());
    EXPECT_EQ(Metric("envelope_relay_streams"), 1);
    stream.Cancel();
    EXPECT_TRUE(
        Eventually([this] { return Metric("envelope_relay_streams") == 0; }));
  }
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "CANCELLED"), 20);
}

TEST_F(GrpcServerTest, TooManyStreamsAreRefused) {
  GrpcServer::Options options = Loopback();
  options.calls.streams_max = 2;
  Start(options);
  EventStream first(channel_, {});
  EventStream second(channel_, {});
  ASSERT_TRUE(first.Next().has_value());
  ASSERT_TRUE(second.Next().has_value());
  const grpc::Status status = EventStream(channel_, {}).End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const StatusDetails details = ReadDetails(status);
  EXPECT_EQ(details.reason, "STREAM_LIMIT");
  EXPECT_GT(details.retry_delay, absl::ZeroDuration());

  first.Cancel();
  EXPECT_TRUE(
      Eventually([this] { return Metric("envelope_relay_streams") == 1; }));
  EXPECT_TRUE(EventStream(channel_, {}).Next().has_value());
}

TEST_F(GrpcServerTest, AStreamEndsAtItsAge) {
  GrpcServer::Options options = Loopback();
  options.max_stream_age = absl::Milliseconds(200);
  Start(options);
  Append(1);
  EventStream stream(channel_, FromEarliest());
  std::optional<v1::SubscribeResponse> last;
  while (auto response = stream.Next()) last = std::move(response);
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(last->end().reason(), v1::END_REASON_MAX_AGE);
  EXPECT_TRUE(last->end().has_retry_delay());
  EXPECT_EQ(last->cursor(), EncodeCursor({log_.Bounds().log_id, Sequence{1}}));
}

TEST_F(GrpcServerTest, AReaderThatStalledHearsOfItWhenItReadsAgain) {
  GrpcServer::Options options = Loopback();
  options.stall_timeout = absl::Seconds(2);
  Start(options);
  Append(200, 256 << 10);
  EventStream stream(channel_, FromEarliest());
  ASSERT_TRUE(Eventually([this] {
    return Metric("envelope_relay_stream_ends_total", "READER_STALLED") == 1;
  }));
  const grpc::Status status = stream.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReadDetails(status).reason, "READER_STALLED");
}

TEST_F(GrpcServerTest, AReaderThatStaysStalledIsBrokenOff) {
  GrpcServer::Options options = Loopback();
  options.stall_timeout = absl::Milliseconds(300);
  Start(options);
  Append(200, 256 << 10);
  EventStream stream(channel_, FromEarliest());
  ASSERT_TRUE(Eventually([this] {
    return Metric("envelope_relay_stream_ends_total", "READER_STALLED") == 1;
  }));
  EXPECT_TRUE(
      Eventually([this] { return Metric("envelope_relay_streams") == 0; }));
}

TEST_F(GrpcServerTest, ADamagedRecordEndsTheStreamAfterTheEventsBeforeIt) {
  Start();
  Append(5);
  log_.Damage(Sequence{4});
  EventStream stream(channel_, FromEarliest());
  EXPECT_EQ(stream.NextBatch()->events_size(), 3);
  const grpc::Status status = stream.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(ReadDetails(status).reason, "RECORD_CORRUPT");
  EXPECT_EQ(ReadDetails(status).metadata.at("sequence"), "4");
}

TEST_F(GrpcServerTest, ABugIsInternalWithAnIdOfTheRequest) {
  Start();
  Append(1);
  log_.ForgetRecent();
  log_.SetReadError(absl::FailedPreconditionError("impossible"));
  const grpc::Status status = EventStream(channel_, FromEarliest()).End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(ReadDetails(status).reason, "INTERNAL");
  EXPECT_FALSE(ReadDetails(status).metadata.at("requestId").empty());
}

TEST_F(GrpcServerTest, LostStorageIsUnavailable) {
  Start();
  Append(1);
  log_.ForgetRecent();
  log_.SetReadError(absl::UnavailableError("the disk is gone"));
  grpc::ClientContext context;
  v1::GetEventRequest request;
  request.set_sequence(1);
  v1::GetEventResponse response;
  const grpc::Status status = stub_->GetEvent(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReadDetails(status).reason, "SERVER_UNAVAILABLE");
  EXPECT_GT(ReadDetails(status).retry_delay, absl::ZeroDuration());
}

TEST_F(GrpcServerTest, ARequestThatIsNoMessageIsInvalid) {
  Start();
  // Field 1 as a string that is not UTF-8, and with a length past the end.
  for (const std::string bad : {"\x0a\x02\xff\xfe", "\x0a\x09z"}) {
    for (const char* method : {"Subscribe", "ListEvents", "GetEvent"}) {
      RawCall call(
          channel_,
          absl::StrCat("/enveloperelay.v1.EnvelopeEventService/", method), bad);
      EXPECT_FALSE(call.Next().has_value());
      const grpc::Status status = call.Finish();
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_EQ(ReadDetails(status).reason, "FIELD_INVALID");
    }
  }
}

TEST_F(GrpcServerTest, ARequestThatIsTooLargeIsRefused) {
  Start();
  v1::SubscribeRequest request;
  for (int i = 0; i < 1000; ++i) {
    request.mutable_filter()->add_uids(std::string(4400, 'u'));
  }
  EXPECT_EQ(EventStream(channel_, request).End().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcServerTest, DrainingEndsEveryStreamAsPlanned) {
  Start();
  Append(2);
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(
        std::make_unique<EventStream>(NewChannel(), FromEarliest()));
    ASSERT_TRUE(streams.back()->Next().has_value());
  }
  const absl::Time start = absl::Now();
  server_->Drain(start + absl::Seconds(50));
  EXPECT_LT(absl::Now() - start, absl::Seconds(25));
  for (const auto& stream : streams) {
    std::optional<v1::SubscribeResponse> last;
    while (auto response = stream->Next()) last = std::move(response);
    EXPECT_TRUE(stream->Finish().ok());
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(last->end().reason(), v1::END_REASON_SERVER_DRAINING);
    EXPECT_TRUE(last->end().has_retry_delay());
  }
}

TEST_F(GrpcServerTest, DrainingDoesNotWaitPastTheDeadlineForAStuckReader) {
  GrpcServer::Options options = Loopback();
  options.stall_timeout = absl::Seconds(5);
  Start(options);
  Append(200, 256 << 10);
  EventStream stuck(channel_, FromEarliest());
  // From here on the stream has ended, but for what nobody takes from it.
  ASSERT_TRUE(Eventually([this] {
    return Metric("envelope_relay_stream_ends_total", "READER_STALLED") == 1;
  }));
  const absl::Time start = absl::Now();
  server_->Drain(start + absl::Milliseconds(300));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(290));
  EXPECT_LT(absl::Now() - start, absl::Seconds(4));
  EXPECT_EQ(Metric("envelope_relay_streams"), 0);
}

TEST_F(GrpcServerTest, DrainingAnswersAListingThatWaits) {
  GrpcServer::Options options = Loopback();
  options.calls.unary_calls_max = 1;
  Start(options);
  v1::ListEventsRequest request;
  request.mutable_wait()->set_seconds(60);
  v1::ListEventsResponse response;
  grpc::Status status;
  std::thread client([&] {
    do {  // the call below may be in its way
      grpc::ClientContext context;
      status = stub_->ListEvents(&context, request, &response);
    } while (ReadDetails(status).reason == "STREAM_LIMIT");
  });
  // The one call that may be open is that one, and not an earlier one of these,
  // which may leave a little after it was answered.
  int refused_in_a_row = 0;
  EXPECT_TRUE(Eventually([&] {
    grpc::ClientContext context;
    v1::GetEventResponse event;
    const bool refused =
        ReadDetails(stub_->GetEvent(&context, ById("none"), &event)).reason ==
        "STREAM_LIMIT";
    refused_in_a_row = refused ? refused_in_a_row + 1 : 0;
    return refused_in_a_row == 100;
  }));
  const absl::Time start = absl::Now();
  server_->Drain(start + absl::Seconds(50));
  client.join();
  EXPECT_LT(absl::Now() - start, absl::Seconds(25));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(response.cursor().empty());
}

TEST_F(GrpcServerTest, HealthFollowsWhatItIsToldAndDraining) {
  Start();
  const std::string service = "enveloperelay.v1.EnvelopeEventService";
  for (const std::string& name : {std::string(), service}) {
    EXPECT_EQ(RawCall(channel_, kHealthCheck, AskFor(name)).Next(),
              kNotServing);
  }
  server_->SetServing(true);
  RawCall watch(channel_, kHealthWatch, AskFor(service));
  EXPECT_EQ(watch.Next(), kServing);
  for (const std::string& name : {std::string(), service}) {
    EXPECT_EQ(RawCall(channel_, kHealthCheck, AskFor(name)).Next(), kServing);
  }
  RawCall unknown(channel_, kHealthCheck, AskFor("no.such.Service"));
  EXPECT_FALSE(unknown.Next().has_value());
  EXPECT_EQ(unknown.Finish().error_code(), grpc::StatusCode::NOT_FOUND);

  const absl::Time start = absl::Now();
  std::thread drain(
      [this, start] { server_->Drain(start + absl::Seconds(50)); });
  EXPECT_EQ(watch.Next(), kNotServing);
  drain.join();
  // The watch has no end of its own and must not hold the drain up.
  EXPECT_LT(absl::Now() - start, absl::Seconds(25));
}

TEST_F(GrpcServerTest, APortInUseIsAClearError) {
  Start();
  prometheus::Registry registry;
  const auto second =
      GrpcServer::Start(Loopback(server_->port()), {.log = log_,
                                                    .store = store_,
                                                    .quarantine = quarantine_,
                                                    .clock = Clock::Real(),
                                                    .registry = registry,
                                                    .access = access_});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              ::testing::AllOf(::testing::HasSubstr(
                                   absl::StrCat("127.0.0.1:", server_->port())),
                               ::testing::HasSubstr("Address already in use")));
}

TEST_F(GrpcServerTest, GoesDownWithStreamsOpen) {
  Start();
  EventStream stream(channel_, {});
  ASSERT_TRUE(stream.Next().has_value());
  server_.reset();
  stream.End();
}

}  // namespace
}  // namespace enveloperelay
