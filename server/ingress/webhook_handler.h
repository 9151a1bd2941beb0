#ifndef ENVELOPE_RELAY_SERVER_INGRESS_WEBHOOK_HANDLER_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_WEBHOOK_HANDLER_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/clock.h"
#include "server/base/gate.h"
#include "server/base/log_limit.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/ingress/admission.h"
#include "server/ingress/metrics.h"
#include "server/log/event_log.h"
#include "server/quarantine/quarantine.h"
#include "server/signplus/first_seen.h"

namespace enveloperelay {

// Where webhooks are posted to; behind it, after a slash, may stand a token.
inline constexpr std::string_view kWebhookPath = "/webhooks/signplus";

// Turns requests into events in the log. What is refused before the body is
// read is refused in this order: path, method, then as Admission has it.
class WebhookHandler final : public HttpHandler {
 public:
  struct Options {
    Admission::Options admission;
    absl::Duration dedup_window;
    // Keeps what is no event. Null: nothing does.
    Quarantine* quarantine = nullptr;
  };

  // All but the options must outlive this.
  WebhookHandler(Options options, EventLog& log, const Clock& clock,
                 IngressMetrics& metrics);

  std::optional<HttpResponse> Admit(const RequestHead& head,
                                    const HttpPeer& peer) override;
  Awaitable<HttpResponse> Respond(const RequestHead& head, const HttpPeer& peer,
                                  std::string_view body) override;
  void OnAnswered(unsigned status, std::chrono::nanoseconds took) override {
    if (status == 200) metrics_.Acknowledged(took);
  }
  void OnRefused(Reason reason) override { metrics_.Refused(reason); }
  void OnHandshakeFailed() override { metrics_.HandshakeFailed(); }
  void OnConnection(int change) override { metrics_.AddConnections(change); }

  // Returns when the log has answered every write; no request may come any
  // more. Only then may the threads of the server be destroyed, which answers
  // are passed on to.
  void WaitForLog() { writes_.CloseAndWait(); }

 private:
  HttpResponse Refuse(Reason reason, std::string_view detail);
  void LogRefusal(const RequestHead& head, const Sender& sender, Reason reason,
                  std::string_view detail);
  // Refuses a body that is no event, when it is kept durably: unless it is,
  // its sender may have the only copy, and is to try again.
  Awaitable<HttpResponse> RefuseAndKeep(const RequestHead& head,
                                        std::string_view body,
                                        const Sender& sender, Reason reason,
                                        std::string detail);
  Awaitable<absl::StatusOr<Appended>> Append(v1::EnvelopeEvent event);
  Awaitable<absl::Status> Keep(RefusedWebhook webhook);
  // Waits for storage: `start` is given the callback to call once.
  template <typename Result, typename Start>
  Awaitable<Result> WaitFor(Start start);

  const absl::Duration dedup_window_;
  EventLog& log_;
  const Clock& clock_;
  IngressMetrics& metrics_;
  Quarantine* const quarantine_;
  Admission admission_;
  FirstSeen first_seen_;
  LogLimit lines_{kRefusalLineInterval};
  Gate writes_;
};

// Whether a webhook of this Content-Type may be JSON; none at all may.
bool MayBeJson(std::string_view content_type);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_WEBHOOK_HANDLER_H_
