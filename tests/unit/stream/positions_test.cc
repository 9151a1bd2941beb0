#include "server/stream/positions.h"

#include <optional>

#include "gtest/gtest.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

TEST(StreamPositionsTest, KnowsTheStreamThatIsFurthestBehind) {
  StreamPositions positions;
  EXPECT_EQ(positions.Hindmost(), std::nullopt);
  StreamPositions::Entry ahead(positions, Sequence{9});
  {
    StreamPositions::Entry behind(positions, Sequence{3});
    EXPECT_EQ(positions.Hindmost(), Sequence{3});
    behind.Set(Sequence{7});
    EXPECT_EQ(positions.Hindmost(), Sequence{7});
    behind.Set(Sequence{12});
    EXPECT_EQ(positions.Hindmost(), Sequence{9});
    ahead.Set(Sequence{20});
    EXPECT_EQ(positions.Hindmost(), Sequence{12});
  }
  EXPECT_EQ(positions.Hindmost(), Sequence{20});
}

}  // namespace
}  // namespace enveloperelay
