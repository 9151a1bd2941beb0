#include "server/grpc/calls.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/access/caller.h"
#include "server/base/mutex.h"
#include "server/grpc/call_guard.h"
#include "server/stream/errors.h"

namespace enveloperelay {

absl::Status Calls::Enter(std::shared_ptr<Drainable> call, Kind kind,
                          size_t filter_bytes, CallRight right) {
  const MutexLock lock(mutex_);
  if (draining_ && kind != Kind::kManage) return DrainingError();
  absl::Status status = CheckLimits(kind, filter_bytes, right.caller);
  if (!status.ok()) return status;
  ++Count(kind);
  filter_bytes_ += filter_bytes;
  const std::string& principal = right.caller.principal;
  if (kind == Kind::kStream) caller_streams_.Add(principal);
  if (kind == Kind::kRead) ++caller_reads_[principal];
  const Drainable* key = call.get();
  entries_.emplace(
      key, Entry{.call = std::move(call),
                 .kind = kind,
                 .filter_bytes = filter_bytes,
                 .right = std::make_shared<const CallRight>(std::move(right))});
  return absl::OkStatus();
}

size_t Calls::CallsOf(const std::string& principal, Kind kind) const {
  if (kind == Kind::kStream) return caller_streams_.Count(principal);
  const auto reads = caller_reads_.find(principal);
  return kind == Kind::kManage || reads == caller_reads_.end() ? 0
                                                               : reads->second;
}

absl::Status Calls::CheckLimits(Kind kind, size_t filter_bytes,
                                const Caller& caller) {
  const bool stream = kind == Kind::kStream;
  const size_t calls_max =
      stream ? limits_.streams_max : limits_.unary_calls_max;
  if (Count(kind) >= calls_max) {
    return StreamLimitError(
        absl::StrCat("the relay serves at most ", calls_max,
                     stream ? " streams" : " calls of this kind", " at once"));
  }
  // Of callers that cannot be told apart nobody can have a share.
  if (caller.principal != kAnonymous &&
      CallsOf(caller.principal, kind) >= limits_.streams_per_caller_max) {
    return StreamLimitError(absl::StrCat(
        "the relay serves at most ", limits_.streams_per_caller_max,
        stream ? " streams" : " calls of this kind",
        " at once of one caller, and ", caller.principal, " has as many"));
  }
  if (filter_bytes > 0 &&
      filter_bytes_ + filter_bytes > limits_.filter_bytes_max) {
    return StreamLimitError(
        absl::StrCat("the filters of all streams take at most ",
                     limits_.filter_bytes_max, " bytes; use a shorter one"));
  }
  return absl::OkStatus();
}

void Calls::Leave(const Drainable* call) {
  // Destroyed outside of the lock.
  std::shared_ptr<Drainable> left;
  const MutexLock lock(mutex_);
  const auto found = entries_.find(call);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  --Count(entry.kind);
  filter_bytes_ -= entry.filter_bytes;
  const std::string& principal = entry.right->caller.principal;
  if (entry.kind == Kind::kStream) caller_streams_.Remove(principal);
  if (entry.kind == Kind::kRead && --caller_reads_[principal] == 0) {
    caller_reads_.erase(principal);
  }
  left = std::move(found->second.call);
  entries_.erase(found);
  if (entries_.empty()) emptied_.NotifyAll();
}

void Calls::EndUnless(
    absl::FunctionRef<absl::Status(const CallRight& right)> check) {
  std::vector<
      std::pair<std::shared_ptr<Drainable>, std::shared_ptr<const CallRight>>>
      calls;
  {
    const MutexLock lock(mutex_);
    calls.reserve(entries_.size());
    for (const auto& [key, entry] : entries_) {
      calls.emplace_back(entry.call, entry.right);
    }
  }
  for (const auto& [call, right] : calls) {
    const absl::Status status = check(*right);
    if (!status.ok()) call->End(status);
  }
}

void Calls::Drain() {
  std::vector<std::shared_ptr<Drainable>> calls;
  {
    const MutexLock lock(mutex_);
    draining_ = true;
    calls.reserve(entries_.size());
    for (const auto& [key, entry] : entries_) calls.push_back(entry.call);
  }
  for (const std::shared_ptr<Drainable>& call : calls) call->Drain();
}

bool Calls::draining() const {
  const MutexLock lock(mutex_);
  return draining_;
}

bool Calls::WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
  const MutexLock lock(mutex_);
  while (!entries_.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) return false;
    emptied_.WaitFor(mutex_, absl::FromChrono(left));
  }
  return true;
}

}  // namespace enveloperelay
