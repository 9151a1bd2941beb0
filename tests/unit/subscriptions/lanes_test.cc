#include "server/subscriptions/lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LanesTest, ALaneIsFoundUntilNothingIsInIt) {
  Lanes lanes;
  EXPECT_EQ(lanes.size(), 0);
  Lane& lane = lanes.Get("a");
  EXPECT_EQ(*lane.envelope_id, "a");
  EXPECT_EQ(&lanes.Get("a"), &lane);
  Lanes::AddUnsettled(lane, Sequence{1});
  lanes.DropIfEmpty(lane);
  EXPECT_EQ(lanes.size(), 1);
  Lanes::RemoveUnsettled(lane, Sequence{1});
  lanes.DropIfEmpty(lane);
  EXPECT_EQ(lanes.size(), 0);
}

TEST(LanesTest, WhatIsUnsettledIsInOrder) {
  Lanes lanes;
  Lane& lane = lanes.Get("a");
  for (const uint64_t sequence : {5, 2, 9}) {
    Lanes::AddUnsettled(lane, Sequence{sequence});
  }
  EXPECT_THAT(lane.unsettled,
              ElementsAre(Sequence{2}, Sequence{5}, Sequence{9}));
  Lanes::RemoveUnsettled(lane, Sequence{5});
  EXPECT_THAT(lane.unsettled, ElementsAre(Sequence{2}, Sequence{9}));
}

TEST(LanesTest, OnlyTheFirstBlockedEventIsRemembered) {
  Lanes lanes;
  Lane& lane = lanes.Get("a");
  lanes.Block(lane, Sequence{3}, /*receive_micros=*/30);
  lanes.Block(lane, Sequence{7}, /*receive_micros=*/70);
  EXPECT_EQ(lane.blocked_from, Sequence{3});
  EXPECT_EQ(lane.blocked_micros, 30);
  EXPECT_EQ(lane.blocked, 2);
  ASSERT_EQ(lanes.blocked().size(), 1);
  EXPECT_EQ(lanes.blocked().begin()->second, &lane);
  EXPECT_THAT(lanes.free(), IsEmpty());
}

TEST(LanesTest, ALaneThatBeginsElsewhereIsNotFreeAnyMore) {
  Lanes lanes;
  Lane& lane = lanes.Get("a");
  lanes.SetBlocked(lane, Sequence{3}, 30, 2);
  lanes.SetFree(lane, true);
  EXPECT_THAT(lanes.free(), ElementsAre(Sequence{3}));
  lanes.SetBlocked(lane, Sequence{7}, 70, 1);
  EXPECT_THAT(lanes.free(), IsEmpty());
  EXPECT_TRUE(lanes.blocked().contains(Sequence{7}));
  lanes.SetBlocked(lane, {}, 0, 0);
  EXPECT_THAT(lanes.blocked(), IsEmpty());
}

TEST(LanesTest, ForgottenUnsettledEventsLeaveWhatIsBlockedFree) {
  Lanes lanes;
  Lane& blocked = lanes.Get("a");
  Lanes::AddUnsettled(blocked, Sequence{1});
  blocked.leased = 1;
  lanes.Block(blocked, Sequence{3}, 30);
  Lanes::AddUnsettled(lanes.Get("b"), Sequence{2});
  lanes.ForgetUnsettled();
  EXPECT_THAT(blocked.unsettled, IsEmpty());
  EXPECT_EQ(blocked.leased, 0);
  EXPECT_THAT(lanes.free(), ElementsAre(Sequence{3}));
  EXPECT_EQ(lanes.size(), 1);
}

}  // namespace
}  // namespace enveloperelay
