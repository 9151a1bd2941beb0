// One trace from the webhook's request to its event, its answer and the lines
// about it.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.grpc.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::MatchesRegex;

constexpr char kTraceparent[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char kTraceId[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kMade[] = "00-[0-9a-f]{32}-[0-9a-f]{16}-00";

std::string Field(std::string_view traceparent) {
  return "traceparent: " + std::string(traceparent) + "\r\n";
}
std::string TraceIdIn(const std::string& traceparent) {
  return traceparent.size() < 35 ? "" : traceparent.substr(3, 32);
}

using LogLine = std::map<std::string, std::string>;

class TracesTest : public RelayTest {
 protected:
  void StartRelay() {
    Start({"--log-level=debug", "--log-format=json"});
    channel_ = grpc::CreateChannel(relay_->grpc_target(),
                                   grpc::InsecureChannelCredentials());
  }

  v1::EnvelopeEvent Get(const std::string& event_id) const {
    grpc::ClientContext context;
    v1::GetEventRequest request;
    request.set_event_id(event_id);
    v1::GetEventResponse response;
    const grpc::Status status =
        v1::EnvelopeEventService::NewStub(channel_)->GetEvent(&context, request,
                                                              &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.event();
  }

  // The lines of the relay with this message that are about `trace_id`: their
  // fields, numbers and truths as JSON has them.
  std::vector<LogLine> LinesOf(const std::string& message,
                               const std::string& trace_id) const {
    std::vector<LogLine> lines;
    for (const std::string& text : Lines(relay_->Log())) {
      LogLine line;
      const boost::json::value json = boost::json::parse(text);
      for (const auto& [key, value] : json.as_object()) {
        line[key] = value.is_string() ? std::string(value.as_string())
                                      : boost::json::serialize(value);
      }
      if (line["message"] == message && line["trace_id"] == trace_id) {
        lines.push_back(std::move(line));
      }
    }
    return lines;
  }

  // Posts a webhook and expects that it is stored, and that answer, event and
  // line have one trace. Returns its traceparent.
  std::string PostAndFollow(const std::string& envelope_id,
                            const std::string& fields) {
    const RawResponse response = Ask(Post(Body(envelope_id), fields));
    EXPECT_EQ(response.status, 200);
    const v1::EnvelopeEvent event = Get(Member(response, "event_id"));
    EXPECT_EQ(event.traceparent(), response.Field("traceparent"));
    const auto lines =
        LinesOf("webhook stored", TraceIdIn(event.traceparent()));
    EXPECT_EQ(lines.size(), 1U);
    for (const LogLine& line : lines) {
      EXPECT_EQ(line.at("event_id"), event.event_id());
      EXPECT_EQ(line.at("sequence"), std::to_string(event.sequence()));
      EXPECT_EQ(line.at("duplicate"), "false");
      EXPECT_EQ(line.at("level"), "debug");
    }
    return event.traceparent();
  }

  // Expects that a request is refused, and that answer and line have the trace
  // that it came with.
  void ExpectRefused(const std::string& request, int status,
                     const std::string& message) {
    const RawResponse response = Ask(request);
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.Field("traceparent"), kTraceparent);
    if (message.empty()) return;
    const auto lines = LinesOf(message, kTraceId);
    ASSERT_FALSE(lines.empty()) << relay_->Log();
    EXPECT_EQ(lines.back().at("reason"), Member(response, "reason"));
  }

  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(TracesTest, TheTraceOfTheRequestIsThatOfItsEvent) {
  StartRelay();
  EXPECT_EQ(PostAndFollow("e1", Field(kTraceparent)), kTraceparent);
  // Of a later version, what this one knows.
  const std::string rest =
      "-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-";
  EXPECT_EQ(PostAndFollow("e2", Field("01" + rest + "03-more")),
            "00" + rest + "01");
}

TEST_F(TracesTest, ARequestWithoutATraceBeginsOne) {
  StartRelay();
  std::set<std::string> trace_ids;
  int number = 0;
  for (const std::string& fields :
       {std::string(), std::string(), Field("nonsense"), Field(""),
        Field("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        Field(kTraceparent) + Field(kTraceparent)}) {
    const std::string made =
        PostAndFollow("e" + std::to_string(++number), fields);
    EXPECT_THAT(made, MatchesRegex(kMade)) << fields;
    trace_ids.insert(TraceIdIn(made));
  }
  EXPECT_EQ(trace_ids.size(), 6U);
  EXPECT_EQ(trace_ids.count(kTraceId), 0U);
  // Nor are they those of the run before.
  ASSERT_TRUE(relay_->Terminate().ok());
  ASSERT_TRUE(relay_->Restart().ok());
  channel_ = grpc::CreateChannel(relay_->grpc_target(),
                                 grpc::InsecureChannelCredentials());
  trace_ids.insert(TraceIdIn(PostAndFollow("e7", "")));
  EXPECT_EQ(trace_ids.size(), 7U);
}

TEST_F(TracesTest, EachRequestOfAConnectionHasATraceOfItsOwn) {
  StartRelay();
  RawConnection connection = Connect();
  std::set<std::string> seen;
  for (int i = 0; i < 3; ++i) {
    seen.insert(Ask(connection, Post(Body("e" + std::to_string(i))))
                    .Field("traceparent"));
  }
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(Ask(connection, Post(Body("e9"), Field(kTraceparent)))
                .Field("traceparent"),
            kTraceparent);
  EXPECT_NE(Ask(connection, Post(Body("e10"))).Field("traceparent"),
            kTraceparent);
}

TEST_F(TracesTest, ADuplicateIsAnsweredWithItsOwnTrace) {
  StartRelay();
  const std::string first = PostAndFollow("e1", "");
  const RawResponse again = Ask(Post(Body("e1"), Field(kTraceparent)));
  ExpectStored(again, 1, /*duplicate=*/true);
  EXPECT_EQ(again.Field("traceparent"), kTraceparent);
  EXPECT_EQ(Get(Member(again, "event_id")).traceparent(), first);
  const auto lines = LinesOf("webhook stored", kTraceId);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].at("duplicate"), "true");
  EXPECT_EQ(lines[0].at("sequence"), "1");
}

TEST_F(TracesTest, ARefusalHasTheTraceOfItsRequest) {
  StartWithTokens(kToken, {"--log-level=debug", "--log-format=json"});
  const std::string fields =
      Field(kTraceparent) + "Authorization: Bearer " + kToken + "\r\n";
  ExpectRefused(Post("{", fields), 400, "webhook refused");
  ExpectRefused(Post("{}", fields), 422, "webhook refused");
  ExpectRefused(Post(Body(), fields + "Content-Type: text/plain\r\n"), 415,
                "webhook refused");
  ExpectRefused(RawRequest("POST", "/", "", Field(kTraceparent)), 404, "");
  ExpectRefused(RawRequest("GET", kPath, "", Field(kTraceparent)), 405, "");
  ExpectRefused(Post(std::string(300'000, ' '), fields), 413,
                "request not taken");
  // What has no head has no trace.
  const RawResponse no_head =
      Ask("POST / HTTP/1.1\r\n" + Field(kTraceparent) + "\r\n");
  EXPECT_EQ(no_head.status, 400);
  EXPECT_EQ(no_head.fields.count("traceparent"), 0U);
}

TEST_F(TracesTest, ARefusalForTheTokenHasTheTraceOfItsRequest) {
  StartWithTokens(kToken, {"--log-level=debug", "--log-format=json"});
  ExpectRefused(Post(Body(), Field(kTraceparent)), 401, "request refused");
  EXPECT_EQ(Ask(RawRequest("POST", std::string(kPath) + "/" + kToken, Body(),
                           Field(kTraceparent)))
                .Field("traceparent"),
            kTraceparent);
  EXPECT_EQ(LinesOf("token in use", kTraceId).size(), 1U);
  EXPECT_EQ(LinesOf("webhook stored", kTraceId).size(), 1U);
}

TEST_F(TracesTest, AnUnknownNameIsToldWithTheTraceOfItsWebhook) {
  StartRelay();
  ASSERT_EQ(Ask(Post(R"({"hook":{"event":"archived"},)"
                     R"("data":{"envelope_id":"e1"}})",
                     Field(kTraceparent)))
                .status,
            200);
  EXPECT_EQ(LinesOf("first webhook with an unknown name", kTraceId).size(), 1U);
}

TEST_F(TracesTest, ABodyThatIsRetriedKeepsItsFirstTrace) {
  StartRelay();
  const std::string text = "Content-Type: text/plain\r\n";
  const std::string made = Ask(Post(Body("e1"), text)).Field("traceparent");
  EXPECT_THAT(made, MatchesRegex(kMade));
  EXPECT_EQ(Ask(Post(Body("e1"), text + Field(kTraceparent))).status, 415);
  EXPECT_EQ(Ask(Post(Body("e2"), text + Field(kTraceparent))).status, 415);

  const auto quarantine = v1::QuarantineService::NewStub(channel_);
  v1::RetryQuarantinedRequest request;
  request.set_all(true);
  v1::RetryQuarantinedResponse response;
  grpc::ClientContext context;
  const grpc::Status status =
      quarantine->RetryQuarantined(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.results_size(), 2);
  std::set<std::string> traceparents;
  for (const v1::RetryResult& result : response.results()) {
    traceparents.insert(Get(result.event_id()).traceparent());
  }
  EXPECT_EQ(traceparents, (std::set<std::string>{made, kTraceparent}));
}

}  // namespace
}  // namespace enveloperelay::testing
