#include "tests/support/test_ca.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "server/base/check.h"

namespace enveloperelay::testing {
namespace {

std::shared_ptr<EVP_PKEY> NewKey() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  RELAY_CHECK(key != nullptr);
  return key;
}

// What `write` writes into a BIO of memory.
template <typename Write>
std::string Pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()),
                                                      BIO_free);
  RELAY_CHECK(bio != nullptr && write(bio.get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  RELAY_CHECK(size > 0);
  return {bytes, static_cast<size_t>(size)};
}

std::string PemOf(X509* x509) {
  return Pem([x509](BIO* bio) { return PEM_write_bio_X509(bio, x509); });
}

std::string PemOf(EVP_PKEY* key) {
  return Pem([key](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr,
                                    nullptr);
  });
}

void AddExtension(X509* x509, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)>
      extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()),
                X509_EXTENSION_free);
  RELAY_CHECK(extension != nullptr &&
              X509_add_ext(x509, extension.get(), -1) == 1);
}

void SetRandomSerial(X509* x509) {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> serial(BN_new(), BN_free);
  RELAY_CHECK(
      BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509)) != nullptr);
}

// A certificate for `key` that is still to be signed.
std::shared_ptr<X509> NewCertificate(const TestSubject& subject,
                                     EVP_PKEY* key) {
  std::shared_ptr<X509> x509(X509_new(), X509_free);
  RELAY_CHECK(x509 != nullptr && X509_set_version(x509.get(), 2) == 1);
  SetRandomSerial(x509.get());
  const auto seconds = [](absl::Duration duration) {
    return static_cast<long>(absl::ToInt64Seconds(duration));
  };
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), seconds(subject.valid_from));
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), seconds(subject.valid_until));
  RELAY_CHECK(X509_set_pubkey(x509.get(), key) == 1);
  const std::vector<unsigned char> name(subject.common_name.begin(),
                                        subject.common_name.end());
  RELAY_CHECK(X509_NAME_add_entry_by_txt(
                  X509_get_subject_name(x509.get()), "CN", MBSTRING_UTF8,
                  name.data(), static_cast<int>(name.size()), -1, 0) == 1);
  return x509;
}

void Sign(X509* x509, X509* issuer, EVP_PKEY* issuer_key) {
  RELAY_CHECK(X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1);
  AddExtension(x509, issuer, NID_subject_key_identifier, "hash");
  AddExtension(x509, issuer, NID_authority_key_identifier, "keyid:always");
  RELAY_CHECK(X509_sign(x509, issuer_key, EVP_sha256()) > 0);
}

// "DNS:a,IP:b,URI:c"
std::string AlternativeNames(const TestSubject& subject) {
  std::vector<std::string> names;
  for (const std::string& name : subject.dns_names) {
    names.push_back(absl::StrCat("DNS:", name));
  }
  for (const std::string& address : subject.ip_addresses) {
    names.push_back(absl::StrCat("IP:", address));
  }
  for (const std::string& uri : subject.uris) {
    names.push_back(absl::StrCat("URI:", uri));
  }
  return absl::StrJoin(names, ",");
}

TestSubject ServerSubject() {
  return {.common_name = "test server",
          .dns_names = {"localhost"},
          .ip_addresses = {"127.0.0.1", "::1"}};
}

TestSubject ClientSubject(const std::string& uri) {
  return {.common_name = "test client", .uris = {uri}};
}

TestSubject Expired(TestSubject subject) {
  subject.valid_from = -absl::Hours(2);
  subject.valid_until = -absl::Hours(1);
  return subject;
}

}  // namespace

TestCa::TestCa(const std::string& common_name)
    : key_(NewKey()),
      x509_(NewCertificate({.common_name = common_name}, key_.get())) {
  AddExtension(x509_.get(), x509_.get(), NID_basic_constraints,
               "critical,CA:TRUE");
  AddExtension(x509_.get(), x509_.get(), NID_key_usage,
               "critical,keyCertSign,cRLSign");
  Sign(x509_.get(), x509_.get(), key_.get());
  certificate_ = PemOf(x509_.get());
}

TestIdentity TestCa::IssueServer() const {
  return Issue(ServerSubject(), Use::kServer);
}

TestIdentity TestCa::IssueClientWithUri(const std::string& uri) const {
  return Issue(ClientSubject(uri), Use::kClient);
}

TestIdentity TestCa::IssueClientWithDns(const std::string& dns_name) const {
  return Issue({.common_name = "test client", .dns_names = {dns_name}},
               Use::kClient);
}

TestIdentity TestCa::IssueExpiredServer() const {
  return Issue(Expired(ServerSubject()), Use::kServer);
}

TestIdentity TestCa::IssueExpiredClient(const std::string& uri) const {
  return Issue(Expired(ClientSubject(uri)), Use::kClient);
}

TestIdentity TestCa::Issue(const TestSubject& subject, Use use) const {
  const std::shared_ptr<EVP_PKEY> key = NewKey();
  const std::shared_ptr<X509> x509 = NewCertificate(subject, key.get());
  AddExtension(x509.get(), x509_.get(), NID_basic_constraints,
               "critical,CA:FALSE");
  AddExtension(x509.get(), x509_.get(), NID_key_usage,
               "critical,digitalSignature");
  AddExtension(x509.get(), x509_.get(), NID_ext_key_usage,
               use == Use::kServer ? "serverAuth" : "clientAuth");
  const std::string names = AlternativeNames(subject);
  if (!names.empty()) {
    AddExtension(x509.get(), x509_.get(), NID_subject_alt_name, names);
  }
  Sign(x509.get(), x509_.get(), key_.get());
  return {.certificate = PemOf(x509.get()), .key = PemOf(key.get())};
}

}  // namespace enveloperelay::testing
