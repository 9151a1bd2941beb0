#include "client/webhook/sample.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/random/bit_gen_ref.h"
#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "boost/json/object.hpp"
#include "boost/json/serialize.hpp"

namespace enveloperelay::client {
namespace {

constexpr char kTarget[] = "https://relay.example/webhooks/signplus";
constexpr char kHookId[] = "6697ccb204bd194fa74c22b4";
constexpr char kUid[] = "4a6e29bfc5344ca6ad7cc8beda456481";

}  // namespace

std::string RandomId(absl::BitGenRef random) {
  return absl::StrFormat("%016x%08x", absl::Uniform<uint64_t>(random),
                         absl::Uniform<uint32_t>(random));
}

std::string SampleWebhook(const WebhookKind& kind, std::string_view envelope_id,
                          absl::BitGenRef random) {
  boost::json::object data;
  data["id"] = RandomId(random);
  data["uid"] = kUid;
  data["envelope_id"] = envelope_id;
  if (kind.action.empty()) {
    data["file_name"] = "contract";
  } else {
    data["recipient_id"] = RandomId(random);
    data["action"] = kind.action;
  }
  boost::json::object hook;
  hook["id"] = kHookId;
  hook["event"] = kind.event;
  hook["target"] = kTarget;
  boost::json::object webhook;
  webhook["hook"] = std::move(hook);
  webhook["data"] = std::move(data);
  return boost::json::serialize(webhook);
}

}  // namespace enveloperelay::client
