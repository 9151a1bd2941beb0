// Clients that mean no good, at the ingress, while another one goes about its
// business.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/hostile/hostile_test.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

constexpr char kHead[] = "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n";
constexpr char kChunked[] =
    "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

// A webhook that would be stored if all of it came.
std::string Evil() {
  return RawRequest(
      "POST", "/webhooks/signplus",
      R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"evil"}})");
}

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Sends `drip` to each connection, a few times a second, until all have an
// answer.
void Drip(std::vector<RawConnection>& crowd, std::string_view drip) {
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  while (absl::Now() < deadline) {
    const auto waiting = std::ranges::find_if(
        crowd, [](RawConnection& connection) { return !connection.HasNews(); });
    if (waiting == crowd.end()) return;
    if (waiting->HasNewsWithin(absl::Milliseconds(50))) continue;
    for (auto connection = waiting; connection != crowd.end(); ++connection) {
      std::string_view rest = drip;
      connection->SendSome(rest);
    }
  }
  ADD_FAILURE() << "not all have an answer";
}

using HostileHttpTest = HostileTest;

TEST_F(HostileHttpTest, SlowHeads) {
  Start({"--ingress-header-timeout=700ms"});
  Endure([this] {
    std::vector<RawConnection> crowd = Crowd(500);
    for (RawConnection& connection : crowd) {
      ASSERT_TRUE(connection.Send(std::string(kHead) + "X: ").ok());
    }
    Drip(crowd, "y");
    for (RawConnection& connection : crowd) ExpectLastAnswer(connection, 408);
  });
}

TEST_F(HostileHttpTest, SlowBodies) {
  Start({"--ingress-body-grace=700ms"});
  Endure([this] {
    std::vector<RawConnection> sized = Crowd(250);
    for (RawConnection& connection : sized) {
      ASSERT_TRUE(
          connection
              .Send(std::string(kHead) + "Content-Length: 100000\r\n\r\n{")
              .ok());
    }
    std::vector<RawConnection> chunked = Crowd(250);
    for (RawConnection& connection : chunked) {
      ASSERT_TRUE(connection.Send(kChunked).ok());
    }
    // So many bytes buy no time worth naming.
    Drip(sized, " ");
    Drip(chunked, "1\r\n \r\n");
    for (RawConnection& connection : sized) ExpectLastAnswer(connection, 408);
    for (RawConnection& connection : chunked) ExpectLastAnswer(connection, 408);
  });
}

TEST_F(HostileHttpTest, NineThousandIdleConnections) {
  Start({"--ingress-header-timeout=2s"});
  bytes_allowed_ = 128 * kMiB;
  Endure([this] {
    // As many as one address may have, of nine.
    std::vector<RawConnection> crowd = Crowd(9000, /*from_each=*/1000);
    EXPECT_EQ(crowd.size(), 9000U);
    for (RawConnection& connection : crowd) {
      EXPECT_TRUE(connection.IsClosed());
    }
  });
}

TEST_F(HostileHttpTest, MoreConnectionsThanThereMayBe) {
  Start({"--ingress-connections-max=600",
         "--ingress-connections-per-address-max=500"});
  Endure([this] {
    // One address takes what it may have, and has not taken it from others.
    const std::vector<RawConnection> crowd = Crowd(500);
    Storm(4, [](RawConnection connection) {
      connection.Send(Evil()).IgnoreError();
      const auto response = connection.Read();
      if (response.ok()) {
        EXPECT_EQ(response->status, 429);
      }
    });
  });
}

TEST_F(HostileHttpTest, AThousandRequestsThatAreHalfWritten) {
  Start({"--ingress-body-grace=1s"});
  Endure([this] {
    const std::string request = Evil();
    std::vector<RawConnection> crowd = Crowd(1000);
    for (RawConnection& connection : crowd) {
      ASSERT_TRUE(connection.Send(request.substr(0, request.size() - 5)).ok());
    }
    for (size_t i = 0; i < crowd.size(); ++i) {
      if (i % 4 < 2) {
        crowd[i].Reset();
      } else if (i % 4 == 2) {
        crowd[i].FinishSending();
        ExpectLastAnswer(crowd[i], 400);
      }
    }
    for (size_t i = 3; i < crowd.size(); i += 4) {
      ExpectLastAnswer(crowd[i], 408);
    }
  });
}

TEST_F(HostileHttpTest, PipelinesWithoutEnd) {
  Start({});
  Endure([this] {
    constexpr int kRequests = 500;
    const std::string requests =
        Repeated(RawRequest("GET", "/webhooks/signplus"), kRequests);
    Storm(8, [&requests](RawConnection connection) {
      for (int round = 0; round < 4; ++round) {
        ASSERT_TRUE(connection.Send(requests).ok());
        for (int i = 0; i < kRequests; ++i) {
          const auto response = connection.Read();
          ASSERT_TRUE(response.ok()) << response.status();
          EXPECT_EQ(response->status, 405);
        }
      }
    });
  });
}

TEST_F(HostileHttpTest, ClientsThatNeverReadTheirAnswers) {
  Start({"--ingress-idle-timeout=700ms"});
  Endure([this] {
    const std::string requests =
        Repeated(RawRequest("GET", "/webhooks/signplus"), 500);
    std::vector<RawConnection> crowd = Crowd(20);
    const absl::Time deadline = absl::Now() + RawConnection::kPatience;
    std::vector<std::string_view> rest(crowd.size(), requests);
    size_t left = 0;
    while (left < crowd.size() && absl::Now() < deadline) {
      left = 0;
      for (size_t i = 0; i < crowd.size(); ++i) {
        if (rest[i].empty()) rest[i] = requests;
        if (!crowd[i].SendSome(rest[i])) ++left;
      }
    }
    EXPECT_EQ(left, crowd.size());
  });
}

TEST_F(HostileHttpTest, BodiesOfTinyChunks) {
  Start({});
  Endure([this] {
    // As large as a body may be, and half as large again.
    const std::string most = Repeated("1\r\n \r\n", 256 * 1024) + "0\r\n\r\n";
    Storm(8, [&most](RawConnection connection) {
      ASSERT_TRUE(connection.Send(kChunked + most).ok());
      const auto response = connection.Read();
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(response->status, 400) << response->body;
      connection.Send(kChunked + Repeated("1\r\n \r\n", 384 * 1024))
          .IgnoreError();
      ExpectLastAnswer(connection, 413);
    });
  });
}

TEST_F(HostileHttpTest, ChunksWithMoreFramingThanData) {
  Start({});
  Endure([this] {
    const std::vector<std::string> bodies = {
        "1;" + std::string(100'000, 'x'),
        "1;x=\"" + Repeated("\xFF", 100'000),
        Repeated("1;a=b;c=d\r\n \r\n", 10'000),
        std::string(100'000, '0'),
        Repeated(std::string(17, '0') + "1\r\n \r\n", 1000),
        "0\r\n" + Repeated("X: y\r\n", 10'000),
    };
    std::atomic<size_t> turn = 0;
    Storm(4, [&bodies, &turn](RawConnection connection) {
      const std::string& body = bodies[turn++ % bodies.size()];
      connection.Send(kChunked + body).IgnoreError();
      ExpectLastAnswer(connection, 400);
    });
    EXPECT_GE(turn, bodies.size());
  });
}

TEST_F(HostileHttpTest, HeadsWithoutEnd) {
  Start({});
  Endure([this] {
    const std::vector<std::string> heads = {
        std::string(100'000, 'A'),
        "GET /" + std::string(100'000, 'a'),
        kHead + Repeated("X: y\r\n", 10'000),
        kHead + ("X: " + std::string(100'000, 'y')),
        Repeated("\r\n", 10'000),
        std::string(100'000, '\0'),
    };
    std::atomic<size_t> turn = 0;
    Storm(4, [&heads, &turn](RawConnection connection) {
      connection.Send(heads[turn++ % heads.size()]).IgnoreError();
      ExpectLastAnswer(connection, 400);
    });
    EXPECT_GE(turn, heads.size());
  });
}

TEST_F(HostileHttpTest, ConnectionsKeptForEver) {
  Start({"--ingress-connection-age-max=500ms"});
  Endure([this] {
    std::vector<RawConnection> crowd = Crowd(50);
    const absl::Time deadline = absl::Now() + RawConnection::kPatience;
    while (!crowd.empty() && absl::Now() < deadline) {
      std::erase_if(crowd, [](RawConnection& connection) {
        EXPECT_TRUE(
            connection.Send(RawRequest("GET", "/webhooks/signplus")).ok());
        const auto response = connection.Read();
        EXPECT_TRUE(response.ok()) << response.status();
        if (response.ok() && response->Field("connection").empty()) {
          return false;
        }
        EXPECT_TRUE(connection.IsClosed());
        return true;
      });
    }
    EXPECT_TRUE(crowd.empty());
  });
}

TEST_F(HostileHttpTest, EndsAtEveryByte) {
  Start({});
  Endure([this] {
    const std::string sized = Evil();
    const std::string chunked =
        std::string(kChunked) + "5;x=y\r\n{\"a\":\r\n3\r\n1}\n\r\n0\r\n\r\n";
    for (const std::string& request : {sized, chunked}) {
      for (size_t size = 0; size < request.size(); ++size) {
        std::vector<RawConnection> pair = Crowd(2);
        ASSERT_TRUE(pair[0].Send(request.substr(0, size)).ok());
        pair[0].Reset();
        ASSERT_TRUE(pair[1].Send(request.substr(0, size)).ok());
        pair[1].FinishSending();
        if (size == 0) {
          EXPECT_TRUE(pair[1].IsClosed());
        } else {
          ExpectLastAnswer(pair[1], 400);
        }
      }
    }
    // In the middle of answers.
    const std::string refused =
        Repeated(RawRequest("GET", "/webhooks/signplus"), 100);
    for (int i = 0; i < 100; ++i) {
      RawConnection connection = Stranger();
      ASSERT_TRUE(connection.Send(refused).ok());
      if (i % 2 == 0) connection.HasNewsWithin(RawConnection::kPatience);
      connection.Reset();
    }
  });
}

}  // namespace
}  // namespace enveloperelay::testing
