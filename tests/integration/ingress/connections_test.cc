// Who may have how many connections, and for how long.
#include <boost/asio/ip/address.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/ingress/server.h"
#include "tests/integration/ingress/ingress_server.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class ConnectionsTest : public IngressServerTest {
 protected:
  static constexpr char kCrowded[] = "127.0.0.2";

  static IngressOptions TwoPerAddress() {
    IngressOptions options = Options();
    options.http.connections_per_address_max = 2;
    return options;
  }
  RawConnection ConnectFrom(const std::string& address) const {
    auto connection = RawConnection::Connect(server_->port(), address);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  // So many that are served.
  std::vector<RawConnection> Occupy(const std::string& address, int count) {
    std::vector<RawConnection> connections;
    for (int i = 0; i < count; ++i) {
      connections.push_back(ConnectFrom(address));
      EXPECT_TRUE(connections.back().Send(RawRequest("GET", "/")).ok());
      EXPECT_EQ(connections.back().Read()->status, 404);
    }
    return connections;
  }
};

TEST_F(ConnectionsTest, TellsAnAddressWithTooManyToComeBack) {
  Start(TwoPerAddress());
  std::vector<RawConnection> kept = Occupy(kCrowded, 2);
  RawConnection third = ConnectFrom(kCrowded);
  ASSERT_TRUE(third.Send(Post()).ok());
  const auto response = third.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 429);
  EXPECT_THAT(response->body, HasSubstr(R"("reason":"RATE_LIMITED")"));
  EXPECT_THAT(response->Field("retry-after"), AnyOf("1", "2", "3", "4", "5"));
  EXPECT_EQ(response->Field("connection"), "close");
  EXPECT_TRUE(third.IsClosed());
  EXPECT_EQ(Metric("requests_total", "RATE_LIMITED"), 1);
  EXPECT_TRUE(log_.Bounds().empty());

  // Another address is none the worse.
  EXPECT_EQ(Occupy("127.0.0.3", 2).size(), 2U);
  // And one of the first makes room for another.
  third.FinishSending();
  kept.pop_back();
  ASSERT_TRUE(Eventually([this] { return Metric("connections") == 1; }));
  RawConnection fourth = ConnectFrom(kCrowded);
  ASSERT_TRUE(fourth.Send(Post()).ok());
  EXPECT_EQ(fourth.Read()->status, 200);
}

TEST_F(ConnectionsTest, ClosesWithoutAWordWhatIsFarTooMany) {
  Start(TwoPerAddress());
  const std::vector<RawConnection> kept = Occupy(kCrowded, 2);
  std::vector<RawConnection> more;
  int closed_without_a_word = 0;
  for (int i = 0; i < 40; ++i) {
    more.push_back(ConnectFrom(kCrowded));
    const auto response = more.back().Read();
    if (!response.ok()) ++closed_without_a_word;
  }
  EXPECT_EQ(closed_without_a_word, 40 - 16);
  EXPECT_EQ(Metric("connections"), 2 + 16);
}

TEST_F(ConnectionsTest, DoesNotCountThoseOfAnExemptAddress) {
  IngressOptions options = TwoPerAddress();
  options.http.exempt = [](const boost::asio::ip::address& address) {
    return address.to_string() == kCrowded;
  };
  Start(std::move(options));
  EXPECT_EQ(Occupy(kCrowded, 10).size(), 10U);
  const std::vector<RawConnection> kept = Occupy("127.0.0.3", 2);
  EXPECT_EQ(ConnectFrom("127.0.0.3").Read()->status, 429);
}

TEST_F(ConnectionsTest, ManyFromOneAddressLeaveRoomForOthers) {
  IngressOptions options = TwoPerAddress();
  options.http.connections_max = 4;
  Start(std::move(options));
  const std::vector<RawConnection> kept = Occupy(kCrowded, 2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ConnectFrom(kCrowded).Read()->status, 429);
  }
  ASSERT_TRUE(Eventually([this] { return Metric("connections") == 2; }));
  EXPECT_EQ(Occupy("127.0.0.3", 2).size(), 2U);
}

TEST_F(ConnectionsTest, AnOldConnectionIsClosedWithTheNextAnswer) {
  IngressOptions options = Options();
  options.http.connection_age_max = absl::Milliseconds(300);
  Start(std::move(options));
  RawConnection connection = Connect();
  const absl::Time begin = absl::Now();
  std::string field;
  while (field.empty() && absl::Now() < begin + RawConnection::kPatience) {
    ASSERT_TRUE(connection.Send(Post()).ok());
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200);
    field = response->Field("connection");
  }
  EXPECT_EQ(field, "close");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(200));
  EXPECT_TRUE(connection.IsClosed());
}

// What comes behind the last answer is not done, and its client can tell.
TEST_F(ConnectionsTest, AnOldConnectionAnswersPipelinedRequestsUpToOne) {
  IngressOptions options = Options();
  options.http.connection_age_max = absl::Milliseconds(100);
  Start(std::move(options));
  log_.HoldAppends();
  RawConnection connection = Connect();
  ASSERT_TRUE(
      connection.Send(PostEnvelope(1) + PostEnvelope(2) + PostEnvelope(3))
          .ok());
  ASSERT_TRUE(Eventually([this] { return log_.held_appends() == 1; }));
  EXPECT_FALSE(connection.HasNewsWithin(absl::Milliseconds(400)));
  log_.ReleaseAppends();
  const auto response = connection.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->Field("connection"), "close");
  EXPECT_TRUE(connection.IsClosed());
  EXPECT_EQ(log_.Bounds().latest.value, 1U);
}

}  // namespace
}  // namespace enveloperelay::testing
