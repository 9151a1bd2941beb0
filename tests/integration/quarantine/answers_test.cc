// Each row of the ingress's table of answers whose body is quarantined, and
// what is told of names that are not known, against the relay's program.
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/quarantine/quarantine_relay_test.h"
#include "tests/support/raw_http.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QuarantineAnswersTest : public QuarantineRelayTest {
 protected:
  // Checks the answer to a body and how it is kept.
  void ExpectKept(const RawResponse& answer, int status,
                  const std::string& reason, const std::string& body) {
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr("\"reason\":\"" + reason + "\""));
    const auto all = All();
    ASSERT_THAT(all, SizeIs(1));
    const v1::QuarantinedWebhook& listed = all[0];
    EXPECT_EQ(v1::QuarantineReason_Name(listed.reason()),
              "QUARANTINE_REASON_" + reason);
    // The sender is told the same.
    EXPECT_THAT(answer.body, HasSubstr(listed.detail()));
    EXPECT_NE(listed.detail(), "");
    EXPECT_EQ(listed.count(), 1);
    EXPECT_GT(listed.first_receive_time().seconds(), 1'700'000'000);
    EXPECT_EQ(listed.body_bytes(), body.size());
    EXPECT_EQ(listed.body(), "");
    EXPECT_EQ(Get(listed.id()).body(), body);
    EXPECT_EQ(Metric(absl::StrCat("envelope_relay_quarantine_kept_total{reason="
                                  "\"",
                                  reason, "\"}")),
              1);
    EXPECT_EQ(GetLog().latest_sequence(), 0);
  }
};

TEST_F(QuarantineAnswersTest, MalformedJson) {
  StartRelay();
  const std::string body = std::string("{\"a\":\xff\0}", 8);
  ExpectKept(PostBody(body, "Content-Type: application/json\r\n"), 400,
             "MALFORMED_JSON", body);
  EXPECT_EQ(All()[0].content_type(), "application/json");
}

TEST_F(QuarantineAnswersTest, UnsupportedMediaType) {
  StartRelay();
  ExpectKept(PostBody(kVoided, "Content-Type: text/plain; charset=utf-8\r\n"),
             415, "UNSUPPORTED_MEDIA_TYPE", kVoided);
  EXPECT_EQ(All()[0].content_type(), "text/plain; charset=utf-8");
}

TEST_F(QuarantineAnswersTest, NotAnEnvelopeEvent) {
  StartRelay();
  ExpectKept(PostBody(kMissing), 422, "NOT_AN_ENVELOPE_EVENT", kMissing);
  EXPECT_EQ(All()[0].detail(), "data.envelope_id is missing");
}

TEST_F(QuarantineAnswersTest, NothingIsKeptOfAnyOtherRow) {
  StartRelay({"--ingress-max-body-bytes=1KiB"});
  EXPECT_EQ(PostBody(kVoided).status, 200);
  EXPECT_EQ(PostBody(std::string(2000, '{')).status, 413);
  EXPECT_EQ(Ask(RawRequest("PUT", "/webhooks/signplus", "{")).status, 405);
  EXPECT_EQ(Ask(RawRequest("POST", "/other", "{")).status, 404);
  EXPECT_EQ(PostBody("{", "Transfer-Encoding: chunked\r\n").status, 400);
  EXPECT_THAT(All(), IsEmpty());
}

TEST_F(QuarantineAnswersTest, NothingIsKeptOfWhoIsNotAuthenticated) {
  const TempDir directory;
  std::ofstream(directory.File("tokens")) << "whtok_0123456789abcdef\n";
  StartRelay({"--ingress-token-file=" + directory.File("tokens")});
  EXPECT_EQ(PostBody("{").status, 401);
  EXPECT_THAT(All(), IsEmpty());
  EXPECT_EQ(
      PostBody("{", "Authorization: Bearer whtok_0123456789abcdef\r\n").status,
      400);
  EXPECT_THAT(All(), SizeIs(1));
}

TEST_F(QuarantineAnswersTest, IdenticalBodiesAreCounted) {
  StartRelay();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(PostBody("{").status, 400);
  EXPECT_EQ(PostBody("[").status, 400);
  const auto all = All();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].count(), 5);
  EXPECT_GE(all[0].last_receive_time().seconds(),
            all[0].first_receive_time().seconds());
  EXPECT_EQ(
      Metric("envelope_relay_quarantine_repeated_total{reason=\"MALFORMED_"
             "JSON\"}"),
      4);
}

TEST_F(QuarantineAnswersTest, TheOldestGoesForANewOne) {
  StartRelay({"--quarantine-max=2"});
  for (const char* const body : {"a", "b", "c"}) PostBody(body);
  const auto all = All();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(Get(all[0].id()).body(), "b");
  EXPECT_EQ(Get(all[1].id()).body(), "c");
  EXPECT_EQ(Metric("envelope_relay_quarantine_removed_total{cause=\"count\"}"),
            1);
  EXPECT_EQ(Metric("envelope_relay_quarantine_bodies"), 2);
  EXPECT_THAT(relay_->Log(), HasSubstr("the quarantine is full"));
}

TEST_F(QuarantineAnswersTest, KeepsNoneWhenToldSo) {
  StartRelay({"--quarantine-max=0"});
  EXPECT_EQ(PostBody("{").status, 400);
  EXPECT_THAT(All(), IsEmpty());
}

TEST_F(QuarantineAnswersTest, WhatCannotBeKeptGets503SoThatItIsSentAgain) {
  // More than any disk has left.
  StartRelay({"--disk-reserve-bytes=1TiB"});
  const RawResponse answer = PostBody("{");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.Field("retry-after"), "");
  EXPECT_THAT(All(), IsEmpty());
}

TEST_F(QuarantineAnswersTest, UnknownNamesAreToldOnce) {
  StartRelay();
  const std::string body =
      R"({"v":2,"hook":{"event":"envelope_archived"},"data":)"
      R"({"envelope_id":"e","action":"BOWED","shelf\n":1}})";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(PostBody(body).status, 200);
  EXPECT_EQ(PostBody(kVoided).status, 200);
  const std::string prefix = "envelope_relay_ingress_unknown_names_total{kind=";
  EXPECT_EQ(Metric(prefix + "\"event\"}"), 1);
  EXPECT_EQ(Metric(prefix + "\"action\"}"), 1);
  EXPECT_EQ(Metric(prefix + "\"field\"}"), 2);
  const std::string log = relay_->Log();
  for (const char* const line :
       {"unknown name kind=event name=envelope_archived trace_id=",
        "unknown name kind=action name=bowed trace_id=",
        "unknown name kind=field name=v trace_id=",
        R"(unknown name kind=field name="data.shelf\\n" trace_id=)"}) {
    const size_t at = log.find(line);
    ASSERT_NE(at, std::string::npos) << line << log;
    EXPECT_EQ(log.find(line, at + 1), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace enveloperelay::testing
