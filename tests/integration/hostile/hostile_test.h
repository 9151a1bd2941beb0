#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_HOSTILE_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_HOSTILE_TEST_H_

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/hostile/good_client.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {

// The relay as it is shipped, with one client that uses it as it should be used
// and others, at other addresses, that do not.
class HostileTest : public ::testing::Test {
 protected:
  // How long an attack that could go on for ever does.
  static constexpr absl::Duration kAttack = absl::Milliseconds(700);
  static constexpr size_t kMiB = size_t{1024} * 1024;

  void Start(std::vector<std::string> arguments,
             std::optional<RawTlsOptions> tls = {}) {
    RaiseLimitOfOpenFiles();
    auto relay = RelayProcess::Start({.arguments = std::move(arguments)});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    good_client_ = std::make_unique<GoodClient>(*relay_, std::move(tls));
  }

  // Runs the attack while the good client is at work, and compares with a round
  // of peace. Afterwards nothing is left of the attack.
  void Endure(const std::function<void()>& attack) {
    const GoodRound peace = good_client_->Round([] {});
    EXPECT_THAT(peace.errors, ::testing::IsEmpty());
    const size_t bytes_before = relay_->ResidentBytes();
    size_t bytes_after = 0;
    const GoodRound war = good_client_->Round([&] {
      attack();
      bytes_after = relay_->ResidentBytes();
    });
    std::cout << "answers within " << peace.slowest_answer << ", then "
              << war.slowest_answer << "; events within " << peace.slowest_event
              << ", then " << war.slowest_event << "; memory "
              << bytes_before / kMiB << " MiB, then " << bytes_after / kMiB
              << "\n";
    EXPECT_THAT(war.errors, ::testing::IsEmpty());
    EXPECT_LT(war.slowest_answer, peace.slowest_answer + absl::Seconds(1));
    EXPECT_LT(war.slowest_event, peace.slowest_event + absl::Seconds(1));
    EXPECT_LT(bytes_after, bytes_before + bytes_allowed_ + kSanitizerBytes);
    // Its own connection is all that is left.
    EXPECT_TRUE(Eventually([this] { return Connections() <= 1; }));
    EXPECT_THAT(good_client_->Round([] {}).errors, ::testing::IsEmpty());
  }

  // A connection from another address than the good client's.
  RawConnection Stranger(const std::string& from = "127.0.1.1") const {
    auto connection = RawConnection::Connect(relay_->ingress_port(), from);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  // Many of them, so many from each address.
  std::vector<RawConnection> Crowd(int count, int from_each = 500) const {
    std::vector<RawConnection> crowd;
    for (int i = 0; i < count; ++i) {
      crowd.push_back(Stranger(absl::StrCat("127.0.1.", 1 + i / from_each)));
    }
    return crowd;
  }

  // Runs `attack` on several threads at once, over and over until kAttack has
  // passed; it gets a new connection each time.
  void Storm(int threads, const std::function<void(RawConnection)>& attack) {
    const absl::Time end = absl::Now() + kAttack;
    std::vector<std::thread> attackers;
    attackers.reserve(static_cast<size_t>(threads));
    for (int i = 0; i < threads; ++i) {
      attackers.emplace_back([this, &attack, end] {
        while (absl::Now() < end) attack(Stranger());
      });
    }
    for (std::thread& attacker : attackers) attacker.join();
  }

  // Reads the next answer and expects it to be the last one.
  static void ExpectLastAnswer(RawConnection& connection, int status) {
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, status) << response->body;
    EXPECT_EQ(response->Field("connection"), "close");
    EXPECT_TRUE(connection.EndsWithin(RawConnection::kPatience));
  }

#ifdef __SANITIZE_ADDRESS__
  // It holds on to what was freed.
  static constexpr size_t kSanitizerBytes = 1024 * kMiB;
#else
  static constexpr size_t kSanitizerBytes = 0;
#endif

  // More memory than this must not be taken.
  size_t bytes_allowed_ = 64 * kMiB;
  std::unique_ptr<RelayProcess> relay_;

 private:
  // Each end of a connection takes a descriptor.
  static void RaiseLimitOfOpenFiles() {
    rlimit limit = {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }

  // Those that the ingress has open.
  double Connections() const {
    const auto metrics =
        Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
    if (!metrics.ok()) return -1;
    const std::string name = "\nenvelope_relay_ingress_connections ";
    const size_t at = metrics->body.find(name);
    return at == std::string::npos
               ? -1
               : std::stod(metrics->body.substr(at + name.size()));
  }

  std::unique_ptr<GoodClient> good_client_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_HOSTILE_TEST_H_
