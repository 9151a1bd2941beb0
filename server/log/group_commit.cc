#include "server/log/group_commit.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/log/append_queue.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/record.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"

namespace enveloperelay {
namespace {

// About what a commit adds to an event: tags, lengths and its stamp.
constexpr size_t kStampBytes = 80;

}  // namespace

GroupCommit::GroupCommit(const Parts& parts, size_t pending_bytes_max)
    : parts_(parts), queue_(pending_bytes_max), thread_([this] { Run(); }) {}

GroupCommit::~GroupCommit() { Close(); }

void GroupCommit::Append(EncodedEvent event, EventLog::AppendDone done) {
  PendingAppend append{.event = std::move(event), .done = std::move(done)};
  absl::Status status = parts_.health.Get();
  if (status.ok()) status = queue_.Push(append);
  if (!status.ok()) std::move(append.done)(std::move(status));
}

void GroupCommit::WriteState(std::vector<StateChange> changes,
                             StateStore::WriteDone done) {
  PendingStateWrite write{.changes = std::move(changes),
                          .done = std::move(done)};
  // A disk that is nearly full is no reason: what is left is kept free for
  // this, and state shrinks too.
  absl::Status status = parts_.health.failure();
  if (status.ok()) status = queue_.Push(write);
  if (!status.ok()) std::move(write.done)(std::move(status));
}

void GroupCommit::Close() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
}

void GroupCommit::Run() {
  for (;;) {
    CommitGroup group = queue_.TakeGroup();
    if (group.empty()) return;
    Commit(group);
    queue_.ReleaseGroup();
  }
}

void GroupCommit::Commit(CommitGroup& group) {
  absl::Status failure = parts_.health.failure();
  Draft draft;
  if (failure.ok()) {
    draft = Prepare(group);
    failure = Write(draft);
  }
  if (!failure.ok()) {
    draft.answers.assign(group.appends.size(), failure);
  } else {
    Publish(draft);
    const auto state_writes = static_cast<double>(group.state_writes.size());
    parts_.metrics.state_writes.Increment(state_writes);
  }
  for (size_t i = 0; i < group.appends.size(); ++i) {
    std::move(group.appends[i].done)(std::move(draft.answers[i]));
  }
  for (PendingStateWrite& write : group.state_writes) {
    std::move(write.done)(failure);
  }
}

GroupCommit::Draft GroupCommit::Prepare(const CommitGroup& group) const {
  Draft draft;
  if (!group.appends.empty()) PrepareAppends(group.appends, draft);
  for (const PendingStateWrite& write : group.state_writes) {
    for (const StateChange& change : write.changes) {
      parts_.store.PutState(change, draft.batch);
    }
  }
  return draft;
}

void GroupCommit::PrepareAppends(const std::vector<PendingAppend>& appends,
                                 Draft& draft) const {
  std::vector<std::string_view> ids;
  ids.reserve(appends.size());
  size_t bytes = 0;
  for (const PendingAppend& append : appends) {
    ids.emplace_back(append.event.event_id);
    bytes +=
        append.event.head.size() + append.event.payload.size() + kStampBytes;
  }
  const std::vector<absl::StatusOr<Sequence>> stored =
      parts_.store.FindEventIds(ids);

  draft.last = parts_.extent.last();
  const uint64_t begin_offset = draft.last.end_offset;
  draft.chunk->bytes.reserve(bytes);
  draft.chunk->records.reserve(appends.size());
  std::unordered_map<std::string_view, Sequence> added;
  for (size_t i = 0; i < appends.size(); ++i) {
    const auto twin = added.find(ids[i]);
    if (twin != added.end()) {
      draft.answers.emplace_back(Appended{twin->second, /*duplicate=*/true});
    } else if (stored[i].ok() && parts_.extent.IsRetained(*stored[i])) {
      draft.answers.emplace_back(Appended{*stored[i], /*duplicate=*/true});
    } else if (stored[i].ok() || absl::IsNotFound(stored[i].status())) {
      AddRecord(appends[i].event, draft);
      added.emplace(ids[i], draft.last.sequence);
      draft.answers.emplace_back(Appended{draft.last.sequence});
    } else {
      // Whether it is stored cannot be told: only this one fails.
      draft.answers.emplace_back(stored[i].status());
    }
  }
  parts_.store.PutRecords(*draft.chunk, begin_offset, draft.batch);
}

void GroupCommit::AddRecord(const EncodedEvent& event, Draft& draft) const {
  Position& last = draft.last;
  last.sequence = last.sequence.Next();
  last.receive_time_micros =
      std::max(last.receive_time_micros, event.receive_time_micros);
  Chunk& chunk = *draft.chunk;
  AppendRecord(event, Cursor{parts_.extent.log_id(), last.sequence},
               last.receive_time_micros, chunk);
  last.end_offset += chunk.records.back().size();
  parts_.store.PutIndexEntries(last.sequence, event.event_id, event.envelope_id,
                               draft.batch);
}

absl::Status GroupCommit::Write(Draft& draft) {
  // A group of duplicates only: the first ones are durable already.
  if (draft.batch.Count() == 0) return absl::OkStatus();
  const auto begin = std::chrono::steady_clock::now();
  const absl::Status written = parts_.store.Write(draft.batch);
  if (!written.ok()) {
    parts_.health.Fail(written);
    return parts_.health.failure();
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - begin;
  parts_.metrics.commit_duration_seconds.Observe(took.count());
  const auto events = static_cast<double>(draft.chunk->records.size());
  if (events > 0) parts_.metrics.commit_events.Observe(events);
  return absl::OkStatus();
}

void GroupCommit::Publish(const Draft& draft) {
  const std::vector<RecordRef>& records = draft.chunk->records;
  const auto duplicates = std::ranges::count_if(
      draft.answers, [](const absl::StatusOr<Appended>& answer) {
        return answer.ok() && answer->duplicate;
      });
  parts_.metrics.duplicates.Increment(static_cast<double>(duplicates));
  if (records.empty()) return;
  parts_.metrics.appended.Increment(static_cast<double>(records.size()));
  // What is announced last must find the rest in place.
  parts_.extent.Append(draft.last, records.front().receive_time_micros);
  parts_.recent.Add(draft.chunk);
  parts_.tail.Advance(draft.last.sequence);
}

}  // namespace enveloperelay
