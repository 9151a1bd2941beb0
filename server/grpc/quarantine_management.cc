#include "server/grpc/quarantine_management.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/quarantine/metrics.h"
#include "server/quarantine/quarantine.h"
#include "server/quarantine/retry.h"
#include "server/stream/errors.h"
#include "server/stream/fields.h"

namespace enveloperelay {
namespace {

constexpr int kIdsMax = 1000;

// Which ones `Request`, with pages, asks for, but for their order.
template <typename Request>
absl::StatusOr<Quarantine::Selection> SelectionOf(const Request& request) {
  Violations violations;
  CheckPageSize(request.page_size(), kPageSizeMax, violations);
  CheckEnum("reason", request.reason(),
            v1::QuarantineReason_IsValid(request.reason()), violations);
  Quarantine::Selection selection = {.reason = request.reason()};
  if (!request.page_token().empty()) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(request.page_token(), &number)) {
      violations.push_back({"page_token", "not one of this method"});
    }
    selection.after = number;
  }
  if (!violations.empty()) return FieldInvalidError(violations);
  return selection;
}

// Checks that `Request`, to retry or to delete, names its targets.
template <typename Request>
absl::Status CheckTargets(const Request& request) {
  const bool listed = !request.ids().empty();
  if (listed && request.all()) {
    return FieldsConflictError({{"all", "must not be set beside ids"}});
  }
  if (!listed && !request.all()) {
    return FieldInvalidError(
        {{"ids", "names no webhook; name some, or set all"}});
  }
  if (listed && request.reason() != v1::QUARANTINE_REASON_UNSPECIFIED) {
    return FieldsConflictError({{"reason", "must not be set beside ids"}});
  }
  if (request.ids_size() > kIdsMax) {
    return FieldInvalidError(
        {{"ids", absl::StrCat(request.ids_size(), " ids; at most ", kIdsMax,
                              " are allowed")}});
  }
  Violations violations;
  CheckEnum("reason", request.reason(),
            v1::QuarantineReason_IsValid(request.reason()), violations);
  return violations.empty() ? absl::OkStatus() : FieldInvalidError(violations);
}

// Those of a request, each once.
template <typename Request>
std::vector<std::string> IdsOf(const Request& request) {
  absl::flat_hash_set<std::string> seen;
  std::vector<std::string> ids;
  for (const std::string& id : request.ids()) {
    if (seen.insert(id).second) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> IdsOf(const std::vector<Quarantine::Listed>& list) {
  std::vector<std::string> ids;
  ids.reserve(list.size());
  for (const Quarantine::Listed& listed : list) ids.push_back(listed.id);
  return ids;
}

// A page, and the token of the next one.
struct Page {
  std::vector<Quarantine::Listed> list;
  std::string next_page_token;
};

Page TakePage(const Quarantine& quarantine,
              const Quarantine::Selection& selection, int32_t page_size) {
  const size_t size = PageSize(page_size);
  Page page = {.list = quarantine.List(selection, size + 1),
               .next_page_token = ""};
  if (page.list.size() > size) {
    page.list.pop_back();
    page.next_page_token = absl::StrCat(page.list.back().number);
  }
  return page;
}

absl::StatusOr<v1::ListQuarantinedResponse> List(
    const Quarantine& quarantine, const v1::ListQuarantinedRequest& request) {
  absl::StatusOr<Quarantine::Selection> selection = SelectionOf(request);
  if (!selection.ok()) return selection.status();
  selection->oldest_first = request.oldest_first();
  Page page = TakePage(quarantine, *selection, request.page_size());
  v1::ListQuarantinedResponse response;
  for (const Quarantine::Listed& listed : page.list) {
    absl::StatusOr<v1::QuarantinedWebhook> webhook =
        quarantine.Get(listed.id, /*with_body=*/false);
    // One that has left meanwhile is left out.
    if (absl::IsNotFound(webhook.status())) continue;
    if (!webhook.ok()) return FromLog(webhook.status());
    *response.add_webhooks() = *std::move(webhook);
  }
  response.set_next_page_token(std::move(page.next_page_token));
  return response;
}

absl::StatusOr<v1::GetQuarantinedResponse> Get(
    const Quarantine& quarantine, const v1::GetQuarantinedRequest& request) {
  if (request.id().empty()) return FieldInvalidError({{"id", "is missing"}});
  absl::StatusOr<v1::QuarantinedWebhook> webhook =
      quarantine.Get(request.id(), /*with_body=*/true);
  if (absl::IsNotFound(webhook.status())) return QuarantinedNotFoundError();
  if (!webhook.ok()) return FromLog(webhook.status());
  v1::GetQuarantinedResponse response;
  *response.mutable_webhook() = *std::move(webhook);
  return response;
}

// Those that a request to retry is about; `next_page_token` as in Page.
struct Targets {
  std::vector<std::string> ids;
  std::string next_page_token;
};

absl::StatusOr<Targets> TargetsOf(const Quarantine& quarantine,
                                  const v1::RetryQuarantinedRequest& request) {
  const absl::Status checked = CheckTargets(request);
  if (!checked.ok()) return checked;
  if (!request.all()) {
    return Targets{.ids = IdsOf(request), .next_page_token = ""};
  }
  const absl::StatusOr<Quarantine::Selection> selection = SelectionOf(request);
  if (!selection.ok()) return selection.status();
  Page page = TakePage(quarantine, *selection, request.page_size());
  return Targets{.ids = IdsOf(page.list),
                 .next_page_token = std::move(page.next_page_token)};
}

absl::StatusOr<v1::RetryQuarantinedResponse> Answer(
    absl::StatusOr<std::vector<v1::RetryResult>> results,
    std::string next_page_token) {
  if (!results.ok()) return FromLog(results.status());
  v1::RetryQuarantinedResponse response;
  for (v1::RetryResult& result : *results) {
    *response.add_results() = std::move(result);
  }
  response.set_next_page_token(std::move(next_page_token));
  return response;
}

v1::DeleteQuarantinedResponse Deleted(size_t count) {
  v1::DeleteQuarantinedResponse response;
  response.set_deleted(static_cast<uint32_t>(count));
  return response;
}

}  // namespace

void QuarantineManagement::Handle(
    const v1::ListQuarantinedRequest& request,
    Done<v1::ListQuarantinedResponse> done) const {
  std::move(done)(List(env_.quarantine, request));
}

void QuarantineManagement::Handle(const v1::GetQuarantinedRequest& request,
                                  Done<v1::GetQuarantinedResponse> done) const {
  std::move(done)(Get(env_.quarantine, request));
}

void QuarantineManagement::Handle(
    const v1::RetryQuarantinedRequest& request,
    Done<v1::RetryQuarantinedResponse> done) const {
  absl::StatusOr<Targets> targets = TargetsOf(env_.quarantine, request);
  if (!targets.ok()) {
    std::move(done)(targets.status());
    return;
  }
  RetryQuarantined(
      env_, std::move(targets->ids), request.dry_run(),
      [done = std::move(done),
       next_page_token = std::move(targets->next_page_token)](
          absl::StatusOr<std::vector<v1::RetryResult>> results) mutable {
        std::move(done)(Answer(std::move(results), std::move(next_page_token)));
      });
}

void QuarantineManagement::Handle(
    const v1::DeleteQuarantinedRequest& request,
    Done<v1::DeleteQuarantinedResponse> done) const {
  const absl::Status checked = CheckTargets(request);
  if (!checked.ok()) {
    std::move(done)(checked);
    return;
  }
  const std::vector<std::string> ids =
      request.all()
          ? IdsOf(env_.quarantine.List({.reason = request.reason()}, SIZE_MAX))
          : IdsOf(request);
  if (request.dry_run()) {
    const auto count = std::ranges::count_if(
        ids,
        [this](const std::string& id) { return env_.quarantine.Contains(id); });
    std::move(done)(Deleted(static_cast<size_t>(count)));
    return;
  }
  env_.quarantine.Remove(
      ids, QuarantineExit::kDeleted,
      [done = std::move(done)](const absl::StatusOr<size_t>& deleted) mutable {
        if (deleted.ok()) {
          std::move(done)(Deleted(*deleted));
        } else {
          std::move(done)(FromLog(deleted.status()));
        }
      });
}

}  // namespace enveloperelay
