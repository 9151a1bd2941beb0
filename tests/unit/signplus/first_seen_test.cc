#include "server/signplus/first_seen.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

class FirstSeenTest : public ::testing::Test {
 protected:
  void See(NameKind kind, std::string_view name) {
    first_seen_.See(kind, name, "of the webhook");
  }

  std::vector<std::pair<NameKind, std::string>> told_;
  FirstSeen first_seen_{[this](NameKind kind, const std::string& name,
                               std::string_view traceparent) {
    EXPECT_EQ(traceparent, "of the webhook");
    told_.emplace_back(kind, name);
  }};
};

TEST_F(FirstSeenTest, TellsEachNameOfAKindOnce) {
  for (int i = 0; i < 3; ++i) {
    See(NameKind::kEvent, "a");
    See(NameKind::kEvent, "b");
    See(NameKind::kField, "a");
  }
  EXPECT_THAT(told_, ElementsAre(Pair(NameKind::kEvent, "a"),
                                 Pair(NameKind::kEvent, "b"),
                                 Pair(NameKind::kField, "a")));
}

TEST_F(FirstSeenTest, EscapesWhatIsNotPrintable) {
  See(NameKind::kAction, "a\n'\"\x1b[1m\xc3\xa9");
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].second, R"(a\n\'\"\x1b[1m\xc3\xa9)");
}

TEST_F(FirstSeenTest, CutsLongNamesBetweenCharacters) {
  See(NameKind::kField, std::string(1000, 'a'));
  See(NameKind::kField, std::string(1001, 'a'));
  See(NameKind::kField, std::string(63, 'b') + "\xc3\xa9");
  EXPECT_THAT(told_, ElementsAre(Pair(NameKind::kField, std::string(64, 'a')),
                                 Pair(NameKind::kField, std::string(63, 'b'))));
}

TEST_F(FirstSeenTest, IsBounded) {
  for (int i = 0; i < 1000; ++i) {
    See(NameKind::kField, std::to_string(i));
  }
  EXPECT_THAT(told_, SizeIs(FirstSeen::kNamesMax));
  for (int i = 0; i < 1000; ++i) {
    See(NameKind::kField, std::to_string(i));
  }
  EXPECT_THAT(told_, SizeIs(FirstSeen::kNamesMax));
}

TEST(NameKindTest, HasAName) {
  EXPECT_EQ(ToString(NameKind::kEvent), "event");
  EXPECT_EQ(ToString(NameKind::kAction), "action");
  EXPECT_EQ(ToString(NameKind::kField), "field");
}

}  // namespace
}  // namespace enveloperelay
