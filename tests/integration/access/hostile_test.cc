// Hostile clients at the gRPC port, with a good one beside them: it posts
// webhooks, gets each as an event, and must see no error and no added second.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_http2.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {
namespace {

constexpr char kSubscribe[] =
    "/enveloperelay.v1.EnvelopeEventService/Subscribe";
constexpr char kGetLog[] = "/enveloperelay.v1.EnvelopeEventService/GetLog";
// Longer than the relay gives a connection to get as far as HTTP/2.
constexpr absl::Duration kHandshakePatience = absl::Seconds(30);

// What gRPC may hold for calls that are not yet cleared away.
#ifdef __SANITIZE_ADDRESS__
// It keeps for a while what is freed, and adds to each allocation.
constexpr size_t kGrowthMax = size_t{1} << 30;
#else
constexpr size_t kGrowthMax = size_t{512} << 20;
#endif

class HostileGrpcTest : public GrpcRelayTest {
 protected:
  // What an attacker does again and again, as fast as the relay takes it: on a
  // machine that has other work a heap of what is not yet taken says nothing.
  using Attack = std::function<void(uint16_t port)>;

  // Attacks, twice at a time, while the good client works.
  void Endure(const Attack& attack) {
    GetLog();  // connects: the good client was there first
    const size_t before = relay_->ResidentBytes();
    const absl::Duration calm = SlowestEvent(absl::Seconds(1));
    // What the attack causes it causes again; what other work of the machine
    // does, it does not.
    absl::Duration attacked = absl::InfiniteDuration();
    for (int i = 0; i < 3 && attacked >= calm + absl::Seconds(1); ++i) {
      attacked = SlowestEventUnder(attack);
    }
    EXPECT_LT(attacked, calm + absl::Seconds(1));
    EXPECT_LT(relay_->ResidentBytes(), before + kGrowthMax);
    EXPECT_EQ(GetLog().latest_sequence(), posted_);
  }

  absl::Duration SlowestEventUnder(const Attack& attack) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> attackers;
    for (int i = 0; i < 2; ++i) {
      attackers.emplace_back([&] {
        while (!stop) attack(relay_->grpc_port());
      });
    }
    const absl::Duration slowest = SlowestEvent(absl::Seconds(3));
    stop = true;
    for (std::thread& attacker : attackers) attacker.join();
    return slowest;
  }

  // Posts webhooks one by one, and waits for the event of each on a stream;
  // returns the longest time from one to the other.
  absl::Duration SlowestEvent(absl::Duration duration) {
    absl::Duration slowest;
    EventStream stream(NewChannel(), {});
    EXPECT_TRUE(stream.Next().has_value());
    auto connection = RawConnection::Connect(relay_->ingress_port());
    EXPECT_TRUE(connection.ok());
    const absl::Time end = absl::Now() + duration;
    while (connection.ok() && absl::Now() < end) {
      const std::string envelope = absl::StrCat("env-", posted_++);
      const absl::Time start = absl::Now();
      EXPECT_EQ(PostOne(*connection, envelope), 200);
      const auto batch = stream.NextBatch();
      if (!batch.has_value() || batch->events_size() != 1) {
        ADD_FAILURE() << "the stream ended: "
                      << stream.Finish().error_message();
        break;
      }
      EXPECT_EQ(batch->events(0).envelope_id(), envelope);
      slowest = std::max(slowest, absl::Now() - start);
    }
    return slowest;
  }

  static std::string Headers(uint32_t stream, std::string_view path) {
    return http2::Frame(http2::kHeaders, http2::kEndHeaders, stream,
                        http2::CallHeaders(path));
  }
  // A connection that has begun as it should.
  static RawSocket Begin(uint16_t port) {
    RawSocket socket(port);
    socket.Send(http2::Begin());
    return socket;
  }
};

TEST_F(HostileGrpcTest, StreamsThatAreOpenedAndResetAtOnce) {
  Start();
  Endure([](uint16_t port) {
    RawSocket socket = Begin(port);
    for (uint32_t stream = 1; stream < 4000 && socket.open(); stream += 2) {
      socket.Send(Headers(stream, kSubscribe) +
                  http2::Frame(http2::kReset, 0, stream, http2::Number(8, 4)));
      socket.Discard();
    }
    socket.Finish();
  });
}

TEST_F(HostileGrpcTest, CallsThatAreBegunAndLeftOpen) {
  Start();
  Endure([](uint16_t port) {
    RawSocket socket = Begin(port);
    std::string calls;
    for (uint32_t stream = 1; stream < 400; stream += 2) {
      calls += Headers(stream, kGetLog);  // the request never comes
    }
    socket.Send(calls);
    socket.Finish();
  });
}

TEST_F(HostileGrpcTest, PingsWhoseAnswersNobodyReads) {
  Start();
  Endure([](uint16_t port) {
    RawSocket socket = Begin(port);
    std::string pings;
    for (int i = 0; i < 1000; ++i) {
      pings += http2::Frame(http2::kPing, 0, 0, "12345678");
    }
    for (int i = 0; i < 100 && socket.Send(pings); ++i) {
    }
  });
}

TEST_F(HostileGrpcTest, SettingsWhoseAnswersNobodyReads) {
  Start();
  Endure([](uint16_t port) {
    RawSocket socket = Begin(port);
    std::string settings;
    for (int i = 0; i < 1000; ++i) {
      // SETTINGS_INITIAL_WINDOW_SIZE
      settings += http2::Frame(
          http2::kSettings, 0, 0,
          http2::Number(4, 2) + http2::Number(static_cast<uint64_t>(i), 4));
    }
    for (int i = 0; i < 100 && socket.Send(settings); ++i) {
    }
  });
}

TEST_F(HostileGrpcTest, HeadersWithoutEnd) {
  Start();
  Endure([](uint16_t port) {
    RawSocket socket = Begin(port);
    socket.Send(
        http2::Frame(http2::kHeaders, 0, 1, http2::CallHeaders(kGetLog)));
    std::string fields;
    for (int i = 0; i < 100; ++i) {
      fields += '\0' + http2::HpackString(absl::StrCat("x-", i)) +
                http2::HpackString(std::string(100, 'x'));
    }
    const std::string frame = http2::Frame(http2::kContinuation, 0, 1, fields);
    for (int i = 0; i < 200 && socket.Send(frame); ++i) socket.Discard();
    socket.Finish();
  });
}

TEST_F(HostileGrpcTest, RequestsThatAreLargerThanAllowed) {
  Start();
  Endure([](uint16_t port) {
    RawSocket socket = Begin(port);
    // A message of 2 GiB, of which something comes.
    socket.Send(Headers(1, kGetLog) +
                http2::Frame(http2::kData, 0, 1,
                             http2::Number(0, 1) +
                                 http2::Number(0x7FFF'FFFF, 4) +
                                 std::string(10'000, 'x')));
    socket.Finish();
  });
}

TEST_F(HostileGrpcTest, WhatIsNoHttp2IsClosed) {
  Start();
  const std::vector<std::string> beginnings = {
      "GET / HTTP/1.1\r\nHost: relay\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
      std::string(10'000, '\0'),
      std::string(10'000, '\xff'),
      // A frame that is larger than may be; then some that are of no use.
      std::string(http2::kPreface) + std::string(9, '\xff'),
      http2::Begin() + http2::Frame(http2::kPing, 0, 0, "short"),
      http2::Begin() + http2::Frame(http2::kSettings, 0, 1, ""),
  };
  for (const std::string& beginning : beginnings) {
    RawSocket socket(relay_->grpc_port());
    socket.Send(beginning);
    EXPECT_TRUE(socket.IsClosedWithin(kHandshakePatience))
        << beginning.substr(0, 20);
  }
  Endure([&beginnings](uint16_t port) {
    for (const std::string& beginning : beginnings) {
      RawSocket socket(port);
      socket.Send(beginning);
      socket.Finish();
    }
  });
}

TEST_F(HostileGrpcTest, ConnectionsThatSayNothingAreClosed) {
  Start();
  std::vector<RawSocket> sockets;
  for (int i = 0; i < 300; ++i) {
    sockets.emplace_back(relay_->grpc_port());
    ASSERT_TRUE(sockets.back().open());
    // Of the others, some begin and do not go on.
    if (i % 3 == 1) sockets.back().Send(http2::kPreface.substr(0, 10));
    if (i % 3 == 2) sockets.back().Send(http2::kPreface);
  }
  EXPECT_LT(SlowestEvent(absl::Seconds(2)), absl::Seconds(2));
  const absl::Time deadline = absl::Now() + kHandshakePatience;
  for (RawSocket& socket : sockets) {
    EXPECT_TRUE(socket.IsClosedWithin(deadline - absl::Now()));
  }
}

TEST_F(HostileGrpcTest, WhoHasNoCertificateGetsNoFartherThanTls) {
  const TestCa ca;
  const TempDir files;
  const TestIdentity server = ca.IssueServer();
  WriteFileAtOnce(files.File("cert"), server.certificate);
  WriteFileAtOnce(files.File("key"), server.key);
  WriteFileAtOnce(files.File("ca"), ca.certificate());
  Start({"--grpc-tls-cert-file=" + files.File("cert"),
         "--grpc-tls-key-file=" + files.File("key"),
         "--grpc-tls-client-ca-file=" + files.File("ca")});
  const std::vector<std::string> beginnings = {
      http2::Begin() + Headers(1, kSubscribe),
      std::string(10'000, '\0'),
      // A record of a handshake that does not go on.
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
  };
  std::vector<RawSocket> sockets;
  const absl::Time end = absl::Now() + absl::Seconds(2);
  while (absl::Now() < end && sockets.size() < 600) {
    for (const std::string& beginning : beginnings) {
      sockets.emplace_back(relay_->grpc_port()).Send(beginning);
    }
  }
  const TestIdentity client = ca.IssueClientWithDns("billing.internal");
  const auto channel =
      Connect(relay_->grpc_target(),
              grpc::SslCredentials({.pem_root_certs = ca.certificate(),
                                    .pem_private_key = client.key,
                                    .pem_cert_chain = client.certificate}));
  EventStream stream(channel, {});
  EXPECT_TRUE(stream.Next().has_value());
  const absl::Time deadline = absl::Now() + kHandshakePatience;
  for (RawSocket& socket : sockets) {
    EXPECT_TRUE(socket.IsClosedWithin(deadline - absl::Now()));
  }
  Post({.count = 1});
  EXPECT_TRUE(stream.NextBatch().has_value());
}

}  // namespace
}  // namespace enveloperelay::testing
