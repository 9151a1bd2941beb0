#include "server/http/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/certificate.h"
#include "server/base/check.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"

namespace enveloperelay {
namespace {

// Of TLS 1.2; those of 1.3 are all forward-secret.
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
// At least 112 bits of security: RSA from 2048 bits, no SHA-1.
constexpr int kSecurityLevel = 2;
// A client with a certificate may come back with its ticket for so long.
constexpr int kTicketSeconds = 3600;
constexpr int kClientCertificatesBytesMax = 16 * 1024;

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::Status Wrong(const std::string& path, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, " ", std::string(what)));
}

BioPtr Reader(const std::string& text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
             BIO_free);
  RELAY_CHECK(bio != nullptr);
  return bio;
}

// Asks nobody for the passphrase of a key: there is nobody to ask.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Every certificate of a file, in its order.
absl::StatusOr<std::vector<X509Ptr>> ReadCertificates(const std::string& path,
                                                      const std::string& text) {
  ERR_clear_error();
  const BioPtr bio = Reader(text);
  std::vector<X509Ptr> certificates;
  while (true) {
    X509Ptr certificate(
        PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr),
        X509_free);
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  // This is also what the end of a good file looks like.
  const bool at_end =
      ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = TakeTlsError();
  if (!at_end) {
    return Wrong(path, absl::StrCat("has a broken certificate: ", error));
  }
  if (certificates.empty()) return Wrong(path, "has no certificate as PEM");
  return certificates;
}

absl::Status UseCertificate(const TlsFiles& files, const std::string& text,
                            SSL_CTX* context) {
  absl::StatusOr<std::vector<X509Ptr>> chain =
      ReadCertificates(files.certificate, text);
  if (!chain.ok()) return chain.status();
  X509* const own = chain->front().get();
  if (SSL_CTX_use_certificate(context, own) != 1) {
    return Wrong(files.certificate,
                 absl::StrCat("cannot be used: ", TakeTlsError()));
  }
  for (const X509Ptr& certificate : std::span(*chain).subspan(1)) {
    if (SSL_CTX_add1_chain_cert(context, certificate.get()) != 1) {
      return Wrong(files.certificate,
                   absl::StrCat("cannot be used: ", TakeTlsError()));
    }
  }
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    LogWarning("the certificate has expired",
               {{LogKey::kFile, files.certificate}});
  }
  return absl::OkStatus();
}

absl::Status UseKey(const TlsFiles& files, const std::string& text,
                    SSL_CTX* context) {
  ERR_clear_error();
  const KeyPtr key(PEM_read_bio_PrivateKey(Reader(text).get(), nullptr,
                                           NoPassphrase, nullptr),
                   EVP_PKEY_free);
  if (key == nullptr) {
    return Wrong(files.key, absl::StrCat("has no private key as PEM without a "
                                         "passphrase: ",
                                         TakeTlsError()));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Wrong(files.key,
                 absl::StrCat("is not the key of ", files.certificate, ": ",
                              TakeTlsError()));
  }
  return absl::OkStatus();
}

absl::Status AskForClientCertificates(const TlsFiles& files,
                                      const std::string& text,
                                      SSL_CTX* context) {
  const absl::StatusOr<std::vector<X509Ptr>> authorities =
      ReadCertificates(files.client_ca, text);
  if (!authorities.ok()) return authorities.status();
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& authority : *authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return Wrong(files.client_ca,
                   absl::StrCat("cannot be used: ", TakeTlsError()));
    }
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  return absl::OkStatus();
}

// Takes HTTP/1.1 of what a client offers; one that offers only others must not
// go on (RFC 7301, section 3.2).
int SelectProtocol(SSL*, const unsigned char** selected, unsigned char* size,
                   const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr std::array<unsigned char, 9> kHttp11 = {
      8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kHttp11.data(), kHttp11.size(),
                            offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *selected = found;
  return SSL_TLSEXT_ERR_OK;
}

std::shared_ptr<SSL_CTX> NewContext() {
  std::shared_ptr<SSL_CTX> shared(SSL_CTX_new(TLS_server_method()),
                                  SSL_CTX_free);
  SSL_CTX* const context = shared.get();
  RELAY_CHECK(context != nullptr);
  SSL_CTX_set_security_level(context, kSecurityLevel);
  RELAY_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(context, 0) == 1 &&
              SSL_CTX_set_cipher_list(context, kCiphers) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  // What a client announces as its certificates is room that is made at once.
  SSL_CTX_set_max_cert_list(context, kClientCertificatesBytesMax);
  // Connections that wait keep no buffers, and one read of the socket takes
  // what there is. Without AUTO_RETRY a read ends after a message of TLS
  // itself, but only if nothing came behind it: how much is read is the
  // socket's matter.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
                                SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_read_ahead(context, 1);
  // Sessions are in the clients' tickets and take no memory here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  static constexpr std::array<unsigned char, 5> kSessions = {'r', 'e', 'l', 'a',
                                                             'y'};
  RELAY_CHECK(SSL_CTX_set_session_id_context(context, kSessions.data(),
                                             kSessions.size()) == 1);
  SSL_CTX_set_alpn_select_cb(context, SelectProtocol, nullptr);
  return shared;
}

// `texts` are what the files hold, in the order of TlsFiles.
absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeContext(
    const TlsFiles& files, std::span<const std::string> texts) {
  std::shared_ptr<SSL_CTX> context = NewContext();
  absl::Status status = UseCertificate(files, texts[0], context.get());
  if (status.ok()) status = UseKey(files, texts[1], context.get());
  if (status.ok() && !files.client_ca.empty()) {
    status = AskForClientCertificates(files, texts[2], context.get());
  }
  if (!status.ok()) return status;
  return context;
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Watch(
    const TlsFiles& files, WatchedFiles& watched) {
  const std::shared_ptr<TlsContext> tls(new TlsContext());
  std::vector<std::string> paths = {files.certificate, files.key};
  if (!files.client_ca.empty()) paths.push_back(files.client_ca);
  absl::Status status = watched.Watch(
      std::move(paths),
      [tls, files](std::span<const std::string> texts) -> absl::Status {
        absl::StatusOr<std::shared_ptr<SSL_CTX>> context =
            MakeContext(files, texts);
        if (!context.ok()) return context.status();
        tls->Set(*std::move(context));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return tls;
}

void TlsContext::Set(std::shared_ptr<SSL_CTX> context) {
  const MutexLock lock(mutex_);
  context_ = std::move(context);
}

SslPtr TlsContext::NewConnection() const {
  const MutexLock lock(mutex_);
  return SslPtr(SSL_new(context_.get()));
}

absl::Time TlsContext::not_after() const {
  const MutexLock lock(mutex_);
  return NotAfter(*SSL_CTX_get0_certificate(context_.get()));
}

std::string TakeTlsError() {
  // The first of them is the cause.
  const auto error = ERR_get_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

}  // namespace enveloperelay
