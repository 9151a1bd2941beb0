#include "server/grpc/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/certificate.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"

namespace enveloperelay {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Open(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
          BIO_free};
}

// An encrypted key has nobody to ask for its password.
int NoPassword(char* /*buffer*/, int /*size*/, int /*write*/, void* /*user*/) {
  return -1;
}

absl::Status Broken(const std::string& path, std::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", absl::string_view(what.data(), what.size())));
}

// Reads the first of one or more certificates; null: there is none, or one of
// them is broken.
X509Ptr ReadChain(const std::string& text) {
  const Bio bio = Open(text);
  X509Ptr first(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr),
                X509_free);
  if (first == nullptr) return first;
  while (true) {
    const X509Ptr next(
        PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr), X509_free);
    if (next != nullptr) continue;
    const bool end =
        ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!end) first.reset();
    return first;
  }
}

}  // namespace

absl::StatusOr<absl::Time> CheckCertificates(const CertificateTexts& texts,
                                             const CertificateFiles& files) {
  const X509Ptr certificate = ReadChain(texts.certificate);
  if (certificate == nullptr) {
    return Broken(files.certificate,
                  "no certificates in PEM, or one of them is broken");
  }
  const Bio bio = Open(texts.key);
  const Key key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr),
      EVP_PKEY_free);
  if (key == nullptr) {
    return Broken(files.key, "no private key in PEM without a password");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Broken(files.key, absl::StrCat("not the key of the certificate in ",
                                          files.certificate));
  }
  if (!files.client_ca.empty() && ReadChain(texts.client_ca) == nullptr) {
    return Broken(files.client_ca,
                  "no certificates in PEM, or one of them is broken");
  }
  return NotAfter(*certificate);
}

absl::StatusOr<std::unique_ptr<Certificates>> Certificates::Load(
    const CertificateFiles& paths, WatchedFiles& files) {
  std::unique_ptr<Certificates> certificates(
      new Certificates(!paths.client_ca.empty()));
  std::vector<std::string> watched = {paths.certificate, paths.key};
  if (certificates->asks_clients()) watched.push_back(paths.client_ca);
  absl::Status status =
      files.Watch(std::move(watched),
                  [current = certificates->current_,
                   paths](std::span<const std::string> read) -> absl::Status {
                    CertificateTexts texts = {
                        .certificate = read[0],
                        .key = read[1],
                        .client_ca = read.size() > 2 ? read[2] : std::string()};
                    const absl::StatusOr<absl::Time> not_after =
                        CheckCertificates(texts, paths);
                    if (!not_after.ok()) return not_after.status();
                    const MutexLock lock(current->mutex);
                    current->texts = std::move(texts);
                    current->not_after = *not_after;
                    ++current->version;
                    return absl::OkStatus();
                  });
  if (!status.ok()) return status;
  return certificates;
}

uint64_t Certificates::version() const {
  const MutexLock lock(current_->mutex);
  return current_->version;
}

CertificateTexts Certificates::texts() const {
  const MutexLock lock(current_->mutex);
  return current_->texts;
}

absl::Time Certificates::not_after() const {
  const MutexLock lock(current_->mutex);
  return current_->not_after;
}

}  // namespace enveloperelay
