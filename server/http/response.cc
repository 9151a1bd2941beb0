#include "server/http/response.h"

#include <boost/beast/http/status.hpp>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace enveloperelay {
namespace {

std::string_view LineOf(ConnectionField connection) {
  switch (connection) {
    case ConnectionField::kKeepAlive:
      return "Connection: keep-alive\r\n";
    case ConnectionField::kClose:
      return "Connection: close\r\n";
    case ConnectionField::kNone:
      break;
  }
  return "";
}

}  // namespace

void AppendResponse(const HttpResponse& response,
                    const ResponseFraming& framing, std::string& out) {
  const auto phrase = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(response.status));
  const absl::AlphaNum length = response.body.size();
  out.append("HTTP/1.1 ");
  absl::StrAppend(&out, response.status);
  out.append(" ").append(phrase.data(), phrase.size());
  out.append("\r\nDate: ").append(framing.date);
  out.append("\r\nContent-Type: ").append(response.content_type);
  out.append("\r\nContent-Length: ").append(length.data(), length.size());
  out.append("\r\n").append(LineOf(framing.connection));
  if (!framing.traceparent.empty()) {
    out.append("traceparent: ").append(framing.traceparent).append("\r\n");
  }
  out.append(response.fields).append("\r\n");
  if (!framing.without_body) out.append(response.body);
}

std::string HttpDate(absl::Time time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time,
                          absl::UTCTimeZone());
}

}  // namespace enveloperelay
