#include "server/ingress/admission.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/network.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/ingress/client_address.h"
#include "server/ingress/keys.h"
#include "server/ingress/metrics.h"
#include "server/ingress/rate_limit.h"
#include "server/ingress/signature.h"
#include "spdlog/spdlog.h"

namespace enveloperelay {
namespace {

constexpr absl::Duration kLineInterval = absl::Seconds(1);

constexpr char kTokenAskedFor[] =
    "a token is asked for: in the path, as /webhooks/signplus/TOKEN, or in the "
    "field Authorization, as Bearer TOKEN";

bool IsOfSignature(Denial denial) {
  return denial == Denial::kSignatureFields || denial == Denial::kSignature;
}

Reason ReasonOf(Denial denial) {
  switch (denial) {
    case Denial::kSource:
    case Denial::kToken:
    case Denial::kSignatureFields:
    case Denial::kSignature:
      return Reason::kUnauthenticated;
    case Denial::kTooManyGuesses:
    case Denial::kTooManyFromAddress:
    case Denial::kTooMany:
      return Reason::kRateLimited;
  }
  RELAY_CHECK(false);
  return Reason::kUnauthenticated;
}

}  // namespace

Sender::Sender(std::shared_ptr<const IngressKeys::Tokens> tokens,
               std::string_view token)
    : tokens_(std::move(tokens)) {
  const TokenSet& set = tokens_->set;
  if (set.empty()) return;
  if (const auto found = set.Find(token); found.has_value()) {
    name_ = set.names()[*found];
  } else if (!token.empty()) {
    secrets_.assign(set.tokens().begin(), set.tokens().end());
    secrets_.emplace_back(token);
  }
}

std::span<const std::string> Sender::secrets() const {
  if (secrets_.empty()) return tokens_->set.tokens();
  return secrets_;
}

Admission::Admission(Options options, const Clock& clock,
                     IngressMetrics& metrics)
    : keys_(std::move(options.keys)),
      sources_(std::move(options.sources)),
      trusted_proxies_(std::move(options.trusted_proxies)),
      clock_(clock),
      metrics_(metrics),
      rate_limit_(options.rate, clock),
      lines_(kLineInterval) {
  RELAY_CHECK(keys_ != nullptr);
}

std::optional<HttpResponse> Admission::CheckHead(const RequestHead& head,
                                                 std::string_view token,
                                                 const HttpPeer& peer) {
  const absl::Time now = clock_.Now();
  const ClientAddress client = ClientOf(head, peer);
  if (!client.known) {
    return Deny(Denial::kSource,
                "the proxy in front does not say clearly who it speaks for",
                client, now);
  }
  if (!sources_.empty() && !AnyContains(sources_, client.address)) {
    return Deny(Denial::kSource, "this address may not post", client, now);
  }
  std::optional<HttpResponse> refusal = CheckToken(token, client, now);
  if (refusal.has_value()) return refusal;
  if (keys_->signing_secrets()->empty()) return CheckRate(client, now);
  const absl::StatusOr<SignatureFields> fields = SignatureFieldsOf(head);
  const absl::Status status =
      fields.ok() ? CheckSignatureFields(*fields, now) : fields.status();
  if (!status.ok()) {
    return Deny(Denial::kSignatureFields, std::string(status.message()), client,
                now);
  }
  if (!keys_->tokens()->set.empty()) return CheckRate(client, now);
  // Whose it is will only be known with its body.
  if (!rate_limit_.MayGuess(client.address)) return DenyGuess(client, now);
  return std::nullopt;
}

ClientAddress Admission::ClientOf(const RequestHead& head,
                                  const HttpPeer& peer) const {
  return FindClientAddress(peer.address, head.forwarded_for, trusted_proxies_);
}

std::optional<HttpResponse> Admission::CheckToken(std::string_view token,
                                                  const ClientAddress& client,
                                                  absl::Time now) {
  const std::shared_ptr<const IngressKeys::Tokens> tokens = keys_->tokens();
  if (tokens->set.empty()) return std::nullopt;
  if (!rate_limit_.MayGuess(client.address)) return DenyGuess(client, now);
  const std::optional<size_t> found = tokens->set.Find(token);
  if (!found.has_value()) {
    rate_limit_.GuessedWrong(client.address);
    return Deny(Denial::kToken, kTokenAskedFor, client, now);
  }
  rate_limit_.GuessedRight(client.address);
  if (tokens->uses[*found]->Count(now)) {
    spdlog::info("the token {} is in use; first seen from {}",
                 tokens->set.names()[*found], client.address.to_string());
  }
  return std::nullopt;
}

std::optional<HttpResponse> Admission::CheckRate(const ClientAddress& client,
                                                 absl::Time now) {
  switch (rate_limit_.Take(client.address)) {
    case RateLimit::Verdict::kPass:
      return std::nullopt;
    case RateLimit::Verdict::kTooManyFromAddress:
      return Deny(Denial::kTooManyFromAddress,
                  "there are too many requests from this address", client, now);
    case RateLimit::Verdict::kTooMany:
      return Deny(Denial::kTooMany, "there are too many requests", client, now);
  }
  RELAY_CHECK(false);
  return std::nullopt;
}

std::optional<HttpResponse> Admission::CheckBody(const RequestHead& head,
                                                 const HttpPeer& peer,
                                                 std::string_view body) {
  const std::shared_ptr<const SigningSecrets> secrets =
      keys_->signing_secrets();
  if (secrets->empty()) return std::nullopt;
  const absl::Time now = clock_.Now();
  const ClientAddress client = ClientOf(head, peer);
  const bool has_token = !keys_->tokens()->set.empty();
  const absl::StatusOr<SignatureFields> fields = SignatureFieldsOf(head);
  if (!fields.ok() || !secrets->Verify(*fields, body)) {
    if (!has_token) rate_limit_.GuessedWrong(client.address);
    return Deny(Denial::kSignature,
                "the signature is not that of this body by a secret that is "
                "known here",
                client, now);
  }
  if (has_token) return std::nullopt;
  rate_limit_.GuessedRight(client.address);
  return CheckRate(client, now);
}

Sender Admission::SenderOf(std::string_view token) const {
  return {keys_->tokens(), token};
}

HttpResponse Admission::DenyGuess(const ClientAddress& client, absl::Time now) {
  return Deny(Denial::kTooManyGuesses,
              "there have been too many wrong tokens or signatures from this "
              "address",
              client, now);
}

HttpResponse Admission::Deny(Denial denial, std::string_view detail,
                             const ClientAddress& client, absl::Time now) {
  const Reason reason = ReasonOf(denial);
  metrics_.Denied(denial);
  metrics_.Refused(reason);
  if (const auto held_back = lines_.Admit(now); held_back.has_value()) {
    spdlog::warn(
        "request refused from {}: {} ({}); {} others since the last such line",
        client.address.to_string(), NameOf(reason), CauseOf(denial),
        *held_back);
  }
  HttpResponse response = ProblemResponse(reason, detail);
  if (reason == Reason::kUnauthenticated) {
    response.fields = IsOfSignature(denial)
                          ? "WWW-Authenticate: Webhook-Signature\r\n"
                          : "WWW-Authenticate: Bearer\r\n";
  }
  return response;
}

}  // namespace enveloperelay
