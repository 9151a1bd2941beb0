// QuarantineService, and each row of the contract's table of errors that it can
// answer, against the relay's program.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/quarantine/quarantine_relay_test.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QuarantineServiceTest : public QuarantineRelayTest {
 protected:
  // The bodies of all pages.
  std::vector<std::string> Bodies(v1::ListQuarantinedRequest request) const {
    std::vector<std::string> bodies;
    do {
      v1::ListQuarantinedResponse page;
      ExpectOk(List(request, page));
      for (const auto& webhook : page.webhooks()) {
        bodies.push_back(Get(webhook.id()).body());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return bodies;
  }
};

TEST_F(QuarantineServiceTest, ListsInPagesFromEitherEnd) {
  StartRelay();
  for (const char* const body : {"a", "b", "{}", "c", "d"}) PostBody(body);
  v1::ListQuarantinedRequest request;
  EXPECT_THAT(Bodies(request), ElementsAre("d", "c", "{}", "b", "a"));
  request.set_page_size(2);
  EXPECT_THAT(Bodies(request), ElementsAre("d", "c", "{}", "b", "a"));
  request.set_oldest_first(true);
  EXPECT_THAT(Bodies(request), ElementsAre("a", "b", "{}", "c", "d"));
  request.set_reason(v1::QUARANTINE_REASON_MALFORMED_JSON);
  EXPECT_THAT(Bodies(request), ElementsAre("a", "b", "c", "d"));
  request.set_reason(v1::QUARANTINE_REASON_UNSUPPORTED_MEDIA_TYPE);
  EXPECT_THAT(Bodies(request), IsEmpty());
}

TEST_F(QuarantineServiceTest, ARetryStoresWhatIsAnEvent) {
  StartRelay();
  PostBody(kVoided, "Content-Type: text/plain\r\n");
  const v1::RetryResult result = RetryOne(All()[0].id());
  EXPECT_EQ(result.outcome(), v1::RETRY_OUTCOME_STORED);
  EXPECT_EQ(result.sequence(), 1);
  EXPECT_THAT(All(), IsEmpty());
  v1::GetEventRequest request;
  request.set_event_id(result.event_id());
  v1::GetEventResponse response;
  ExpectOk(GrpcRelayTest::Get(request, response));
  EXPECT_EQ(response.event().payload(), kVoided);
  EXPECT_EQ(response.event().envelope_id(), "e1");
}

TEST_F(QuarantineServiceTest, ARetryOfWhatTheLogHasIsADuplicate) {
  StartRelay();
  EXPECT_EQ(PostBody(kVoided).status, 200);
  PostBody(kVoided, "Content-Type: text/plain\r\n");
  const v1::RetryResult result = RetryOne(All()[0].id());
  EXPECT_EQ(result.outcome(), v1::RETRY_OUTCOME_DUPLICATE);
  EXPECT_EQ(result.sequence(), 1);
  EXPECT_THAT(All(), IsEmpty());
  EXPECT_EQ(GetLog().latest_sequence(), 1);
}

TEST_F(QuarantineServiceTest, ARetryOfWhatIsStillNoEventSaysWhy) {
  StartRelay();
  PostBody(kMissing);
  const v1::RetryResult result = RetryOne(All()[0].id());
  EXPECT_EQ(result.outcome(), v1::RETRY_OUTCOME_REFUSED);
  EXPECT_EQ(result.reason(), v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT);
  EXPECT_EQ(result.detail(), "data.envelope_id is missing");
  EXPECT_THAT(All(), SizeIs(1));
}

TEST_F(QuarantineServiceTest, RetriesAllInPages) {
  StartRelay();
  constexpr int kCount = 25;
  for (int i = 0; i < kCount; ++i) {
    PostBody(absl::StrCat(R"({"hook":{"event":"envelope_voided"},)"
                          R"("data":{"envelope_id":")",
                          i, R"("}})"),
             "Content-Type: text/plain\r\n");
    PostBody(absl::StrCat("{", i));
  }
  v1::RetryQuarantinedRequest request;
  request.set_all(true);
  request.set_page_size(7);
  request.set_dry_run(true);
  std::vector<v1::RetryOutcome> outcomes;
  const auto run = [&] {
    outcomes.clear();
    request.clear_page_token();
    do {
      const v1::RetryQuarantinedResponse page = Retry(request);
      EXPECT_LE(page.results_size(), 7);
      for (const auto& result : page.results()) {
        outcomes.push_back(result.outcome());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
  };
  run();
  EXPECT_THAT(outcomes, SizeIs(2 * kCount));
  EXPECT_EQ(GetLog().latest_sequence(), 0);
  request.clear_dry_run();
  run();
  ASSERT_THAT(outcomes, SizeIs(2 * kCount));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i], i % 2 == 0 ? v1::RETRY_OUTCOME_STORED
                                      : v1::RETRY_OUTCOME_REFUSED);
  }
  EXPECT_EQ(GetLog().latest_sequence(), kCount);
  EXPECT_THAT(All(), SizeIs(kCount));
  request.set_reason(v1::QUARANTINE_REASON_UNSUPPORTED_MEDIA_TYPE);
  run();
  EXPECT_THAT(outcomes, IsEmpty());
}

TEST_F(QuarantineServiceTest, DeletesSomeOrAll) {
  StartRelay();
  for (const char* const body : {"a", "b", "{}", "c"}) PostBody(body);
  v1::DeleteQuarantinedRequest some;
  some.add_ids(All()[1].id());
  some.add_ids(All()[1].id());
  some.add_ids("unknown");
  some.set_dry_run(true);
  EXPECT_EQ(Delete(some), 1);
  EXPECT_THAT(All(), SizeIs(4));
  some.clear_dry_run();
  EXPECT_EQ(Delete(some), 1);
  EXPECT_EQ(Delete(some), 0);
  v1::DeleteQuarantinedRequest malformed;
  malformed.set_all(true);
  malformed.set_reason(v1::QUARANTINE_REASON_MALFORMED_JSON);
  malformed.set_dry_run(true);
  EXPECT_EQ(Delete(malformed), 2);
  malformed.clear_dry_run();
  EXPECT_EQ(Delete(malformed), 2);
  ASSERT_THAT(All(), SizeIs(1));
  EXPECT_EQ(All()[0].reason(), v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT);
  EXPECT_EQ(
      Metric("envelope_relay_quarantine_removed_total{cause=\"deleted\"}"), 3);
}

TEST_F(QuarantineServiceTest, UnknownWebhookIsQuarantinedNotFound) {
  StartRelay();
  v1::GetQuarantinedRequest request;
  v1::GetQuarantinedResponse response;
  request.set_id("00000000000000000000000000000000");
  ExpectError(Call(&Stub::GetQuarantined, request, response),
              grpc::StatusCode::NOT_FOUND, "QUARANTINED_NOT_FOUND");
  EXPECT_EQ(RetryOne(request.id()).outcome(), v1::RETRY_OUTCOME_NOT_FOUND);
}

TEST_F(QuarantineServiceTest, InvalidFieldsAreNamed) {
  StartRelay();
  const auto expect_invalid = [](const grpc::Status& status,
                                 const std::string& reason,
                                 const std::string& field) {
    EXPECT_THAT(
        ExpectError(status, grpc::StatusCode::INVALID_ARGUMENT, reason).fields,
        ElementsAre(field));
  };
  v1::ListQuarantinedResponse listed;
  v1::ListQuarantinedRequest list;
  list.set_page_size(-1);
  expect_invalid(List(list, listed), "FIELD_INVALID", "page_size");
  list.Clear();
  list.set_page_token("x");
  expect_invalid(List(list, listed), "FIELD_INVALID", "page_token");
  list.Clear();
  list.set_reason(static_cast<v1::QuarantineReason>(99));
  expect_invalid(List(list, listed), "FIELD_INVALID", "reason");

  v1::GetQuarantinedResponse got;
  expect_invalid(Call(&Stub::GetQuarantined, v1::GetQuarantinedRequest(), got),
                 "FIELD_INVALID", "id");

  v1::RetryQuarantinedResponse retried;
  v1::RetryQuarantinedRequest retry;
  expect_invalid(Call(&Stub::RetryQuarantined, retry, retried), "FIELD_INVALID",
                 "ids");
  for (int i = 0; i < 1001; ++i) retry.add_ids("x");
  expect_invalid(Call(&Stub::RetryQuarantined, retry, retried), "FIELD_INVALID",
                 "ids");
  retry.set_all(true);
  expect_invalid(Call(&Stub::RetryQuarantined, retry, retried),
                 "FIELDS_CONFLICT", "all");

  v1::DeleteQuarantinedResponse deleted;
  v1::DeleteQuarantinedRequest remove;
  expect_invalid(Call(&Stub::DeleteQuarantined, remove, deleted),
                 "FIELD_INVALID", "ids");
  remove.add_ids("x");
  remove.set_reason(v1::QUARANTINE_REASON_MALFORMED_JSON);
  expect_invalid(Call(&Stub::DeleteQuarantined, remove, deleted),
                 "FIELDS_CONFLICT", "reason");
}

}  // namespace
}  // namespace enveloperelay::testing
