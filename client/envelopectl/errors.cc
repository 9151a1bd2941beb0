#include "client/envelopectl/errors.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/internal/status_details.pb.h"

namespace enveloperelay::client {
namespace {

// What the user can do about an error of the relay, by its reason. "NAME"
// stands for the subscription that the relay named.
std::string Advice(const ErrorInfo& info) {
  static const auto* const advice =
      new std::map<std::string_view, std::string_view>{
          {"CURSOR_INVALID",
           "give the cursor exactly as it was printed, or remove the cursor "
           "file"},
          {"CURSOR_EXPIRED",
           "remove the cursor file and use --from earliest to go on with what "
           "is left"},
          {"CURSOR_AHEAD",
           "the relay's data is older than the cursor; remove the cursor file "
           "and use --from earliest to read it anew"},
          {"CURSOR_UNKNOWN_LOG",
           "the cursor belongs to another relay or to older data; remove the "
           "cursor file, or set --grpc to the relay it came from"},
          {"SUBSCRIPTION_NOT_FOUND",
           "create it: envelopectl subscriptions create NAME"},
          {"SUBSCRIPTION_EXISTS",
           "change it: envelopectl subscriptions update NAME, or choose "
           "another name"},
          {"ETAG_MISMATCH",
           "it has changed since; look at it with 'envelopectl subscriptions "
           "get' and use its new etag"},
          {"WORKER_SUPERSEDED",
           "another worker uses the same --worker-id; give each its own"},
          {"QUARANTINED_NOT_FOUND",
           "see what there is: envelopectl quarantine list"},
          {"SERVER_UNAVAILABLE", "try again in a while"},
          {"CREDENTIALS_INVALID",
           "set --token-file or ENVELOPECTL_TOKEN_FILE, or --cert-file and "
           "--key-file"},
          {"ACCESS_DENIED",
           "a rule in the relay's --grpc-policy-file must allow it"},
          {"STREAM_LIMIT", "end other streams, or try again in a while"},
      };
  const auto it = advice->find(info.reason);
  if (it == advice->end()) return "";
  std::string text(it->second);
  const auto name = info.metadata.find("subscription");
  const size_t place = text.find("NAME");
  if (name != info.metadata.end() && place != std::string::npos) {
    text.replace(place, 4, Escape(name->second));
  }
  return text;
}

// The fields that the relay found wrong, and what is wrong with them; "" when
// it names none.
std::string WrongFields(const absl::Status& status) {
  const absl::optional<absl::Cord> payload =
      status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  internal::BadRequest details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) {
    return "";
  }
  std::string text;
  for (const auto& violation : details.field_violations()) {
    if (!text.empty()) text += "; ";
    text += Escape(violation.field()) + ": " + Escape(violation.description());
  }
  return text;
}

// The last cause in gRPC's chain of them: "connection refused" of "failed to
// connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9090: Failed to
// connect to remote host: Connection refused".
std::string TransportCause(std::string_view message) {
  constexpr std::string_view kMark = "remote host: ";
  const size_t mark = message.rfind(kMark);
  if (mark == std::string_view::npos) return std::string(message);
  return absl::AsciiStrToLower(
      std::string(message.substr(mark + kMark.size())));
}

// As gRPC words it.
bool IsTlsFailure(std::string_view message) {
  return message.find("SSL") != std::string_view::npos ||
         message.find("handshake") != std::string_view::npos;
}

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

std::string ExplainGrpcError(const absl::Status& status,
                             std::string_view target) {
  const std::string message = Escape(MessageOf(status));
  if (const std::optional<ErrorInfo> info = GetErrorInfo(status)) {
    const std::string fields = WrongFields(status);
    std::string text = absl::StrFormat("the relay at %s refused: %s", target,
                                       fields.empty() ? message : fields);
    const std::string advice = Advice(*info);
    if (!advice.empty()) text += absl::StrFormat("; %s", advice);
    return text;
  }
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (IsTlsFailure(message)) {
        return absl::StrFormat(
            "TLS with the relay at %s failed: %s; check --ca-file, --cert-file "
            "and --key-file, and whether its gRPC port has TLS",
            target, message);
      }
      return absl::StrFormat(
          "cannot reach the relay at %s: %s; is it running? set --grpc or "
          "ENVELOPE_RELAY_GRPC%s",
          target, TransportCause(message),
          // What a relay that expects TLS does to who does not know it.
          message.find("closed") != std::string::npos ||
                  message.find("reset") != std::string::npos
              ? ", or --tls if it asks for that"
              : "");
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrFormat(
          "no answer from the relay at %s (%s); check --grpc or "
          "ENVELOPE_RELAY_GRPC",
          target, message);
    case absl::StatusCode::kUnimplemented:
      return absl::StrFormat(
          "what answers at %s is no relay, or one too old for this (%s); set "
          "--grpc or ENVELOPE_RELAY_GRPC to its gRPC address",
          target, message);
    default:
      return message;
  }
}

std::string ExplainPostError(const absl::Status& status) {
  std::string text = Escape(MessageOf(status));
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    text += "; is it running? set --ingress or ENVELOPE_RELAY_INGRESS";
  } else if (absl::IsUnauthenticated(status)) {
    text += "; set --token-file or ENVELOPE_RELAY_TOKEN_FILE";
  }
  return text;
}

}  // namespace enveloperelay::client
