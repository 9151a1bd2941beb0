// Which events a worker gets: first what waits to be delivered again, then what
// its envelope has held up, then what is new.
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/read_ahead.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"
#include "server/stream/errors.h"
#include "server/stream/proto_time.h"
#include "server/stream/reader.h"
#include "server/stream/response.h"
#include "server/stream/wire.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lanes.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"

namespace enveloperelay {
namespace {

// Events that are read from the log at once, at least.
constexpr size_t kReadEventsMin = 64;
constexpr size_t kReadBytesMax = size_t{1} << 20;
// Events of one envelope likewise.
constexpr size_t kReadLaneEvents = 16;

std::string_view EnvelopeIdOf(std::string_view event) {
  wire::FieldReader reader(event);
  for (auto field = reader.Next(); field.has_value(); field = reader.Next()) {
    if (field->number == v1::EnvelopeEvent::kEnvelopeIdFieldNumber) {
      return field->bytes;
    }
  }
  return {};
}

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

// The copied event as a record of its own.
ChunkSpan SpanOf(const internal::StoredDeadLetter& copy, Sequence sequence) {
  v1::EnvelopeEvent event;
  event.ParseFromString(copy.event());
  const size_t payload = event.payload().size();
  auto chunk = std::make_shared<Chunk>();
  wire::AppendHeader(v1::SubscribeResponse::kEventsFieldNumber,
                     copy.event().size(), chunk->bytes);
  RecordRef ref{.sequence = sequence};
  ref.receive_time_micros = MicrosOf(event.receive_time());
  ref.event = static_cast<uint32_t>(chunk->bytes.size());
  chunk->bytes.append(copy.event());
  ref.end = static_cast<uint32_t>(chunk->bytes.size());
  ref.payload = ref.end;
  if (payload > 0) {
    ref.payload -= static_cast<uint32_t>(
        wire::HeaderSize(v1::EnvelopeEvent::kPayloadFieldNumber, payload) +
        payload);
  }
  chunk->records.push_back(ref);
  return {.chunk = std::move(chunk), .first = 0, .last = 1};
}

}  // namespace

bool Dispatcher::Picks::Add(Pick pick) {
  const size_t size = pick.chunk->records[pick.index].size();
  const bool follows =
      !list.empty() && list.back().event.sequence.Next() == pick.event.sequence;
  if (room.events == 0 || (!list.empty() && size > room.bytes) ||
      (!follows && room.runs == 0)) {
    return false;
  }
  --room.events;
  room.bytes -= std::min(size, room.bytes);
  if (!follows) --room.runs;
  list.push_back(std::move(pick));
  return true;
}

absl::StatusOr<std::optional<Handout>> Dispatcher::LeaseTo(WorkerKey key,
                                                           Worker& worker) {
  const Sequence end = env_.log.tail().end();
  const size_t available = end.value - std::min(end, position()).value +
                           ready_.size() + lanes_.free().size();
  // So that a few events are spread over the workers that wait for some.
  const size_t share =
      (available + ready_workers_.size() - 1) / ready_workers_.size();
  Picks picks{.list = {},
              .room = {.events = std::min<size_t>(
                           {worker.spec.batch.events_max,
                            worker.spec.outstanding_max - worker.outstanding,
                            std::max<size_t>(share, 1)}),
                       .bytes = worker.spec.batch.bytes_max}};
  absl::Status status = PickWaiting(picks);
  if (status.ok()) status = PickLanes(picks);
  if (status.ok()) status = PickNew(picks);
  if (picks.list.empty()) {
    if (!status.ok()) return FromLog(status);
    return std::nullopt;
  }
  return MakeHandout(key, worker, std::move(picks.list));
}

absl::Status Dispatcher::PickWaiting(Picks& picks) {
  while (!ready_.empty()) {
    const auto waiting = waiting_.find(*ready_.begin());
    const Dispatched event = waiting->second.event;
    const absl::StatusOr<ChunkSpan> span = ReadAgain(event);
    if (absl::IsNotFound(span.status())) {
      EraseWaiting(waiting);
      DropCopy(event);
      Finish(event);
      Lose(1);
      continue;
    }
    if (!span.ok()) return span.status();
    if (!picks.Add(
            {.event = event, .chunk = span->chunk, .index = span->first})) {
      return absl::OkStatus();
    }
    EraseWaiting(waiting);
    picked_.push_back(event.sequence);
    if (event.lane != nullptr) ++event.lane->leased;
  }
  return absl::OkStatus();
}

absl::Status Dispatcher::PickLanes(Picks& picks) {
  while (!lanes_.free().empty() && HasRoom(picks)) {
    Lane& lane = *lanes_.blocked().find(*lanes_.free().begin())->second;
    absl::StatusOr<LaneEvents> events =
        ReadLane(lane, lane.blocked_from, /*count_all=*/false);
    if (!events.ok()) return events.status();
    if (events->first.has_value() && !picks.Add(*events->first)) {
      return absl::OkStatus();
    }
    const uint64_t left =
        events->next.value == 0 ? 0 : std::max<uint64_t>(lane.blocked, 2) - 1;
    MarkBlocked(lane.blocked_from);
    lanes_.SetBlocked(lane, events->next, events->next_micros, left);
    MarkBlocked(events->next);
    if (events->first.has_value() && settings_.by_envelope) {
      Lanes::AddUnsettled(lane, events->first->event.sequence);
      ++lane.leased;
      picks.list.back().event.lane = &lane;
    } else if (left > 0) {
      lanes_.SetFree(lane, true);
    } else {
      lanes_.DropIfEmpty(lane);
    }
  }
  return absl::OkStatus();
}

// Whether one more event may be dispatched.
bool Dispatcher::HasRoom(const Picks& picks) const {
  return unsettled() + picks.list.size() < env_.limits.unsettled_max;
}

absl::StatusOr<LogRange> Dispatcher::ReadNext(size_t events_max,
                                              size_t bytes_max) {
  const ReadLimits limits{.events_max = events_max,
                          .bytes_max = std::min(bytes_max, kReadBytesMax)};
  std::optional<LogRange> recent =
      ahead_.ReadRecent(env_.log, position(), limits);
  if (recent.has_value()) return *std::move(recent);
  absl::StatusOr<LogRange> range = ahead_.Read(env_.log, position(), limits);
  if (absl::IsOutOfRange(range.status())) {
    // Overtaken by retention.
    absl::Status status = ApplyRetention();
    if (!status.ok()) return status;
    range = ahead_.Read(env_.log, position(), limits);
  }
  return range;
}

// Whether an event that the position has not passed, or that is blocked, is in
// a worker's hands or waits: after a seek, a dead letter that was put back.
bool Dispatcher::IsUnsettled(Sequence sequence) const {
  return waiting_.contains(sequence) ||
         std::ranges::binary_search(picked_, sequence) ||
         leases_.FindHolder(sequence) != nullptr;
}

bool Dispatcher::Wants(const Chunk& chunk, const RecordRef& ref) const {
  return ref.receive_time_micros >= head_.begin_micros() &&
         !IsUnsettled(ref.sequence) &&
         (settings_.filter->empty() ||
          settings_.filter->Matches(chunk.BasicEvent(ref)));
}

absl::Status Dispatcher::PickNew(Picks& picks) {
  // Without an order nothing new joins a lane that is left from before: what is
  // blocked in it, which reaches to the position, goes first.
  if (!settings_.by_envelope && !lanes_.blocked().empty()) {
    return absl::OkStatus();
  }
  size_t scanned_bytes = 0;
  while (picks.room.events > 0 && env_.log.tail().end() > position()) {
    if (scanned_bytes >= LogReader::kScanBytesMax) {
      has_more_ = true;
      return absl::OkStatus();
    }
    const absl::StatusOr<LogRange> range =
        ReadNext(std::max(picks.room.events, kReadEventsMin), kReadBytesMax);
    if (!range.ok()) return range.status();
    for (const ChunkSpan& span : range->spans) {
      for (size_t i = span.first; i < span.last; ++i) {
        const RecordRef& ref = span.chunk->records[i];
        scanned_bytes += ref.size();
        if (Wants(*span.chunk, ref) && !PickRecord(span.chunk, i, picks)) {
          return absl::OkStatus();
        }
        peeked_micros_.reset();
        head_.set_position(ref.sequence.value);
      }
    }
  }
  return absl::OkStatus();
}

// Picks the record, or blocks it behind others of its envelope. False: there is
// no room for it.
bool Dispatcher::PickRecord(const std::shared_ptr<const Chunk>& chunk,
                            size_t index, Picks& picks) {
  const RecordRef& ref = chunk->records[index];
  Pick pick{.event = {.sequence = ref.sequence,
                      .receive_micros = ref.receive_time_micros},
            .chunk = chunk,
            .index = index};
  Lane* lane = nullptr;
  if (settings_.by_envelope) {
    lane = &lanes_.Get(EnvelopeIdOf(chunk->BasicEvent(ref)));
    if (!Lanes::IsEmpty(*lane)) {
      lanes_.Block(*lane, ref.sequence, ref.receive_time_micros);
      MarkBlocked(lane->blocked_from);
      return true;
    }
    pick.event.lane = lane;
  }
  if (!HasRoom(picks) || !picks.Add(std::move(pick))) {
    if (lane != nullptr) lanes_.DropIfEmpty(*lane);
    return false;
  }
  if (lane != nullptr) {
    Lanes::AddUnsettled(*lane, ref.sequence);
    ++lane->leased;
  }
  return true;
}

// Looks for the next event that is wanted, so that the position passes over
// what is not, and it is known since when the oldest waits.
absl::Status Dispatcher::Peek() {
  absl::Status status = LookFurther();
  unreadable_ = !status.ok();
  return status;
}

absl::Status Dispatcher::LookFurther() {
  size_t scanned_bytes = 0;
  // The next one is wanted, as a rule, and will be read again.
  size_t events_max = 1;
  while (!peeked_micros_.has_value() && env_.log.tail().end() > position()) {
    if (scanned_bytes >= LogReader::kScanBytesMax) {
      has_more_ = true;
      return absl::OkStatus();
    }
    const absl::StatusOr<LogRange> range =
        ReadNext(std::exchange(events_max, kReadEventsMin), kReadBytesMax);
    if (!range.ok()) return FromLog(range.status());
    for (const ChunkSpan& span : range->spans) {
      for (size_t i = span.first; i < span.last; ++i) {
        const RecordRef& ref = span.chunk->records[i];
        if (Wants(*span.chunk, ref)) {
          peeked_micros_ = ref.receive_time_micros;
          return absl::OkStatus();
        }
        scanned_bytes += ref.size();
        head_.set_position(ref.sequence.value);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ChunkSpan> Dispatcher::ReadAgain(const Dispatched& event) const {
  if (!event.copied) return env_.log.Get(event.sequence);
  const absl::StatusOr<internal::StoredDeadLetter> copy =
      letters_.Get(event.sequence);
  if (!copy.ok()) return copy.status();
  return SpanOf(*copy, event.sequence);
}

// Reads the events of the lane that are wanted, from `from` to the position:
// the first two, or counts all.
absl::StatusOr<Dispatcher::LaneEvents> Dispatcher::ReadLane(
    const Lane& lane, Sequence from, bool count_all) const {
  LaneEvents events;
  Sequence after{from.value - 1};
  while (after < position()) {
    const absl::StatusOr<LogRange> range = env_.log.ReadEnvelopes(
        std::span(lane.envelope_id, 1), after,
        {.events_max = kReadLaneEvents, .bytes_max = kReadBytesMax});
    if (!range.ok()) return range.status();
    for (const ChunkSpan& span : range->spans) {
      for (size_t i = span.first; i < span.last; ++i) {
        const RecordRef& ref = span.chunk->records[i];
        if (ref.sequence > position()) return events;
        if (!Wants(*span.chunk, ref)) continue;
        ++events.count;
        if (events.count == 1) {
          events.first = {.event = {.sequence = ref.sequence,
                                    .receive_micros = ref.receive_time_micros},
                          .chunk = span.chunk,
                          .index = i};
        } else if (events.count == 2) {
          events.next = ref.sequence;
          events.next_micros = ref.receive_time_micros;
          if (!count_all) return events;
        }
      }
    }
    if (range->end <= after) break;
    after = range->end;
  }
  return events;
}

Handout Dispatcher::MakeHandout(WorkerKey key, Worker& worker,
                                std::vector<Pick> picks) {
  std::ranges::sort(picks, {},
                    [](const Pick& pick) { return pick.event.sequence; });
  const int64_t deadline =
      NowMicros() + absl::ToInt64Microseconds(settings_.ack_deadline);
  head_.set_last_lease(head_.last_lease() + 1);
  head_changed_ = true;

  Handout handout{.worker = key,
                  .epoch = head_.epoch(),
                  .lease = head_.last_lease(),
                  .batch = Batch(worker.spec.view, {.events_max = picks.size(),
                                                    .bytes_max = SIZE_MAX}),
                  .delivery = {},
                  .gap = TakeGap()};
  LeaseId id{.epoch = head_.epoch(), .number = handout.lease, .events = {}};
  Lease lease{.number = handout.lease,
              .worker = key,
              .worker_id = worker.spec.worker_id};
  bool first_attempts = true;
  for (const Pick& pick : picks) {
    LeasedEvent& leased = lease.events.emplace_back();
    leased.event = pick.event;
    ++leased.event.attempts;
    leased.deadline_micros = deadline;
    handout.batch.Add(pick.chunk, pick.index);
    handout.delivery.add_attempts(leased.event.attempts);
    first_attempts = first_attempts && leased.event.attempts == 1;
    id.events.push_back(pick.event.sequence);
  }
  if (first_attempts) handout.delivery.clear_attempts();
  handout.delivery.set_delivery_id(EncodeLeaseId(id));
  *handout.delivery.mutable_ack_deadline() =
      ToProto(absl::FromUnixMicros(deadline));
  worker.outstanding += picks.size();
  MarkLease(handout.lease);
  leases_.Add(std::move(lease));
  picked_.clear();
  return handout;
}

std::optional<v1::Gap> Dispatcher::TakeGap() {
  if (head_.gap_lost_events() == 0) return std::nullopt;
  v1::Gap gap;
  gap.set_lost_events(head_.gap_lost_events());
  gap.set_next_sequence(head_.gap_next_sequence());
  head_.clear_gap_lost_events();
  return gap;
}

Dispatcher::Origin Dispatcher::ReadCopy(
    const internal::StoredDeadLetter& copy) {
  v1::EnvelopeEvent event;
  event.ParseFromString(copy.event());
  return {.envelope_id = event.envelope_id(),
          .receive_micros = MicrosOf(event.receive_time())};
}

absl::StatusOr<std::optional<Dispatcher::Origin>> Dispatcher::FindOrigin(
    const Dispatched& event, ReadAhead& ahead) const {
  if (event.copied) {
    const absl::StatusOr<internal::StoredDeadLetter> copy =
        letters_.Get(event.sequence);
    if (!copy.ok()) return copy.status();
    return ReadCopy(*copy);
  }
  const absl::StatusOr<LogRange> range =
      ahead.Read(env_.log, Sequence{event.sequence.value - 1},
                 {.events_max = 1, .bytes_max = SIZE_MAX});
  if (absl::IsOutOfRange(range.status())) return std::nullopt;
  if (!range.ok()) return range.status();
  if (range->spans.empty()) return std::nullopt;
  const ChunkSpan& span = range->spans.front();
  const RecordRef& ref = span.chunk->records[span.first];
  return Origin{
      .envelope_id = std::string(EnvelopeIdOf(span.chunk->BasicEvent(ref))),
      .receive_micros = ref.receive_time_micros};
}

// Completes an event that is not in a lane yet, and lets it join its lane.
void Dispatcher::JoinLane(const Origin& origin, Dispatched& event) {
  event.receive_micros = origin.receive_micros;
  event.lane = nullptr;
  if (!settings_.by_envelope) return;
  event.lane = &lanes_.Get(origin.envelope_id);
  // Another one of the envelope may have its turn no longer.
  if (!event.lane->unsettled.empty()) {
    ready_.erase(event.lane->unsettled.front());
  }
  if (event.lane->blocked > 0) lanes_.SetFree(*event.lane, false);
  Lanes::AddUnsettled(*event.lane, event.sequence);
}

}  // namespace enveloperelay
