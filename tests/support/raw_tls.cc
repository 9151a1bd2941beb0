#include "tests/support/raw_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "tests/support/raw_http.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

BioPtr Reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

X509Ptr ReadCertificate(const std::string& pem) {
  X509Ptr x509(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr),
               X509_free);
  RELAY_CHECK(x509 != nullptr);
  return x509;
}

void Use(const TestIdentity& identity, SSL_CTX* context) {
  const X509Ptr x509 = ReadCertificate(identity.certificate);
  const KeyPtr key(PEM_read_bio_PrivateKey(Reader(identity.key).get(), nullptr,
                                           nullptr, nullptr),
                   EVP_PKEY_free);
  RELAY_CHECK(SSL_CTX_use_certificate(context, x509.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, key.get()) == 1);
}

ContextPtr NewContext(const RawTlsOptions& options) {
  ContextPtr context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  RELAY_CHECK(context != nullptr);
  // Else this machine's OpenSSL does not offer what the relay is to refuse.
  SSL_CTX_set_security_level(context.get(), 0);
  RELAY_CHECK(
      SSL_CTX_set_min_proto_version(context.get(), options.version_min) == 1 &&
      SSL_CTX_set_max_proto_version(context.get(), options.version_max) == 1);
  if (!options.ciphers.empty()) {
    RELAY_CHECK(
        SSL_CTX_set_cipher_list(context.get(), options.ciphers.c_str()) == 1);
  }
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()),
                      ReadCertificate(options.ca).get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (options.identity.has_value()) Use(*options.identity, context.get());
  if (!options.protocols.empty()) {
    const std::basic_string<unsigned char> bytes(options.protocols.begin(),
                                                 options.protocols.end());
    RELAY_CHECK(SSL_CTX_set_alpn_protos(context.get(), bytes.data(),
                                        static_cast<unsigned>(bytes.size())) ==
                0);
  }
  return context;
}

std::string Reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason == nullptr ? "closed" : reason;
}

int ConnectTo(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = absl::ToTimeval(RawConnection::kPatience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (connect(fd, generic, sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

absl::StatusOr<RawTlsConnection> RawTlsConnection::Connect(
    uint16_t port, const RawTlsOptions& options) {
  // OpenSSL writes without regard to it.
  std::signal(SIGPIPE, SIG_IGN);
  RawTlsConnection connection;
  connection.fd_ = ConnectTo(port);
  if (connection.fd_ < 0) return absl::ErrnoToStatus(errno, "connect");
  connection.ssl_.reset(SSL_new(NewContext(options).get()));
  SSL* const ssl = connection.ssl();
  RELAY_CHECK(ssl != nullptr && SSL_set_fd(ssl, connection.fd_) == 1 &&
              SSL_set1_host(ssl, "localhost") == 1);
  ERR_clear_error();
  if (SSL_connect(ssl) != 1) return absl::FailedPreconditionError(Reason());
  return connection;
}

RawTlsConnection::~RawTlsConnection() {
  if (fd_ >= 0) close(fd_);
}

RawTlsConnection::RawTlsConnection(RawTlsConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ssl_(std::move(other.ssl_)),
      received_(std::move(other.received_)) {}

absl::Status RawTlsConnection::Send(std::string_view bytes) {
  ERR_clear_error();
  size_t sent = 0;
  if (!bytes.empty() &&
      SSL_write_ex(ssl(), bytes.data(), bytes.size(), &sent) != 1) {
    return absl::UnavailableError(Reason());
  }
  return absl::OkStatus();
}

void RawTlsConnection::FinishSending() { SSL_shutdown(ssl()); }

void RawTlsConnection::Break() { close(std::exchange(fd_, -1)); }

int RawTlsConnection::Receive() {
  std::array<char, 16384> buffer{};
  size_t size = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl(), buffer.data(), buffer.size(), &size);
  if (result == 1) received_.append(buffer.data(), size);
  return SSL_get_error(ssl(), result);
}

absl::StatusOr<RawResponse> RawTlsConnection::Read() {
  while (true) {
    auto response = TakeResponse(received_, /*to_head=*/false);
    if (!response.ok()) return response.status();
    if (response->has_value()) return **std::move(response);
    if (Receive() != SSL_ERROR_NONE) return absl::UnavailableError(Reason());
  }
}

bool RawTlsConnection::IsClosed() {
  return received_.empty() && Receive() == SSL_ERROR_ZERO_RETURN;
}

bool RawTlsConnection::HasEnded() {
  if (!received_.empty()) return false;
  const int error = Receive();
  return error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ;
}

std::string RawTlsConnection::protocol() const {
  const unsigned char* bytes = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &bytes, &size);
  return {bytes, bytes + size};
}

std::string RawTlsConnection::certificate() const {
  const X509Ptr x509(SSL_get1_peer_certificate(ssl_.get()), X509_free);
  const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
  RELAY_CHECK(x509 != nullptr &&
              PEM_write_bio_X509(bio.get(), x509.get()) == 1);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

}  // namespace enveloperelay::testing
