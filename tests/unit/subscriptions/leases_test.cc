#include "server/subscriptions/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

LeasedEvent Event(uint64_t sequence, int64_t deadline_micros,
                  bool again = false) {
  LeasedEvent leased;
  leased.event.sequence = Sequence{sequence};
  leased.event.attempts = again ? 2 : 1;
  leased.event.again = again;
  leased.deadline_micros = deadline_micros;
  return leased;
}

Lease MakeLease(uint64_t number, std::vector<LeasedEvent> events) {
  return {.number = number,
          .worker = {},
          .worker_id = "w",
          .events = std::move(events)};
}

TEST(LeasesTest, ALeaseGoesWithItsLastEvent) {
  Leases leases;
  Lease& lease = leases.Add(MakeLease(1, {Event(5, 100), Event(6, 100)}));
  EXPECT_EQ(leases.events(), 2);
  EXPECT_EQ(leases.Take(lease, *Leases::FindHeld(lease, Sequence{5})).sequence,
            Sequence{5});
  EXPECT_EQ(Leases::FindHeld(lease, Sequence{5}), nullptr);
  EXPECT_EQ(leases.Find(1), &lease);
  leases.Take(lease, *Leases::FindHeld(lease, Sequence{6}));
  EXPECT_EQ(leases.Find(1), nullptr);
  EXPECT_EQ(leases.events(), 0);
  EXPECT_EQ(leases.OldestInLog(), nullptr);
  EXPECT_EQ(leases.NextDeadline(), std::nullopt);
}

TEST(LeasesTest, TheOldestEventIsThatOfAllLeases) {
  Leases leases;
  Lease& first = leases.Add(MakeLease(1, {Event(1, 100), Event(6, 100)}));
  Lease& second = leases.Add(MakeLease(2, {Event(3, 100), Event(4, 100)}));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{1});
  leases.Take(first, *Leases::FindHeld(first, Sequence{1}));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{3});
  // One in the middle changes nothing.
  leases.Take(second, *Leases::FindHeld(second, Sequence{4}));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{3});
  leases.Take(second, *Leases::FindHeld(second, Sequence{3}));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{6});
}

TEST(LeasesTest, TheOldestEventIsNoCopy) {
  Leases leases;
  std::vector<LeasedEvent> events = {Event(1, 100), Event(2, 100),
                                     Event(3, 100), Event(4, 100)};
  events[0].event.copied = true;
  events[2].event.copied = true;
  Lease& lease = leases.Add(MakeLease(1, std::move(events)));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{2});
  leases.Take(lease, *Leases::FindHeld(lease, Sequence{1}));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{2});
  leases.Take(lease, *Leases::FindHeld(lease, Sequence{2}));
  EXPECT_EQ(leases.OldestInLog()->sequence, Sequence{4});
  leases.Take(lease, *Leases::FindHeld(lease, Sequence{4}));
  EXPECT_EQ(leases.OldestInLog(), nullptr);
  leases.Take(lease, *Leases::FindHeld(lease, Sequence{3}));
  EXPECT_EQ(leases.Find(1), nullptr);
}

TEST(LeasesTest, OnlyAnEventThatWasDeliveredBeforeHasAHolder) {
  Leases leases;
  Lease& lease =
      leases.Add(MakeLease(7, {Event(1, 100), Event(2, 100, /*again=*/true)}));
  EXPECT_EQ(leases.FindHolder(Sequence{1}), nullptr);
  EXPECT_EQ(leases.FindHolder(Sequence{2}), &lease);
  leases.Take(lease, *Leases::FindHeld(lease, Sequence{2}));
  EXPECT_EQ(leases.FindHolder(Sequence{2}), nullptr);
}

TEST(LeasesTest, ADeadlineThatIsMovedBackIsSeenAtOnce) {
  Leases leases;
  Lease& lease = leases.Add(MakeLease(1, {Event(1, 100), Event(2, 100)}));
  leases.SetDeadline(lease, lease.events[1], 50);
  EXPECT_EQ(leases.NextDeadline(), 50);
}

TEST(LeasesTest, ADeadlineThatIsMovedAwayIsSeenOnceItIsRefreshed) {
  Leases leases;
  Lease& lease = leases.Add(MakeLease(1, {Event(1, 100), Event(2, 100)}));
  leases.Add(MakeLease(2, {Event(3, 150)}));
  leases.SetDeadline(lease, lease.events[0], 300);
  leases.SetDeadline(lease, lease.events[1], 200);
  EXPECT_EQ(leases.Earliest(), &lease);
  leases.Refresh(lease);
  EXPECT_EQ(leases.Earliest()->number, 2);
  EXPECT_EQ(lease.deadline_micros, 200);
}

TEST(LeasesTest, IsStoredAsWhatItHolds) {
  Leases leases;
  LeasedEvent special = Event(9, 500, /*again=*/true);
  special.event.attempts = 4;
  special.event.copied = true;
  special.event.returned_by = 17;
  Lease& lease = leases.Add(
      MakeLease(3, {Event(1, 100), Event(2, 100), Event(7, 100), special}));
  leases.Take(lease, lease.events[0]);
  const std::optional<Lease> read = DecodeLease(3, EncodeLease(lease));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->worker_id, "w");
  ASSERT_EQ(read->events.size(), 3);
  EXPECT_EQ(read->events[0].event.sequence, Sequence{2});
  EXPECT_EQ(read->events[0].event.attempts, 1);
  EXPECT_EQ(read->events[0].deadline_micros, 100);
  EXPECT_EQ(read->events[1].event.sequence, Sequence{7});
  const LeasedEvent& last = read->events[2];
  EXPECT_EQ(last.event.sequence, Sequence{9});
  EXPECT_EQ(last.event.attempts, 4);
  EXPECT_TRUE(last.event.copied);
  EXPECT_EQ(last.event.returned_by, 17);
  EXPECT_EQ(last.deadline_micros, 500);
}

TEST(LeasesTest, WhatIsNoLeaseIsRefused) {
  EXPECT_FALSE(DecodeLease(1, "\xff").has_value());
  EXPECT_FALSE(DecodeLease(1, "").has_value());
}

}  // namespace
}  // namespace enveloperelay
