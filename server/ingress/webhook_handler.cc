#include "server/ingress/webhook_handler.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/logging.h"
#include "server/base/text.h"
#include "server/base/traceparent.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/ingress/metrics.h"
#include "server/log/event_log.h"
#include "server/quarantine/quarantine.h"
#include "server/signplus/first_seen.h"
#include "server/signplus/redact.h"
#include "server/signplus/webhook.h"

namespace enveloperelay {
namespace {

namespace asio = boost::asio;

// What stands behind kWebhookPath in the path; nothing if that is another path.
std::optional<std::string_view> PathToken(std::string_view path) {
  if (!path.starts_with(kWebhookPath)) return std::nullopt;
  path.remove_prefix(kWebhookPath.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  if (path.find('/') != std::string_view::npos) return std::nullopt;
  return path;
}

// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1).
std::string_view BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kScheme))) {
    return {};
  }
  authorization.remove_prefix(kScheme.size());
  const size_t begin = authorization.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view()
                                         : authorization.substr(begin);
}

// The token that a request for webhooks comes with; "" if it has none.
std::string_view TokenOf(const RequestHead& head) {
  const std::string_view path_token = PathToken(head.path()).value_or("");
  return path_token.empty() ? BearerToken(head.authorization) : path_token;
}

// `reason` is one of those for bodies that are no events.
v1::QuarantineReason QuarantineReasonOf(Reason reason) {
  switch (reason) {
    case Reason::kMalformedJson:
      return v1::QUARANTINE_REASON_MALFORMED_JSON;
    case Reason::kUnsupportedMediaType:
      return v1::QUARANTINE_REASON_UNSUPPORTED_MEDIA_TYPE;
    default:
      RELAY_CHECK(reason == Reason::kNotAnEnvelopeEvent);
      return v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT;
  }
}

HttpResponse Stored(std::string_view event_id, const Appended& appended) {
  return {.body = absl::StrCat(R"({"event_id":")", ToAbsl(event_id),
                               R"(","sequence":")", appended.sequence.value,
                               R"(","duplicate":)",
                               appended.duplicate ? "true}" : "false}")};
}

}  // namespace

bool MayBeJson(std::string_view content_type) {
  const absl::string_view type = absl::StripAsciiWhitespace(
      ToAbsl(content_type.substr(0, content_type.find(';'))));
  return type.empty() || absl::EqualsIgnoreCase(type, "application/json") ||
         absl::EqualsIgnoreCase(type, "text/json") ||
         (absl::StartsWithIgnoreCase(type, "application/") &&
          absl::EndsWithIgnoreCase(type, "+json"));
}

WebhookHandler::WebhookHandler(Options options, EventLog& log,
                               const Clock& clock, IngressMetrics& metrics)
    : dedup_window_(options.dedup_window),
      log_(log),
      clock_(clock),
      metrics_(metrics),
      quarantine_(options.quarantine),
      admission_(std::move(options.admission), clock, metrics),
      first_seen_([&metrics](NameKind kind, const std::string& name,
                             std::string_view traceparent) {
        metrics.UnknownName(kind);
        LogWarning("first webhook with an unknown name",
                   {{LogKey::kKind, ToString(kind)},
                    {LogKey::kName, name},
                    {LogKey::kTraceId, TraceIdOf(traceparent)}});
      }) {}

std::optional<HttpResponse> WebhookHandler::Admit(const RequestHead& head,
                                                  const HttpPeer& peer) {
  if (!PathToken(head.path()).has_value()) {
    return Refuse(Reason::kNotFound, "webhooks go to /webhooks/signplus");
  }
  if (head.method != "POST") {
    HttpResponse response =
        Refuse(Reason::kMethodNotAllowed, "webhooks are posted");
    response.fields = "Allow: POST\r\n";
    return response;
  }
  return admission_.CheckHead(head, TokenOf(head), peer);
}

Awaitable<HttpResponse> WebhookHandler::Respond(const RequestHead& head,
                                                const HttpPeer& peer,
                                                std::string_view body) {
  std::optional<HttpResponse> refusal = admission_.CheckBody(head, peer, body);
  if (refusal.has_value()) co_return *std::move(refusal);
  metrics_.AddBody(body.size());
  const Sender sender = admission_.SenderOf(TokenOf(head));
  if (!MayBeJson(head.content_type)) {
    HttpResponse kept = co_await RefuseAndKeep(
        head, body, sender, Reason::kUnsupportedMediaType,
        "the body must be application/json");
    co_return kept;
  }
  const absl::Time now = clock_.Now();
  absl::StatusOr<v1::EnvelopeEvent> event =
      ParseWebhook({.body = body,
                    .receive_time = now,
                    .dedup_window = dedup_window_,
                    .secrets = sender.secrets(),
                    .traceparent = head.traceparent,
                    .first_seen = &first_seen_});
  if (!event.ok()) {
    const std::string detail(event.status().message());
    const Reason reason =
        event.status().code() == absl::StatusCode::kInvalidArgument
            ? Reason::kMalformedJson
            : Reason::kNotAnEnvelopeEvent;
    HttpResponse kept =
        co_await RefuseAndKeep(head, body, sender, reason, detail);
    co_return kept;
  }
  const std::string event_id = event->event_id();
  const v1::EventType type = event->type();
  const absl::StatusOr<Appended> appended = co_await Append(*std::move(event));
  if (!appended.ok()) {
    co_return Refuse(
        Reason::kUnavailable,
        appended.status().code() == absl::StatusCode::kResourceExhausted
            ? "there is no room to store the event now"
            : "the event cannot be stored now");
  }
  LogDebug("webhook stored", {{LogKey::kEventId, event_id},
                              {LogKey::kSequence, appended->sequence.value},
                              {LogKey::kDuplicate, appended->duplicate},
                              {LogKey::kToken, sender.name()},
                              {LogKey::kTraceId, TraceIdOf(head.traceparent)}});
  if (appended->duplicate) {
    metrics_.Duplicate();
  } else {
    metrics_.Stored(type, now);
  }
  co_return Stored(event_id, *appended);
}

Awaitable<HttpResponse> WebhookHandler::RefuseAndKeep(const RequestHead& head,
                                                      std::string_view body,
                                                      const Sender& sender,
                                                      Reason reason,
                                                      std::string detail) {
  LogRefusal(head, sender, reason, detail);
  if (quarantine_ == nullptr || !quarantine_->keeps()) {
    co_return Refuse(reason, detail);
  }
  const absl::Status health = log_.Health();
  if (!health.ok()) {
    quarantine_->CountFailed();
    co_return Refuse(Reason::kUnavailable, "the body cannot be kept now");
  }
  RefusedWebhook webhook = {.reason = QuarantineReasonOf(reason),
                            .detail = detail,
                            .content_type = std::string(head.content_type),
                            .traceparent = std::string(head.traceparent),
                            .body = std::string(body),
                            .receive_time = clock_.Now()};
  BlankSecrets(sender.secrets(), webhook.body);
  BlankSecrets(sender.secrets(), webhook.content_type);
  const absl::Status kept = co_await Keep(std::move(webhook));
  if (!kept.ok()) {
    co_return Refuse(Reason::kUnavailable, "the body cannot be kept now");
  }
  co_return Refuse(reason, detail);
}

void WebhookHandler::LogRefusal(const RequestHead& head, const Sender& sender,
                                Reason reason, std::string_view detail) {
  // Who is known may be told each time what is wrong.
  const std::optional<int> held_back =
      admission_.AsksWhoPosts() ? 0 : lines_.Admit(clock_.Now());
  if (!held_back.has_value()) return;
  LogWarning("webhook refused",
             {{LogKey::kReason, NameOf(reason)},
              {LogKey::kDetail, detail},
              {LogKey::kToken, sender.name()},
              {LogKey::kHeldBack, *held_back},
              {LogKey::kTraceId, TraceIdOf(head.traceparent)}});
}

template <typename Result, typename Start>
Awaitable<Result> WebhookHandler::WaitFor(Start start) {
  // Storage answers on a thread of its own: the answer is passed on to the
  // connection's.
  auto initiate = [this, &start](auto handler) {
    RELAY_CHECK(writes_.TryEnter());
    start([this, handler = std::move(handler)](Result result) mutable {
      const auto executor = asio::get_associated_executor(handler);
      asio::post(executor, [handler = std::move(handler),
                            result = std::move(result)]() mutable {
        std::move(handler)(std::move(result));
      });
      writes_.Leave();
    });
  };
  Result result = co_await asio::async_initiate<decltype(kAwait), void(Result)>(
      std::move(initiate), kAwait);
  co_return result;
}

Awaitable<absl::StatusOr<Appended>> WebhookHandler::Append(
    v1::EnvelopeEvent event) {
  absl::StatusOr<Appended> appended =
      co_await WaitFor<absl::StatusOr<Appended>>(
          [this, &event](EventLog::AppendDone done) {
            log_.Append(std::move(event), std::move(done));
          });
  co_return appended;
}

Awaitable<absl::Status> WebhookHandler::Keep(RefusedWebhook webhook) {
  absl::Status kept =
      co_await WaitFor<absl::Status>([this, &webhook](Quarantine::Done done) {
        quarantine_->Keep(std::move(webhook), std::move(done));
      });
  co_return kept;
}

HttpResponse WebhookHandler::Refuse(Reason reason, std::string_view detail) {
  metrics_.Refused(reason);
  return ProblemResponse(reason, detail);
}

}  // namespace enveloperelay
