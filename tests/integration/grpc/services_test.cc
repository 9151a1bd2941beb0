// What is served beside EnvelopeEventService, and what connections may do.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/raw_call.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

class GrpcServicesTest : public GrpcRelayTest {};

TEST_F(GrpcServicesTest, HealthServesTheRelayAndItsServices) {
  Start();
  const auto of_service = [](const std::string& name) {
    return std::string("\x0a") + static_cast<char>(name.size()) + name;
  };
  for (const char* method : {"Check", "Watch"}) {
    for (const std::string& request :
         {std::string(), of_service("enveloperelay.v1.EnvelopeEventService"),
          of_service("enveloperelay.v1.SubscriptionService"),
          of_service("enveloperelay.v1.QuarantineService")}) {
      RawCall call(channel_, std::string("/grpc.health.v1.Health/") + method,
                   request);
      EXPECT_EQ(call.Next(), "\x08\x01");  // SERVING
    }
  }
  RawCall unknown(channel_, "/grpc.health.v1.Health/Check", "\x0a\x01x");
  EXPECT_FALSE(unknown.Next().has_value());
  EXPECT_EQ(unknown.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(GrpcServicesTest, ReflectionListsTheServicesAndKnowsTheirMessages) {
  Start();
  const std::string method =
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  RawCall list(channel_, method, "\x3a\x01*");  // list_services
  const auto services = list.Next();
  ASSERT_TRUE(services.has_value());
  for (const char* service :
       {"enveloperelay.v1.EnvelopeEventService",
        "enveloperelay.v1.QuarantineService", "grpc.health.v1.Health",
        "grpc.channelz.v1.Channelz"}) {
    EXPECT_THAT(*services, HasSubstr(service));
  }
  const std::string symbol = "enveloperelay.v1.EnvelopeEvent";
  RawCall find(channel_, method,  // file_containing_symbol
               std::string("\x22") + static_cast<char>(symbol.size()) + symbol);
  EXPECT_THAT(find.Next().value_or(""),
              HasSubstr("enveloperelay/v1/events.proto"));
}

TEST_F(GrpcServicesTest, OpenReflectionCallsTakeABoundedNumberOfThreads) {
  Start();
  const auto threads = [this] {
    return std::distance(std::filesystem::directory_iterator(
                             absl::StrCat("/proc/", relay_->pid(), "/task")),
                         std::filesystem::directory_iterator());
  };
  const auto at_rest = threads();
  std::vector<std::unique_ptr<RawCall>> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(std::make_unique<RawCall>(
        channel_,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "\x3a\x01*", /*token=*/"", /*sends_more=*/true));
  }
  // The first of them is served, and the relay's own calls are, too.
  EXPECT_TRUE(calls.front()->Next().has_value());
  Post({.count = 1});
  EXPECT_EQ(GetLog().latest_sequence(), 1);
  EXPECT_LT(threads(), at_rest + 40);
}

TEST_F(GrpcServicesTest, ChannelzKnowsTheServer) {
  Start();
  RawCall call(channel_, "/grpc.channelz.v1.Channelz/GetServers", "");
  // GetServersResponse: field 1, a server.
  EXPECT_THAT(call.Next().value_or(""), ::testing::StartsWith("\x0a"));
}

TEST_F(GrpcServicesTest, ASecondRelayOnTheSamePortDoesNotStart) {
  Start();
  const auto second = RelayProcess::Start(
      {.arguments = {"--grpc-address=" + relay_->grpc_target()}});
  EXPECT_THAT(std::string(second.status().message()),
              ::testing::AllOf(HasSubstr("--grpc-address"),
                               HasSubstr(relay_->grpc_target()),
                               HasSubstr("Address already in use")));
}

// Just enough HTTP/2 (RFC 9113) to ping a server.
class PingConnection {
 public:
  explicit PingConnection(uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
              0);
    Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    SendFrame(kSettings, "");
  }
  ~PingConnection() { close(fd_); }
  PingConnection(const PingConnection&) = delete;
  PingConnection& operator=(const PingConnection&) = delete;

  void Ping() const { SendFrame(kPing, "12345678"); }
  // Reads for `duration`, or until the server says GOAWAY or closes: then true.
  bool IsSentAwayWithin(absl::Duration duration) {
    const absl::Time deadline = absl::Now() + duration;
    while (absl::Now() < deadline) {
      pollfd ready = {.fd = fd_, .events = POLLIN, .revents = 0};
      poll(&ready, 1,
           static_cast<int>(absl::ToInt64Milliseconds(deadline - absl::Now())) +
               1);
      if (ready.revents != 0 && !Receive()) return true;
    }
    return false;
  }

 private:
  static constexpr uint8_t kSettings = 4;
  static constexpr uint8_t kPing = 6;
  static constexpr uint8_t kGoAway = 7;
  static constexpr size_t kHeaderSize = 9;

  void Send(std::string_view bytes) const {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void SendFrame(uint8_t type, std::string_view payload) const {
    std::string frame(kHeaderSize, '\0');
    frame[2] = static_cast<char>(payload.size());
    frame[3] = static_cast<char>(type);
    Send(frame.append(payload));
  }
  // False after GOAWAY or the end.
  bool Receive() {
    char buffer[4096];
    const ssize_t size = recv(fd_, buffer, sizeof(buffer), 0);
    if (size <= 0) return false;
    received_.append(buffer, static_cast<size_t>(size));
    while (received_.size() >= kHeaderSize) {
      const auto byte = [this](size_t i) {
        return static_cast<uint8_t>(received_[i]);
      };
      const size_t length =
          (size_t{byte(0)} << 16) + (size_t{byte(1)} << 8) + byte(2);
      if (byte(3) == kGoAway) return false;
      if (received_.size() < kHeaderSize + length) break;
      received_.erase(0, kHeaderSize + length);
    }
    return true;
  }

  int fd_;
  std::string received_;
};

TEST_F(GrpcServicesTest, AClientMayPingEveryTenSecondsWithoutACall) {
  Start();
  PingConnection connection(relay_->grpc_port());
  // gRPC sends away who pings too early for the third time.
  for (int i = 0; i < 4; ++i) {
    connection.Ping();
    ASSERT_FALSE(connection.IsSentAwayWithin(absl::Seconds(10)));
  }
}

TEST_F(GrpcServicesTest, AClientThatPingsWithoutEndIsSentAway) {
  Start();
  PingConnection connection(relay_->grpc_port());
  for (int i = 0; i < 5; ++i) connection.Ping();
  EXPECT_TRUE(connection.IsSentAwayWithin(absl::Seconds(30)));
}

}  // namespace
}  // namespace enveloperelay::testing
