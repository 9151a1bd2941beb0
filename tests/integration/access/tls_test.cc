// The gRPC port over TLS, and callers that are known by certificates.
#include <openssl/ssl.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kSpiffeId[] = "spiffe://example.org/billing";

class GrpcTlsTest : public AccessRelayTest {
 protected:
  void WriteServer() { WriteServerCertificate(ca_.IssueServer()); }
  void StartWithClientCa() {
    WriteServer();
    WriteClientCa(ca_);
    ASSERT_NO_FATAL_FAILURE(StartRelay());
  }
  // Whether a handshake of just that version of TLS succeeds.
  bool Handshakes(int version) const {
    namespace asio = boost::asio;
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX* const native = context.native_handle();
    // OpenSSL's own default does not go below 1.2.
    SSL_CTX_set_security_level(native, 0);
    SSL_CTX_set_min_proto_version(native, version);
    SSL_CTX_set_max_proto_version(native, version);
    SSL_CTX_set_alpn_protos(
        native, reinterpret_cast<const unsigned char*>("\x02h2"), 3);
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    boost::system::error_code error;
    stream.next_layer().connect(
        {asio::ip::make_address("127.0.0.1"), relay_->grpc_port()}, error);
    if (!error) stream.handshake(asio::ssl::stream_base::client, error);
    return !error;
  }
  // That no call gets through: the transport's error.
  static void ExpectUnreachable(const Channel& channel) {
    const grpc::Status status = GetLogOver(channel);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE)
        << status.error_message();
    EXPECT_TRUE(status.error_details().empty());
  }

  const TestCa ca_;
};

TEST_F(GrpcTlsTest, WithoutAClientCaEverybodyIsServedOverTls) {
  WriteServer();
  StartRelay();
  ExpectOk(GetLogOver(Tls(ca_)));
  EventStream stream(Tls(ca_), {});
  EXPECT_TRUE(stream.Next().has_value());
  ExpectUnreachable(channel_);
  ExpectUnreachable(Tls(TestCa("Another CA")));
}

TEST_F(GrpcTlsTest, ServesTls12And13AndNothingOlder) {
  WriteServer();
  StartRelay();
  EXPECT_TRUE(Handshakes(TLS1_3_VERSION));
  EXPECT_TRUE(Handshakes(TLS1_2_VERSION));
  EXPECT_FALSE(Handshakes(TLS1_1_VERSION));
  EXPECT_FALSE(Handshakes(TLS1_VERSION));
}

TEST_F(GrpcTlsTest, ACertificatesUriNamesItsHolder) {
  WritePolicy(Allow("'uri:spiffe://example.org/billing'", "'GetLog'"));
  StartWithClientCa();
  ExpectOk(GetLogOver(Tls(ca_, ca_.IssueClientWithUri(kSpiffeId))));
  const grpc::Status other = GetLogOver(
      Tls(ca_, ca_.IssueClientWithUri("spiffe://example.org/other")));
  ExpectDenied(other);
  EXPECT_THAT(other.error_message(),
              HasSubstr("uri:spiffe://example.org/other may not use GetLog"));
}

TEST_F(GrpcTlsTest, ACertificatesDnsNameDoesWhereThereIsNoUri) {
  WritePolicy(Allow("'dns:billing.internal'", "'GetLog'"));
  StartWithClientCa();
  ExpectOk(GetLogOver(Tls(ca_, ca_.IssueClientWithDns("billing.internal"))));
  ExpectDenied(GetLogOver(Tls(ca_, ca_.IssueClientWithDns("ops.internal"))));
  // The URI goes before: a name beside it opens nothing.
  ExpectDenied(GetLogOver(Tls(
      ca_, ca_.Issue({.dns_names = {"billing.internal"}, .uris = {kSpiffeId}},
                     TestCa::Use::kClient))));
}

TEST_F(GrpcTlsTest, ACertificateWithoutEitherIsNobody) {
  StartWithClientCa();
  ExpectUnauthenticated(GetLogOver(
      Tls(ca_, ca_.Issue({.common_name = "billing"}, TestCa::Use::kClient))));
}

TEST_F(GrpcTlsTest, NoWrongAndExpiredCertificatesAreTurnedAway) {
  StartWithClientCa();
  const TestCa stranger("Another CA");
  ExpectUnreachable(Tls(ca_));
  ExpectUnreachable(Tls(ca_, stranger.IssueClientWithUri(kSpiffeId)));
  ExpectUnreachable(Tls(ca_, ca_.IssueExpiredClient(kSpiffeId)));
  ExpectOk(GetLogOver(Tls(ca_, ca_.IssueClientWithUri(kSpiffeId))));
}

TEST_F(GrpcTlsTest, BesideTokensACertificateOrATokenWillDo) {
  WriteTokens(TokenLine("billing", kBilling));
  WritePolicy(Allow("'token:billing', 'dns:billing.internal'", "'GetLog'"));
  StartWithClientCa();
  const std::string bearer = std::string("Bearer ") + kBilling;
  const TestIdentity billing = ca_.IssueClientWithDns("billing.internal");
  ExpectOk(GetLogOver(Tls(ca_), bearer));
  ExpectOk(GetLogOver(Tls(ca_, billing)));
  ExpectUnauthenticated(GetLogOver(Tls(ca_)));
  // The token is what was given for the call.
  ExpectOk(
      GetLogOver(Tls(ca_, ca_.IssueClientWithDns("ops.internal")), bearer));
  ExpectUnauthenticated(GetLogOver(Tls(ca_, billing), bearer + "x"));
  ExpectUnreachable(
      Tls(ca_, TestCa("Another CA").IssueClientWithDns("billing.internal")));
}

TEST_F(GrpcTlsTest, ANewCertificateIsServedWithoutARestart) {
  StartWithClientCa();
  const TestIdentity client = ca_.IssueClientWithUri(kSpiffeId);
  EventStream stream(Tls(ca_, client), {});
  ASSERT_TRUE(stream.Next().has_value());

  const TestCa next("Next CA");
  WriteServerCertificate(next.IssueServer());
  WriteClientCa(next);
  const absl::Status told = relay_->WaitForLog("read again file=");
  EXPECT_TRUE(told.ok()) << told;
  // The CA may be read a moment after the two others.
  EXPECT_TRUE(Eventually([&] {
    return GetLogOver(Tls(next, next.IssueClientWithUri(kSpiffeId))).ok();
  }));
  ExpectUnreachable(Tls(ca_, client));
  // What is open goes on.
  Post({.count = 1});
  EXPECT_TRUE(stream.NextBatch().has_value());
}

TEST_F(GrpcTlsTest, BrokenFilesKeepTheCertificateInForce) {
  StartWithClientCa();
  const TestIdentity client = ca_.IssueClientWithUri(kSpiffeId);
  const std::string certificate = files_.File("grpc-tls-cert-file");
  WriteFileAtOnce(certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n");
  absl::Status told = relay_->WaitForLog("grpc-tls-cert-file: no certificates");
  EXPECT_TRUE(told.ok()) << told;
  ExpectOk(GetLogOver(Tls(ca_, client)));
  // A new certificate without its key.
  WriteFileAtOnce(certificate, ca_.IssueServer().certificate);
  told = relay_->WaitForLog("grpc-tls-key-file: not the key of");
  EXPECT_TRUE(told.ok()) << told;
  ExpectOk(GetLogOver(Tls(ca_, client)));
}

}  // namespace
}  // namespace enveloperelay::testing
