#include "server/log/errors.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

TEST(ErrorsTest, ADamagedRecordIsNamedByItsSequence) {
  const absl::Status status =
      CorruptRecord(Sequence{18446744073709551615u}, "bad checksum");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CorruptSequence(status), Sequence{18446744073709551615u});
  EXPECT_THAT(std::string(status.message()),
              ::testing::EndsWith("bad checksum; sequence "
                                  "18446744073709551615"));
}

TEST(ErrorsTest, OtherErrorsNameNoRecord) {
  EXPECT_EQ(CorruptSequence(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(CorruptSequence(absl::DataLossError("x; sequence 1")),
            std::nullopt);
}

}  // namespace
}  // namespace enveloperelay
