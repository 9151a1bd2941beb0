// Clients that mean no good, at an ingress within TLS.
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/types.h>
#include <sys/socket.h>
#include <sys/types.h>

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
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {
namespace {

// Messages that are TLS's own, as they go over the wire. None of them is sent.
std::string KeyUpdates(RawTlsConnection& connection, int count) {
  SSL* const ssl = connection.ssl();
  BIO* const wire = SSL_get_wbio(ssl);
  BIO_up_ref(wire);
  BIO* const memory = BIO_new(BIO_s_mem());
  SSL_set0_wbio(ssl, memory);
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    EXPECT_EQ(SSL_do_handshake(ssl), 1);
  }
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(memory, &bytes);
  std::string messages(bytes, static_cast<size_t>(size));
  SSL_set0_wbio(ssl, wire);
  return messages;
}

// False: the other end has closed.
bool SendRaw(RawTlsConnection& connection, std::string_view bytes) {
  const int fd = SSL_get_fd(connection.ssl());
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

class HostileTlsTest : public HostileTest {
 protected:
  // With client certificates, of which the good client has a good one.
  void StartTls(std::vector<std::string> arguments) {
    const TestIdentity server = ca_.IssueServer();
    WriteFileAtOnce(directory_.File("server.crt"), server.certificate);
    WriteFileAtOnce(directory_.File("server.key"), server.key);
    WriteFileAtOnce(directory_.File("ca.crt"), ca_.certificate());
    arguments.push_back("--ingress-tls-cert-file=" +
                        directory_.File("server.crt"));
    arguments.push_back("--ingress-tls-key-file=" +
                        directory_.File("server.key"));
    arguments.push_back("--ingress-tls-client-ca-file=" +
                        directory_.File("ca.crt"));
    Start(std::move(arguments), Client(ca_));
  }
  RawTlsOptions Client(const TestCa& of) const {
    return {.ca = ca_.certificate(),
            .identity = of.IssueClientWithUri("spiffe://a.example/sender")};
  }
  absl::StatusOr<RawTlsConnection> Connect(const RawTlsOptions& options) const {
    return RawTlsConnection::Connect(relay_->ingress_port(), options);
  }

  const TestCa ca_;
  TempDir directory_;
};

TEST_F(HostileTlsTest, HandshakesThatStayOpen) {
  StartTls({"--ingress-header-timeout=1s"});
  Endure([this] {
    std::vector<RawConnection> crowd = Crowd(1000);
    for (size_t i = 0; i < crowd.size(); ++i) {
      // None, or the beginning of a record with the beginning of a message.
      const std::string_view begun("\x16\x03\x01\x01\x00\x01\x00\x00\xFC\x03",
                                   10);
      ASSERT_TRUE(crowd[i].Send(begun.substr(0, i % 11)).ok());
    }
    for (RawConnection& connection : crowd) {
      EXPECT_TRUE(connection.EndsWithin(RawConnection::kPatience));
    }
  });
}

TEST_F(HostileTlsTest, GarbageAndPlaintext) {
  StartTls({});
  Endure([this] {
    const std::vector<std::string> openings = {
        std::string(1000, '\xFF'),
        std::string(1000, '\0'),
        "\x16\x03\x01\x40\x01" + std::string(20'000, 'x'),
        std::string("\x16\x03\x01\x00\x00", 5) + std::string(100, '\0'),
        RawRequest("GET", "/"),
        RawRequest("POST", "/webhooks/signplus", "{}")};
    size_t turn = 0;
    Storm(1, [&openings, &turn](RawConnection connection) {
      connection.Send(openings[turn++ % openings.size()]).IgnoreError();
      EXPECT_TRUE(connection.EndsWithin(RawConnection::kPatience));
    });
    EXPECT_GT(turn, openings.size());
  });
}

TEST_F(HostileTlsTest, OldVersionsAndWrongCertificates) {
  StartTls({});
  const TestCa other;
  std::vector<RawTlsOptions> clients(4, Client(ca_));
  clients[0].version_max = TLS1_1_VERSION;
  clients[1].identity.reset();
  clients[2] = Client(other);
  clients[3].identity = ca_.IssueExpiredClient("spiffe://a.example/sender");
  Endure([this, &clients] {
    const absl::Time end = absl::Now() + kAttack;
    for (size_t turn = 0; turn < clients.size() || absl::Now() < end; ++turn) {
      auto connection = Connect(clients[turn % clients.size()]);
      if (!connection.ok()) continue;
      connection->Send(RawRequest("GET", "/")).IgnoreError();
      EXPECT_FALSE(connection->Read().ok()) << turn % clients.size();
    }
  });
}

TEST_F(HostileTlsTest, AFewMessagesOfTls) {
  StartTls({});
  auto connection = Connect(Client(ca_));
  ASSERT_TRUE(connection.ok()) << connection.status();
  ASSERT_TRUE(SendRaw(*connection, KeyUpdates(*connection, 50)));
  ASSERT_TRUE(connection->Send(RawRequest("GET", "/")).ok());
  EXPECT_TRUE(connection->Read().ok());
}

TEST_F(HostileTlsTest, MessagesOfTlsWithoutEnd) {
  // One thread: who holds it holds all. The time limit ends nobody here.
  StartTls({"--ingress-threads=1", "--ingress-header-timeout=10m"});
  constexpr int kFloods = 8;
  std::vector<RawTlsConnection> crowd;
  std::vector<std::string> floods;
  for (int i = 0; i < kFloods; ++i) {
    auto connection = Connect(Client(ca_));
    ASSERT_TRUE(connection.ok()) << connection.status();
    crowd.push_back(*std::move(connection));
    floods.push_back(KeyUpdates(crowd.back(), 20'000));
  }
  Endure([&crowd, &floods] {
    for (int i = 0; i < kFloods; ++i) SendRaw(crowd[i], floods[i]);
    for (RawTlsConnection& connection : crowd) {
      connection.Send(RawRequest("GET", "/")).IgnoreError();
      EXPECT_FALSE(connection.Read().ok());
    }
  });
}

TEST_F(HostileTlsTest, PipelinesWithoutEnd) {
  StartTls({});
  Endure([this] {
    std::string requests;
    for (int i = 0; i < 500; ++i) {
      requests += RawRequest("GET", "/webhooks/signplus");
    }
    const absl::Time end = absl::Now() + kAttack;
    while (absl::Now() < end) {
      auto connection = Connect(Client(ca_));
      ASSERT_TRUE(connection.ok()) << connection.status();
      for (int round = 0; round < 4; ++round) {
        ASSERT_TRUE(connection->Send(requests).ok());
        for (int i = 0; i < 500; ++i) {
          const auto response = connection->Read();
          ASSERT_TRUE(response.ok()) << response.status();
          EXPECT_EQ(response->status, 405);
        }
      }
    }
  });
}

}  // namespace
}  // namespace enveloperelay::testing
