// What is posted over HTTP is what comes out over gRPC.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/fixtures.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class WebhooksTest : public RelayTest {
 protected:
  std::unique_ptr<v1::EnvelopeEventService::Stub> Stub() const {
    return v1::EnvelopeEventService::NewStub(grpc::CreateChannel(
        relay_->grpc_target(), grpc::InsecureChannelCredentials()));
  }

  v1::EnvelopeEvent Get(const std::string& event_id) const {
    grpc::ClientContext context;
    v1::GetEventRequest request;
    request.set_event_id(event_id);
    v1::GetEventResponse response;
    const grpc::Status status = Stub()->GetEvent(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.event();
  }

  std::vector<v1::EnvelopeEvent> List() const {
    grpc::ClientContext context;
    v1::ListEventsRequest request;
    request.set_page_size(1000);
    v1::ListEventsResponse response;
    const grpc::Status status =
        Stub()->ListEvents(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.events().begin(), response.events().end()};
  }
};

TEST_F(WebhooksTest, EachFixtureIsAnsweredAndReadAsItsManifestSays) {
  Start();
  RawConnection connection = Connect();
  std::vector<std::string> event_ids;  // of what was stored, in order
  for (const Fixture& fixture : LoadFixtures()) {
    SCOPED_TRACE(fixture.file);
    const absl::Time before = absl::Now();
    const RawResponse response = Ask(connection, Post(fixture.body));
    EXPECT_EQ(response.status, fixture.http_status);
    if (fixture.http_status != 200) {
      ExpectProblem(response, fixture.http_status,
                    fixture.http_status == 400 ? "MALFORMED_JSON"
                                               : "NOT_AN_ENVELOPE_EVENT");
      continue;
    }
    const v1::EnvelopeEvent event = Get(Member(response, "event_id"));
    EXPECT_EQ(event.event_id(), Member(response, "event_id"));
    EXPECT_EQ(std::to_string(event.sequence()), Member(response, "sequence"));
    // Some differ only in letter case or in what does not make the event.
    const bool duplicate = Member(response, "duplicate") == "true";
    if (duplicate) {
      EXPECT_THAT(event_ids, ::testing::Contains(event.event_id()));
      continue;
    }
    event_ids.push_back(event.event_id());
    EXPECT_EQ(event.sequence(), event_ids.size());
    EXPECT_EQ(ManifestFields(event).DebugString(),
              fixture.event.value_or(v1::EnvelopeEvent()).DebugString());
    EXPECT_EQ(event.payload(), fixture.body);
    EXPECT_EQ(event.origin(), v1::ORIGIN_WEBHOOK);
    EXPECT_NE(event.cursor(), "");
    const absl::Time received =
        absl::FromUnixSeconds(event.receive_time().seconds()) +
        absl::Nanoseconds(event.receive_time().nanos());
    EXPECT_GE(received, before - absl::Microseconds(1));
    EXPECT_LE(received, absl::Now());
  }
  // All of them, in the order of their answers, and nothing that was refused.
  const std::vector<v1::EnvelopeEvent> events = List();
  ASSERT_EQ(events.size(), event_ids.size());
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].event_id(), event_ids[i]);
    EXPECT_EQ(events[i].sequence(), i + 1);
  }
}

TEST_F(WebhooksTest, EachFixtureIsStoredByItself) {
  Start();
  for (const Fixture& fixture : LoadFixtures()) {
    if (fixture.http_status != 200) continue;
    SCOPED_TRACE(fixture.file);
    // Of an envelope of its own, so that it is no duplicate.
    const std::string envelope_id = fixture.file.substr(0, 3);
    std::string body = fixture.body;
    const std::string documented = "6697e681c5e364c7c23710d4";
    body.replace(body.find(documented), documented.size(), envelope_id);
    const RawResponse response = Ask(Post(body));
    EXPECT_EQ(Member(response, "duplicate"), "false");
    const v1::EnvelopeEvent event = Get(Member(response, "event_id"));
    v1::EnvelopeEvent expected = fixture.event.value_or(v1::EnvelopeEvent());
    expected.set_envelope_id(envelope_id);
    EXPECT_EQ(ManifestFields(event).DebugString(), expected.DebugString());
    EXPECT_EQ(event.payload(), body);
  }
}

TEST_F(WebhooksTest, TheTokenIsInNoEvent) {
  StartWithTokens(kToken);
  const std::string token = kToken;
  std::string escaped;
  for (const char c : token) escaped += absl::StrFormat("\\u%04x", c);
  int number = 0;
  for (const std::string& target : std::vector<std::string>{
           "https://relay.example/webhooks/signplus/" + token,
           R"(https:\/\/relay.example\/webhooks\/signplus\/)" + token + "?x=y",
           "https://relay.example/webhooks/signplus/" + escaped,
           R"(https://relay.example/webhooks/signplus/\u0077)" +
               token.substr(1)}) {
    const std::string body =
        R"({"hook":{"event":"envelope_voided","target":")" + target +
        R"("},"data":{"envelope_id":"e)" + std::to_string(++number) +
        R"(","file_name":")" + token + R"("},")" + token + R"(":1})";
    const RawResponse response =
        Ask(RawRequest("POST", std::string(kPath) + "/" + token, body));
    ASSERT_EQ(response.status, 200) << response.body;
    const v1::EnvelopeEvent event = Get(Member(response, "event_id"));
    EXPECT_THAT(event.SerializeAsString(), Not(HasSubstr(token)));
    EXPECT_EQ(event.file_name(), std::string(token.size(), '*'));
    EXPECT_EQ(event.payload().size(), body.size());
    const boost::json::value payload = boost::json::parse(event.payload());
    EXPECT_THAT(boost::json::serialize(payload), Not(HasSubstr(token)));
    EXPECT_THAT(std::string(payload.at("hook").at("target").as_string()),
                HasSubstr("/webhooks/signplus/**********************"));
  }
}

}  // namespace
}  // namespace enveloperelay::testing
