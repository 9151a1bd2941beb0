#include "server/http/problem.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/http/response.h"

namespace enveloperelay {
namespace {

struct Row {
  unsigned status;
  std::string_view name;
};

// In the order of the enumeration.
constexpr std::array<Row, static_cast<size_t>(kReasonLast) + 1> kRows = {{
    {400, "MALFORMED_JSON"},
    {400, "BAD_REQUEST"},
    {401, "UNAUTHENTICATED"},
    {404, "NOT_FOUND"},
    {405, "METHOD_NOT_ALLOWED"},
    {408, "REQUEST_TIMEOUT"},
    {413, "BODY_TOO_LARGE"},
    {415, "UNSUPPORTED_MEDIA_TYPE"},
    {422, "NOT_AN_ENVELOPE_EVENT"},
    {429, "RATE_LIMITED"},
    {501, "NOT_IMPLEMENTED"},
    {503, "UNAVAILABLE"},
}};

int RetryAfterSeconds() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_int_distribution<int>(1, 5)(random);
}

}  // namespace

std::string_view NameOf(Reason reason) {
  return kRows.at(static_cast<size_t>(reason)).name;
}

unsigned StatusOf(Reason reason) {
  return kRows.at(static_cast<size_t>(reason)).status;
}

HttpResponse ProblemResponse(Reason reason, std::string_view detail) {
  const unsigned status = StatusOf(reason);
  const auto title = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(status));
  const boost::json::object problem = {
      {"type", "about:blank"},
      {"title", boost::json::string_view(title.data(), title.size())},
      {"status", status},
      {"detail", boost::json::string_view(detail.data(), detail.size())},
      {"reason",
       boost::json::string_view(NameOf(reason).data(), NameOf(reason).size())},
  };
  HttpResponse response = {.status = status,
                           .content_type = "application/problem+json",
                           .body = boost::json::serialize(problem)};
  if (reason == Reason::kRateLimited || reason == Reason::kUnavailable) {
    response.fields =
        absl::StrCat("Retry-After: ", RetryAfterSeconds(), "\r\n");
  }
  return response;
}

}  // namespace enveloperelay
