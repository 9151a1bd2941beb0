// Mutated heads and bodies against the relay as it is shipped, or as it was
// built with a sanitizer: it answers or closes in time, lives, and stores the
// next good webhook as fast as before.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/hostile_bytes/mutation.h"
#include "tests/integration/hostile_bytes/swarm.h"
#include "tests/support/fixtures.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

using ::testing::IsEmpty;

constexpr char kToken[] = "whtok_0123456789abcdef";
constexpr size_t kMiB = size_t{1024} * 1024;

std::string Target() { return absl::StrCat("/webhooks/signplus/", kToken); }

std::vector<std::string> Bodies() {
  std::vector<std::string> bodies;
  for (Fixture& fixture : LoadFixtures()) {
    bodies.push_back(std::move(fixture.body));
  }
  return bodies;
}

class HostileBytesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(directory_.File("tokens")) << kToken;
    // Of another build than this test's.
    const char* const program = std::getenv("RELAY_BINARY");
    auto relay = RelayProcess::Start(
        {.arguments = {"--ingress-token-file=" + directory_.File("tokens"),
                       "--ingress-header-timeout=2s", "--ingress-body-grace=2s",
                       "--ingress-idle-timeout=2s", "--retention-bytes=64MiB",
                       "--log-recent-bytes-max=8MiB"},
         .program = program != nullptr ? program : ""});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }

  // Posts good webhooks, each a new event on a new connection, and returns
  // how long the one in the middle took.
  absl::Duration Latency() {
    constexpr int kPosts = 15;
    std::vector<absl::Duration> latencies;
    for (int i = 0; i < kPosts; ++i) {
      const std::string body = absl::StrCat(
          R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"good-)",
          ++posts_, R"("}})");
      const absl::Time start = absl::Now();
      const auto answer =
          Fetch(relay_->ingress_port(), RawRequest("POST", Target(), body));
      latencies.push_back(absl::Now() - start);
      EXPECT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer.value_or(RawResponse()).status, 200);
    }
    std::ranges::sort(latencies);
    return latencies[kPosts / 2];
  }

  TempDir directory_;
  std::unique_ptr<RelayProcess> relay_;
  int posts_ = 0;
};

TEST_F(HostileBytesTest, AreAnsweredOrClosedAndDoNoHarm) {
  const size_t count = Soak() ? 1'000'000 : 20'000;
  const uint64_t seed = Seed();
  const absl::Duration before = Latency();
  const size_t memory_before = relay_->ResidentBytes();

  RequestMaker requests(Target(), Bodies(), seed);
  Swarm swarm({.port = relay_->ingress_port(), .seed = seed});
  const absl::Time start = absl::Now();
  swarm.Run(requests, count);
  const absl::Duration took = absl::Now() - start;
  ASSERT_THAT(swarm.problems(), IsEmpty()) << relay_->Log();

  const absl::Duration after = Latency();
  const size_t memory_after = relay_->ResidentBytes();
  std::cout << count << " requests in " << took << "; a good one took "
            << before << " before, " << after << " after; memory "
            << memory_before / kMiB << " MiB, then " << memory_after / kMiB
            << " MiB\n";
  for (const auto& [status, answers] : swarm.answers()) {
    std::cout << "  " << status << ": " << answers << "\n";
  }
  // They reached the parsers, and some of them were as good as before.
  EXPECT_GT(swarm.answers().at(200), 0);
  EXPECT_GT(swarm.answers().at(400), 0);
  EXPECT_LE(after, before * 3 + absl::Milliseconds(100));
  // RocksDB and the quarantine hold what came; AddressSanitizer keeps what is
  // freed for a while, up to 256 MiB.
  EXPECT_LT(memory_after, memory_before + 600 * kMiB);
  // LeakSanitizer and a drain that hangs would show here.
  const auto exit = relay_->Terminate();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0) << relay_->Log();
}

}  // namespace
}  // namespace enveloperelay::testing
