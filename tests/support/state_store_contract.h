#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_STATE_STORE_CONTRACT_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_STATE_STORE_CONTRACT_H_

// What every StateStore does. One file of a test program runs it over one:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StateStoreContract,
//                            ::testing::Values(&MakeMemoryStateUnderTest));

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/state_store.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {

// A store without state.
class StateStoreUnderTest {
 public:
  virtual ~StateStoreUnderTest() = default;
  virtual StateStore& store() = 0;
};

using StateStoreFactory = std::unique_ptr<StateStoreUnderTest> (*)();

class StateStoreContract : public ::testing::TestWithParam<StateStoreFactory> {
 protected:
  static constexpr StateTable kTable = StateTable::kSubscriptions;
  static constexpr StateTable kOther = StateTable::kDeadLetters;

  StateStore& store() { return under_test_->store(); }

  void Write(std::vector<StateChange> changes) {
    const absl::Status written = WriteAndWait(store(), std::move(changes));
    EXPECT_TRUE(written.ok()) << written;
  }
  // Sets each of these keys to itself.
  void Fill(const std::vector<std::string>& keys) {
    std::vector<StateChange> changes;
    for (const std::string& key : keys) {
      changes.push_back(SetKey(kTable, key, key));
    }
    Write(std::move(changes));
  }
  // The keys from `begin` to before `end`; the first `keys_max` of them.
  std::vector<std::string> Keys(std::string_view begin, std::string_view end,
                                size_t keys_max = SIZE_MAX) {
    std::vector<std::string> keys;
    const absl::Status scanned = store().Scan(
        kTable, begin, end,
        [&keys, keys_max](std::string_view key, std::string_view /*value*/) {
          keys.emplace_back(key);
          return keys.size() < keys_max;
        });
    EXPECT_TRUE(scanned.ok()) << scanned;
    return keys;
  }

 private:
  std::unique_ptr<StateStoreUnderTest> under_test_ = GetParam()();
};

TEST_P(StateStoreContract, IsEmptyAtFirst) {
  EXPECT_EQ(store().Get(kTable, "key").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(AllState(store(), kTable), ::testing::IsEmpty());
  EXPECT_THAT(AllState(store(), kOther), ::testing::IsEmpty());
}

TEST_P(StateStoreContract, ReturnsTheValueThatWasSetLast) {
  Write({SetKey(kTable, "key", "first")});
  Write({SetKey(kTable, "key", "second")});
  EXPECT_EQ(store().Get(kTable, "key").value(), "second");
}

TEST_P(StateStoreContract, KeepsAnyBytes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  Write({SetKey(kTable, bytes, bytes), SetKey(kTable, "", "of no key"),
         SetKey(kTable, "no value", "")});
  EXPECT_EQ(store().Get(kTable, bytes).value(), bytes);
  EXPECT_EQ(store().Get(kTable, "").value(), "of no key");
  EXPECT_EQ(store().Get(kTable, "no value").value(), "");
}

TEST_P(StateStoreContract, TablesHaveKeysOfTheirOwn) {
  Write({SetKey(kTable, "key", "here"), SetKey(kOther, "key", "there"),
         SetKey(StateTable::kQuarantine, "key", "elsewhere")});
  Write({RemoveRange(kTable, "a", "z")});
  EXPECT_EQ(store().Get(kTable, "key").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(store().Get(kOther, "key").value(), "there");
  EXPECT_EQ(store().Get(StateTable::kQuarantine, "key").value(), "elsewhere");
}

TEST_P(StateStoreContract, RemovesAKeyThatMayBeMissing) {
  Fill({"a", "b"});
  Write({RemoveKey(kTable, "a"), RemoveKey(kTable, "missing")});
  EXPECT_THAT(Keys("", "z"), ::testing::ElementsAre("b"));
}

TEST_P(StateStoreContract, RemovesARangeUpToBeforeItsEnd) {
  Fill({"a", "b", "b1", "c", "d"});
  Write({RemoveRange(kTable, "b", "d")});
  EXPECT_THAT(Keys("", "z"), ::testing::ElementsAre("a", "d"));
}

TEST_P(StateStoreContract, ARangeThatEndsBeforeItBeginsRemovesNothing) {
  Fill({"a", "b", "c"});
  Write({RemoveRange(kTable, "b", "b"), RemoveRange(kTable, "c", "a")});
  EXPECT_THAT(Keys("", "z"), ::testing::ElementsAre("a", "b", "c"));
}

TEST_P(StateStoreContract, AppliesTheChangesOfAWriteInTheirOrder) {
  Write({SetKey(kTable, "a", "1"), RemoveRange(kTable, "a", "z"),
         SetKey(kTable, "b", "1"), SetKey(kTable, "b", "2"),
         SetKey(kTable, "c", "1"), RemoveKey(kTable, "c")});
  EXPECT_THAT(AllState(store(), kTable),
              ::testing::ElementsAre(::testing::Pair("b", "2")));
}

TEST_P(StateStoreContract, AppliesAndAnswersWritesInTheOrderOfHandingIn) {
  std::vector<int> answered;
  for (int i = 0; i < 100; ++i) {
    store().Write({SetKey(kTable, "key", absl::StrCat(i))},
                  [&answered, i](const absl::Status& status) {
                    EXPECT_TRUE(status.ok()) << status;
                    answered.push_back(i);
                  });
  }
  Write({});
  ASSERT_EQ(answered.size(), 100);
  EXPECT_TRUE(std::ranges::is_sorted(answered));
  EXPECT_EQ(store().Get(kTable, "key").value(), "99");
}

TEST_P(StateStoreContract, AWriteCanBeReadWhenItIsAnswered) {
  absl::StatusOr<std::string> read;
  store().Write({SetKey(kTable, "key", "value")},
                [this, &read](const absl::Status& /*status*/) {
                  read = store().Get(kTable, "key");
                });
  Write({});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, "value");
}

TEST_P(StateStoreContract, AWriteMayFollowFromAnAnswer) {
  absl::Status second = absl::UnknownError("not answered");
  store().Write({SetKey(kTable, "key", "first")},
                [this, &second](const absl::Status& /*status*/) {
                  store().Write({SetKey(kTable, "key", "second")},
                                [&second](absl::Status status) {
                                  second = std::move(status);
                                });
                });
  // After the first is answered, and after what was handed in by that.
  Write({});
  Write({});
  EXPECT_TRUE(second.ok()) << second;
  EXPECT_EQ(store().Get(kTable, "key").value(), "second");
}

TEST_P(StateStoreContract, ScansFromItsBeginToBeforeItsEnd) {
  Fill({"c", "a", "b2", "b", "d"});
  EXPECT_THAT(Keys("", "z"), ::testing::ElementsAre("a", "b", "b2", "c", "d"));
  EXPECT_THAT(Keys("b", "d"), ::testing::ElementsAre("b", "b2", "c"));
  EXPECT_THAT(Keys("b1", "c"), ::testing::ElementsAre("b2"));
  EXPECT_THAT(Keys("d", "b"), ::testing::IsEmpty());
  EXPECT_THAT(Keys("a", "a"), ::testing::IsEmpty());
}

TEST_P(StateStoreContract, ScansInTheOrderOfUnsignedBytes) {
  Fill({"\xff", "\x80", "\x7f", "a"});
  EXPECT_THAT(Keys("", "\xff\xff"),
              ::testing::ElementsAre("a", "\x7f", "\x80", "\xff"));
}

TEST_P(StateStoreContract, AScanEndsWhenItIsToldTo) {
  Fill({"a", "b", "c"});
  EXPECT_THAT(Keys("", "z", 2), ::testing::ElementsAre("a", "b"));
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_STATE_STORE_CONTRACT_H_
