// The ingress and the admin port within TLS, over sockets.
#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/relay_process.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class TlsTest : public RelayTest {
 protected:
  // Puts the server's certificate and key in place of what is there.
  void WriteServer(const TestIdentity& server) const {
    WriteFileAtOnce(directory_.File("server.crt"), server.certificate);
    WriteFileAtOnce(directory_.File("server.key"), server.key);
  }
  // For "ingress" or "admin".
  std::vector<std::string> Flags(const std::string& listener) const {
    return {"--" + listener + "-tls-cert-file=" + directory_.File("server.crt"),
            "--" + listener + "-tls-key-file=" + directory_.File("server.key")};
  }
  std::string ClientCaFlag(const std::string& listener) const {
    WriteFileAtOnce(directory_.File("client-ca.crt"), ca_.certificate());
    return "--" + listener +
           "-tls-client-ca-file=" + directory_.File("client-ca.crt");
  }
  void StartTls(std::vector<std::string> arguments = {}) {
    WriteServer(ca_.IssueServer());
    std::vector<std::string> all = Flags("ingress");
    all.insert(all.end(), arguments.begin(), arguments.end());
    Start(std::move(all));
  }

  RawTlsOptions Client() const { return {.ca = ca_.certificate()}; }
  RawTlsConnection MustConnect(const RawTlsOptions& options) const {
    auto connection =
        RawTlsConnection::Connect(relay_->ingress_port(), options);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  RawTlsConnection MustConnect() const { return MustConnect(Client()); }

  static RawResponse Ask(RawTlsConnection& connection,
                         std::string_view request) {
    EXPECT_TRUE(connection.Send(request).ok());
    auto response = connection.Read();
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(RawResponse());
  }
  // Whether such a client gets an answer.
  bool IsAnswered(const RawTlsOptions& options) const {
    auto connection =
        RawTlsConnection::Connect(relay_->ingress_port(), options);
    return connection.ok() && connection->Send(RawRequest("GET", "/")).ok() &&
           connection->Read().ok();
  }
  // That the next event is the first one: nothing was stored before.
  void ExpectNothingStored() const {
    RawTlsConnection connection = MustConnect();
    ExpectStored(Ask(connection, Post(Body("nothing before"))), 1);
  }

  const TestCa ca_;
};

TEST_F(TlsTest, TakesWebhooksOverTls12And13) {
  StartTls();
  int sequence = 0;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawTlsOptions options = Client();
    options.version_min = version;
    options.version_max = version;
    RawTlsConnection connection = MustConnect(options);
    EXPECT_EQ(connection.version(),
              version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    for (const char* const id : {"a", "b"}) {
      ExpectStored(Ask(connection, Post(Body(id + connection.version()))),
                   ++sequence);
    }
    // More than one record, and more than one read.
    const std::string body =
        Body("large" + connection.version()) + std::string(200'000, ' ');
    ExpectStored(Ask(connection, Post(body)), ++sequence);
  }
}

TEST_F(TlsTest, AnswersPipelinedRequestsInTheirOrder) {
  StartTls();
  RawTlsConnection connection = MustConnect();
  constexpr int kRequests = 200;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += Post(Body("e" + std::to_string(i)));
  }
  ASSERT_TRUE(connection.Send(requests).ok());
  for (int i = 1; i <= kRequests; ++i) {
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectStored(*response, i);
  }
}

TEST_F(TlsTest, TakesRequestsThatComeByteByByte) {
  StartTls();
  RawTlsConnection connection = MustConnect();
  for (const char c : Post(Body())) {
    ASSERT_TRUE(connection.Send(std::string_view(&c, 1)).ok());
  }
  ExpectStored(*connection.Read(), 1);
}

TEST_F(TlsTest, SpeaksNoOlderVersion) {
  StartTls();
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    RawTlsOptions options = Client();
    options.version_min = version;
    options.version_max = version;
    EXPECT_FALSE(
        RawTlsConnection::Connect(relay_->ingress_port(), options).ok());
  }
  EXPECT_TRUE(IsAnswered(Client()));
}

TEST_F(TlsTest, TakesOnlyForwardSecretCiphersOfTls12) {
  StartTls();
  for (const auto& [ciphers, allowed] :
       std::vector<std::pair<std::string, bool>>{
           {"ECDHE-ECDSA-AES128-GCM-SHA256", true},
           {"ECDHE-ECDSA-AES256-GCM-SHA384", true},
           {"ECDHE-ECDSA-CHACHA20-POLY1305", true},
           {"ECDHE-ECDSA-AES128-SHA", false},
           {"ECDHE-ECDSA-AES128-SHA256", false},
           {"AES128-GCM-SHA256", false},
           {"AES128-SHA", false},
           {"ECDHE-ECDSA-NULL-SHA", false}}) {
    RawTlsOptions options = Client();
    options.version_max = TLS1_2_VERSION;
    options.ciphers = ciphers;
    EXPECT_EQ(IsAnswered(options), allowed) << ciphers;
  }
}

TEST_F(TlsTest, ChoosesHttp11OfWhatIsOffered) {
  StartTls();
  RawTlsOptions options = Client();
  options.protocols = "\x02h2\x08http/1.1";
  EXPECT_EQ(MustConnect(options).protocol(), "http/1.1");
  EXPECT_EQ(MustConnect().protocol(), "");
  options.protocols = "\x02h2";
  const auto other = RawTlsConnection::Connect(relay_->ingress_port(), options);
  EXPECT_THAT(std::string(other.status().message()),
              HasSubstr("no application protocol"));
}

TEST_F(TlsTest, DoesNotRenegotiate) {
  StartTls();
  RawTlsOptions options = Client();
  options.version_max = TLS1_2_VERSION;
  RawTlsConnection connection = MustConnect(options);
  ASSERT_EQ(SSL_renegotiate(connection.ssl()), 1);
  EXPECT_NE(SSL_do_handshake(connection.ssl()), 1);
  EXPECT_TRUE(IsAnswered(Client()));
}

TEST_F(TlsTest, AsksForACertificateOfItsClientCa) {
  StartTls({ClientCaFlag("ingress")});
  const TestCa other;
  const std::string id = "spiffe://signplus.example/sender";
  struct Case {
    std::string name;
    std::optional<TestIdentity> identity;
    bool allowed;
  };
  for (const Case& c : std::vector<Case>{
           {"its own", ca_.IssueClientWithUri(id), true},
           {"its own, with a DNS name", ca_.IssueClientWithDns("a.example"),
            true},
           {"none", std::nullopt, false},
           {"of another CA", other.IssueClientWithUri(id), false},
           {"expired", ca_.IssueExpiredClient(id), false},
           {"a server's", ca_.IssueServer(), false},
       }) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      RawTlsOptions options = Client();
      options.identity = c.identity;
      options.version_max = version;
      EXPECT_EQ(IsAnswered(options), c.allowed) << c.name << " " << version;
    }
  }
}

TEST_F(TlsTest, TellsPlainHttpThatItSpeaksTls) {
  StartTls({"--log-level=debug"});
  for (const std::string& request :
       {Post(Body()), RawRequest("GET", "/"), RawRequest("PUT", kPath)}) {
    RawConnection connection = Connect();
    ASSERT_TRUE(connection.Send(request).ok());
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectProblem(*response, 400, "BAD_REQUEST");
    EXPECT_THAT(Member(*response, "detail"), HasSubstr("TLS"));
    EXPECT_TRUE(connection.IsClosed());
  }
  EXPECT_TRUE(relay_->WaitForLog("http request").ok());
  ExpectNothingStored();
}

TEST_F(TlsTest, APlainPortRefusesTlsAtOnce) {
  // Not after a time limit.
  Start({"--ingress-header-timeout=10m"});
  EXPECT_THAT(
      std::string(RawTlsConnection::Connect(relay_->ingress_port(), Client())
                      .status()
                      .message()),
      HasSubstr("wrong version number"));
  for (const std::string& bytes :
       {std::string("\x16\x03\x01"), std::string("\x80\x2e\x01"),
        std::string(1, '\0')}) {
    RawConnection connection = Connect();
    ASSERT_TRUE(connection.Send(bytes).ok());
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectProblem(*response, 400, "BAD_REQUEST");
    EXPECT_TRUE(connection.IsClosed());
  }
  ExpectStored(RelayTest::Ask(Post(Body())), 1);
}

TEST_F(TlsTest, ClosesOnGarbage) {
  StartTls();
  for (const std::string& bytes : std::vector<std::string>{
           std::string(100, '\xFF'), std::string(1000, '\0'),
           std::string("\x16\x03\x01\x40\x01") + std::string(20'000, 'x'),
           // A record of no bytes, and an alert before all else.
           std::string("\x16\x03\x01\x00\x00", 5) + std::string(100, '\0'),
           std::string("\x15\x03\x01\x00\x02\x02\x28", 7),
           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    RawConnection connection = Connect();
    connection.Send(bytes).IgnoreError();
    EXPECT_TRUE(connection.EndsWithin(RawConnection::kPatience))
        << absl::CEscape(bytes.substr(0, 20));
  }
  EXPECT_TRUE(IsAnswered(Client()));
}

TEST_F(TlsTest, AHandshakeHasItsTime) {
  StartTls({"--ingress-header-timeout=300ms"});
  RawConnection silent = Connect();
  RawConnection begun = Connect();
  // The beginning of a record that holds 256 bytes.
  ASSERT_TRUE(begun.Send(std::string("\x16\x03\x01\x01\x00\x01", 6)).ok());
  EXPECT_TRUE(silent.IsClosed());
  EXPECT_TRUE(begun.IsClosed());
  // One that has agreed on TLS and asks for nothing is closed as well.
  EXPECT_TRUE(MustConnect().IsClosed());
}

TEST_F(TlsTest, CountsHandshakesThatFail) {
  StartTls();
  RawTlsOptions old = Client();
  old.version_max = TLS1_1_VERSION;
  EXPECT_FALSE(IsAnswered(old));
  EXPECT_TRUE(Eventually([this] {
    const auto metrics =
        Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
    return metrics.ok() &&
           metrics->body.find(
               "\nenvelope_relay_ingress_tls_handshakes_failed_total 1\n") !=
               std::string::npos;
  }));
}

TEST_F(TlsTest, SaysGoodbyeWithinTls) {
  StartTls({"--ingress-idle-timeout=300ms"});
  RawTlsConnection last = MustConnect();
  ExpectStored(Ask(last, Post(Body(), "Connection: close\r\n")), 1);
  EXPECT_TRUE(last.IsClosed());
  RawTlsConnection idle = MustConnect();
  ExpectStored(Ask(idle, Post(Body())), 1, /*duplicate=*/true);
  EXPECT_TRUE(idle.IsClosed());
  RawTlsConnection refused = MustConnect();
  EXPECT_EQ(Ask(refused, "GET / HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_TRUE(refused.IsClosed());
}

TEST_F(TlsTest, ATruncatedRequestIsNoEvent) {
  StartTls();
  const std::string whole = Post(Body());
  const std::string chunked =
      "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
      "Transfer-Encoding: chunked\r\n\r\n" +
      absl::StrFormat("%x\r\n%s\r\n", Body().size(), Body());
  for (const std::string& begun :
       {whole.substr(0, 10), whole.substr(0, whole.size() - 1),
        // All of the JSON is there, but not that it ends.
        chunked, chunked + "0\r\n\r"}) {
    RawTlsConnection broken = MustConnect();
    ASSERT_TRUE(broken.Send(begun).ok());
    broken.Break();
    // One that says that this is all gets an answer.
    RawTlsConnection finished = MustConnect();
    ASSERT_TRUE(finished.Send(begun).ok());
    finished.FinishSending();
    const auto response = finished.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectProblem(*response, 400, "BAD_REQUEST");
  }
  ExpectNothingStored();
}

TEST_F(TlsTest, ARequestIsAnsweredAfterACloseNotify) {
  StartTls();
  RawTlsConnection connection = MustConnect();
  ASSERT_TRUE(connection.Send(Post(Body())).ok());
  connection.FinishSending();
  const auto response = connection.Read();
  ASSERT_TRUE(response.ok()) << response.status();
  ExpectStored(*response, 1);
  EXPECT_TRUE(connection.IsClosed());
}

TEST_F(TlsTest, ServesNewCertificatesToNewConnections) {
  StartTls();
  RawTlsConnection before = MustConnect();
  const std::string first = before.certificate();
  const TestIdentity second = ca_.IssueServer();
  WriteServer(second);
  EXPECT_TRUE(Eventually(
      [&] { return MustConnect().certificate() == second.certificate; }));
  EXPECT_NE(second.certificate, first);
  ExpectStored(Ask(before, Post(Body())), 1);
}

TEST_F(TlsTest, KeepsItsCertificateWhileTheNewOneIsBroken) {
  StartTls();
  const std::string first = MustConnect().certificate();
  // A key that belongs to another certificate.
  WriteFileAtOnce(directory_.File("server.key"), ca_.IssueServer().key);
  ASSERT_TRUE(relay_->WaitForLog("server.key is not the key of").ok());
  EXPECT_EQ(MustConnect().certificate(), first);
  WriteFileAtOnce(directory_.File("server.crt"), "no certificate");
  ASSERT_TRUE(relay_->WaitForLog("server.crt has no certificate as PEM").ok());
  EXPECT_EQ(MustConnect().certificate(), first);
  // And takes one that is right again.
  const TestIdentity second = ca_.IssueServer();
  WriteServer(second);
  EXPECT_TRUE(Eventually(
      [&] { return MustConnect().certificate() == second.certificate; }));
}

TEST_F(TlsTest, TakesOnANewClientCa) {
  StartTls({ClientCaFlag("ingress")});
  const TestCa other;
  RawTlsOptions options = Client();
  options.identity = other.IssueClientWithDns("a.example");
  EXPECT_FALSE(IsAnswered(options));
  WriteFileAtOnce(directory_.File("client-ca.crt"),
                  ca_.certificate() + other.certificate());
  EXPECT_TRUE(Eventually([&] { return IsAnswered(options); }));
}

TEST_F(TlsTest, DoesNotStartWithoutAWorkingPair) {
  const TestIdentity one = ca_.IssueServer();
  struct Case {
    std::string certificate;
    std::string key;
    std::string complaint;
  };
  for (const Case& c : std::vector<Case>{
           {one.certificate, ca_.IssueServer().key,
            "server.key is not the key of"},
           {one.certificate, "", "server.key has no private key"},
           {"", one.key, "server.crt has no certificate"},
           {one.certificate.substr(0, 100) + "\n-----END CERTIFICATE-----\n",
            one.key, "server.crt has a broken certificate"}}) {
    WriteServer({.certificate = c.certificate, .key = c.key});
    auto relay = RelayProcess::Start({.arguments = Flags("ingress")});
    ASSERT_FALSE(relay.ok());
    EXPECT_THAT(std::string(relay.status().message()), HasSubstr(c.complaint));
  }
}

TEST_F(TlsTest, DrainsConnectionsWithinTls) {
  StartTls();
  RawTlsConnection idle = MustConnect();
  ExpectStored(Ask(idle, Post(Body())), 1);
  const RawConnection silent = Connect();
  relay_->Signal(SIGTERM);
  EXPECT_TRUE(idle.IsClosed());
  const auto status = relay_->WaitForExit(absl::Seconds(20));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->code, 0);
}

TEST_F(TlsTest, TheAdminPortSpeaksTlsAsWell) {
  WriteServer(ca_.IssueServer());
  std::vector<std::string> flags = Flags("admin");
  flags.push_back(ClientCaFlag("admin"));
  Start(std::move(flags));
  RawTlsOptions options = Client();
  options.identity = ca_.IssueClientWithDns("prometheus.example");
  auto connection = RawTlsConnection::Connect(relay_->admin_port(), options);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const RawResponse metrics = Ask(*connection, RawRequest("GET", "/metrics"));
  EXPECT_EQ(metrics.status, 200);
  EXPECT_THAT(metrics.body, HasSubstr("envelope_relay_ingress_connections"));
  auto stranger = RawTlsConnection::Connect(relay_->admin_port(), Client());
  EXPECT_TRUE(!stranger.ok() ||
              !stranger->Send(RawRequest("GET", "/metrics")).ok() ||
              !stranger->Read().ok());
}

}  // namespace
}  // namespace enveloperelay::testing
