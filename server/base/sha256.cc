#include "server/base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "server/base/check.h"

namespace enveloperelay {

std::string Sha256(std::string_view bytes) {
  struct Deleter {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  // Fetching the algorithm costs several times what hashing an event does.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  RELAY_CHECK(sha256 != nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, Deleter> context(
      EVP_MD_CTX_new());
  std::array<unsigned char, 32> digest{};
  RELAY_CHECK(EVP_DigestInit_ex(context.get(), sha256, nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) ==
                  1 &&
              EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return {digest.begin(), digest.end()};
}

}  // namespace enveloperelay
