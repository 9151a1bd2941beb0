// A record that is damaged on the disk, as a subscriber meets it.
#include "tests/integration/grpc/damage.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

class GrpcDamageTest : public GrpcRelayTest {
 protected:
  static constexpr size_t kEvents = 400;
};

TEST_F(GrpcDamageTest, EventsBeforeADamagedRecordComeAndThenItsSequence) {
  Start();
  Post({.count = kEvents, .padding_bytes = 3000});
  ASSERT_TRUE(relay_->Terminate().ok());
  DamageTheLargestTable(relay_->data_dir());
  ASSERT_TRUE(relay_->Restart().ok());
  ConnectStub();

  uint64_t last = 0;
  EventStream stream(channel_, FromEarliest());
  while (const auto response = stream.Next()) {
    for (const v1::EnvelopeEvent& event : response->events()) {
      ASSERT_EQ(event.sequence(), last + 1);
      last = event.sequence();
    }
  }
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  const StatusDetails details = ReadDetails(status);
  EXPECT_EQ(details.domain, "enveloperelay");
  EXPECT_EQ(details.reason, "RECORD_CORRUPT");
  EXPECT_EQ(details.metadata.at("sequence"), std::to_string(last + 1));
  EXPECT_LT(last, kEvents);

  v1::GetEventRequest request;
  request.set_sequence(last + 1);
  v1::GetEventResponse response;
  EXPECT_EQ(ReadDetails(Get(request, response)).reason, "RECORD_CORRUPT");
}

}  // namespace
}  // namespace enveloperelay::testing
