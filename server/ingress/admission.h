#ifndef ENVELOPE_RELAY_SERVER_INGRESS_ADMISSION_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_ADMISSION_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/log_limit.h"
#include "server/base/network.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/ingress/client_address.h"
#include "server/ingress/keys.h"
#include "server/ingress/metrics.h"
#include "server/ingress/rate_limit.h"

namespace enveloperelay {

// The sender of a request that was admitted, as far as it is known.
class Sender {
 public:
  // `token` is what the request came with.
  Sender(std::shared_ptr<const IngressKeys::Tokens> tokens,
         std::string_view token);

  // The name of its token; "" if none is asked for or it is no longer in force.
  std::string_view name() const { return name_; }
  // What must not be stored of a body: the tokens in force, and the one that
  // the request came with, which may no longer be: its sender repeats it. None
  // if none is asked for. Lives as long as this.
  std::span<const std::string> secrets() const;

 private:
  std::shared_ptr<const IngressKeys::Tokens> tokens_;
  std::string_view name_;
  // Set if the request's token is not one of those in force.
  std::vector<std::string> secrets_;
};

// Decides who may post, and how much. Thread-safe.
class Admission {
 public:
  struct Options {
    // Required. Shared with whoever puts other keys in force.
    std::shared_ptr<IngressKeys> keys = {};
    // Where requests may come from. Empty: from anywhere.
    std::vector<Network> sources = {};
    // Whose X-Forwarded-For is believed.
    std::vector<Network> trusted_proxies = {};
    RateLimit::Options rate = {};
  };

  // `clock` and `metrics` must outlive this.
  Admission(Options options, const Clock& clock, IngressMetrics& metrics);

  // Looks at a request for webhooks whose body has yet to be read, and which
  // came with `token` (or ""). Returns the answer that refuses it, or nothing.
  // What is looked at, in this order: the address it comes from, whether a
  // guess from there may be looked at, the token, what the head says of the
  // signature, and, if the token has told who it is, how many requests there
  // have been.
  std::optional<HttpResponse> CheckHead(const RequestHead& head,
                                        std::string_view token,
                                        const HttpPeer& peer);

  // Looks at the signature of a request that was let through, and then, if
  // only that tells who it is, at how many requests there have been.
  std::optional<HttpResponse> CheckBody(const RequestHead& head,
                                        const HttpPeer& peer,
                                        std::string_view body);

  // Whether a token or a signature is asked for: if not, whoever is admitted
  // may be anybody.
  bool AsksWhoPosts() const;
  Sender SenderOf(std::string_view token) const;

 private:
  // A request, for those who judge it. `trace_id` is of its head.
  struct Attempt {
    ClientAddress client;
    absl::Time time;
    std::string_view trace_id;
  };

  Attempt AttemptOf(const RequestHead& head, const HttpPeer& peer) const;
  std::optional<HttpResponse> CheckToken(std::string_view token,
                                         const Attempt& attempt);
  std::optional<HttpResponse> CheckRate(const Attempt& attempt);
  HttpResponse DenyGuess(const Attempt& attempt);
  HttpResponse Deny(Denial denial, std::string_view detail,
                    const Attempt& attempt);

  const std::shared_ptr<IngressKeys> keys_;
  const std::vector<Network> sources_;
  const std::vector<Network> trusted_proxies_;
  const Clock& clock_;
  IngressMetrics& metrics_;
  RateLimit rate_limit_;
  LogLimit lines_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_ADMISSION_H_
