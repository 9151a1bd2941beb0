#include "server/ingress/admission.h"

#include <boost/asio/ip/address.hpp>
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
#include "server/base/log_limit.h"
#include "server/base/logging.h"
#include "server/base/network.h"
#include "server/base/traceparent.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/ingress/client_address.h"
#include "server/ingress/keys.h"
#include "server/ingress/metrics.h"
#include "server/ingress/rate_limit.h"
#include "server/ingress/signature.h"

namespace enveloperelay {
namespace {

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
      lines_(kRefusalLineInterval) {
  RELAY_CHECK(keys_ != nullptr);
}

std::optional<HttpResponse> Admission::CheckHead(const RequestHead& head,
                                                 std::string_view token,
                                                 const HttpPeer& peer) {
  const Attempt attempt = AttemptOf(head, peer);
  const boost::asio::ip::address& address = attempt.client.address;
  if (!attempt.client.known) {
    return Deny(Denial::kSource,
                "the proxy in front does not say clearly who it speaks for",
                attempt);
  }
  if (!sources_.empty() && !AnyContains(sources_, address)) {
    return Deny(Denial::kSource, "this address may not post", attempt);
  }
  std::optional<HttpResponse> refusal = CheckToken(token, attempt);
  if (refusal.has_value()) return refusal;
  if (keys_->signing_secrets()->empty()) return CheckRate(attempt);
  const absl::StatusOr<SignatureFields> fields = SignatureFieldsOf(head);
  const absl::Status status = fields.ok()
                                  ? CheckSignatureFields(*fields, attempt.time)
                                  : fields.status();
  if (!status.ok()) {
    return Deny(Denial::kSignatureFields, std::string(status.message()),
                attempt);
  }
  if (!keys_->tokens()->set.empty()) return CheckRate(attempt);
  // Whose it is will only be known with its body.
  if (!rate_limit_.MayGuess(address)) return DenyGuess(attempt);
  return std::nullopt;
}

Admission::Attempt Admission::AttemptOf(const RequestHead& head,
                                        const HttpPeer& peer) const {
  return {.client = FindClientAddress(peer.address, head.forwarded_for,
                                      trusted_proxies_),
          .time = clock_.Now(),
          .trace_id = TraceIdOf(head.traceparent)};
}

std::optional<HttpResponse> Admission::CheckToken(std::string_view token,
                                                  const Attempt& attempt) {
  const std::shared_ptr<const IngressKeys::Tokens> tokens = keys_->tokens();
  if (tokens->set.empty()) return std::nullopt;
  if (!rate_limit_.MayGuess(attempt.client.address)) return DenyGuess(attempt);
  const std::optional<size_t> found = tokens->set.Find(token);
  if (!found.has_value()) {
    rate_limit_.GuessedWrong(attempt.client.address);
    return Deny(Denial::kToken, kTokenAskedFor, attempt);
  }
  rate_limit_.GuessedRight(attempt.client.address);
  if (tokens->uses[*found]->Count(attempt.time)) {
    LogInfo("token in use",
            {{LogKey::kToken, tokens->set.names()[*found]},
             {LogKey::kPeer, attempt.client.address.to_string()},
             {LogKey::kTraceId, attempt.trace_id}});
  }
  return std::nullopt;
}

std::optional<HttpResponse> Admission::CheckRate(const Attempt& attempt) {
  switch (rate_limit_.Take(attempt.client.address)) {
    case RateLimit::Verdict::kPass:
      return std::nullopt;
    case RateLimit::Verdict::kTooManyFromAddress:
      return Deny(Denial::kTooManyFromAddress,
                  "there are too many requests from this address", attempt);
    case RateLimit::Verdict::kTooMany:
      return Deny(Denial::kTooMany, "there are too many requests", attempt);
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
  const Attempt attempt = AttemptOf(head, peer);
  const boost::asio::ip::address& address = attempt.client.address;
  const bool has_token = !keys_->tokens()->set.empty();
  const absl::StatusOr<SignatureFields> fields = SignatureFieldsOf(head);
  if (!fields.ok() || !secrets->Verify(*fields, body)) {
    if (!has_token) rate_limit_.GuessedWrong(address);
    return Deny(Denial::kSignature,
                "the signature is not that of this body by a secret that is "
                "known here",
                attempt);
  }
  if (has_token) return std::nullopt;
  rate_limit_.GuessedRight(address);
  return CheckRate(attempt);
}

bool Admission::AsksWhoPosts() const {
  return !keys_->tokens()->set.empty() || !keys_->signing_secrets()->empty();
}

Sender Admission::SenderOf(std::string_view token) const {
  return {keys_->tokens(), token};
}

HttpResponse Admission::DenyGuess(const Attempt& attempt) {
  return Deny(Denial::kTooManyGuesses,
              "there have been too many wrong tokens or signatures from this "
              "address",
              attempt);
}

HttpResponse Admission::Deny(Denial denial, std::string_view detail,
                             const Attempt& attempt) {
  const Reason reason = ReasonOf(denial);
  metrics_.Denied(denial);
  metrics_.Refused(reason);
  if (const auto held_back = lines_.Admit(attempt.time);
      held_back.has_value()) {
    LogWarning("request refused",
               {{LogKey::kPeer, attempt.client.address.to_string()},
                {LogKey::kReason, NameOf(reason)},
                {LogKey::kCause, CauseOf(denial)},
                {LogKey::kHeldBack, *held_back},
                {LogKey::kTraceId, attempt.trace_id}});
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
