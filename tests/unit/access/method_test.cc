#include "server/access/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(MethodTest, EachMethodIsNamedByItsName) {
  for (const Method method : MethodsNamed("*")) {
    EXPECT_THAT(MethodsNamed(NameOf(method)), ElementsAre(method));
    EXPECT_THAT(MethodNames(), HasSubstr(std::string(NameOf(method))));
  }
}

TEST(MethodTest, AGroupIsWhatItsUsersNeed) {
  EXPECT_THAT(MethodsNamed("read"),
              ElementsAre(Method::kSubscribe, Method::kListEvents,
                          Method::kGetEvent, Method::kGetLog));
  EXPECT_THAT(MethodsNamed("consume"),
              ElementsAre(Method::kConsume, Method::kAcknowledge,
                          Method::kGetSubscription));
}

TEST(MethodTest, NoGroupButAllHasWhatShowsTheServersInside) {
  for (const std::string_view group : {"read", "consume", "manage"}) {
    EXPECT_FALSE(MethodsNamed(group).contains(Method::kChannelz));
    EXPECT_FALSE(MethodsNamed(group).contains(Method::kReflection));
  }
  EXPECT_TRUE(MethodsNamed("*").contains(Method::kChannelz));
}

TEST(MethodTest, ManagingIsNotReading) {
  for (const Method method : MethodsNamed("manage")) {
    EXPECT_TRUE(ConcernsSubscription(method)) << NameOf(method);
  }
  EXPECT_FALSE(MethodsNamed("manage").contains(Method::kConsume));
  EXPECT_FALSE(MethodsNamed("manage").contains(Method::kSubscribe));
}

TEST(MethodTest, AnUnknownNameIsNoMethod) {
  for (const std::string_view name : {"", "subscribe", "Read", "Subscribe "}) {
    EXPECT_THAT(MethodsNamed(name), IsEmpty()) << name;
  }
  EXPECT_THAT(MethodsNamed("Subscribe"), Not(IsEmpty()));
}

}  // namespace
}  // namespace enveloperelay
