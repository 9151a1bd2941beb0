// When the sender of a body that is no event is answered, over a store that a
// test may hold up or break.
#include "server/quarantine/quarantine.h"

#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/ingress/server.h"
#include "tests/integration/ingress/ingress_server.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class IngressQuarantineTest : public IngressServerTest {
 protected:
  void StartKeeping() {
    IngressOptions options = Options();
    options.quarantine = &quarantine_;
    Start(std::move(options));
  }
  // Before what it uses.
  void TearDown() override { server_.reset(); }

  MemoryStateStore store_;
  Quarantine quarantine_{{}, store_, Clock::Real(), registry_};
};

TEST_F(IngressQuarantineTest, AnswersOnceTheBodyIsDurable) {
  StartKeeping();
  store_.HoldWrites();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post("{")).ok());
  ASSERT_TRUE(Eventually([this] { return store_.held_writes() == 1; }));
  EXPECT_FALSE(connection.HasNews());
  store_.ReleaseWrites();
  const auto response = connection.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 400);
  EXPECT_THAT(quarantine_.List({}, 9), SizeIs(1));
}

TEST_F(IngressQuarantineTest, ABodyThatCannotBeKeptGets503) {
  StartKeeping();
  store_.FailWrites(absl::UnavailableError("broken"));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post("{")).ok());
  auto response = connection.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 503);
  EXPECT_NE(response->Field("retry-after"), "");
  EXPECT_THAT(quarantine_.List({}, 9), IsEmpty());

  store_.FailWrites(absl::OkStatus());
  ASSERT_TRUE(connection.Send(Post("{")).ok());
  response = connection.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 400);
}

TEST_F(IngressQuarantineTest, WhileTheDiskIsFullABodyGets503) {
  StartKeeping();
  log_.SetHealth(absl::ResourceExhaustedError("disk full"));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post("{")).ok());
  const auto response = connection.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 503);
  EXPECT_THAT(quarantine_.List({}, 9), IsEmpty());
}

TEST_F(IngressQuarantineTest, GoesDownWhenTheBodyIsAnswered) {
  StartKeeping();
  store_.HoldWrites();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post("{")).ok());
  ASSERT_TRUE(Eventually([this] { return store_.held_writes() == 1; }));
  store_.ReleaseWrites();
  server_.reset();
  EXPECT_THAT(quarantine_.List({}, 9), SizeIs(1));
}

}  // namespace
}  // namespace enveloperelay::testing
