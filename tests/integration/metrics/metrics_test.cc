// What a relay's metrics say is what has happened.
#include <sys/statvfs.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/log/embedded_log.h"
#include "server/log/state_store.h"
#include "server/subscriptions/state.h"
#include "tests/integration/metrics/metrics_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/metrics_page.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::Le;

const MetricsPage::Labels kBilling = {{"subscription", "billing"}};

double Seconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}
double Seconds(const google::protobuf::Timestamp& time) {
  return static_cast<double>(time.seconds()) + 1e-9 * time.nanos();
}

size_t EntriesOf(const std::string& directory) {
  const std::filesystem::directory_iterator begin(directory);
  return static_cast<size_t>(std::distance(begin, {}));
}

class MetricsTest : public MetricsRelayTest {
 protected:
  // Posts a webhook; returns the status.
  int PostBody(const std::string& body) const {
    const auto response = Fetch(relay_->ingress_port(),
                                RawRequest("POST", "/webhooks/signplus", body));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->status : 0;
  }
  static std::string Voided(const std::string& envelope_id) {
    return absl::StrCat(
        R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":")",
        envelope_id, R"("}})");
  }
};

TEST_F(MetricsTest, CountWebhooks) {
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  const double begin = Seconds(absl::Now());
  const std::vector<std::string> bodies = {Voided("a"), Voided("b"),
                                           Voided("a"), R"({"hook":{}})"};
  EXPECT_EQ(PostBody(bodies[0]), 200);
  EXPECT_EQ(PostBody(bodies[1]), 200);
  EXPECT_EQ(PostBody(bodies[2]), 200);
  EXPECT_EQ(PostBody(bodies[3]), 422);
  const double end = Seconds(absl::Now());
  // Counted when the answer has left.
  ASSERT_TRUE(Becomes("envelope_relay_ingress_ack_duration_seconds_count", 3));

  const MetricsPage page = Scrape();
  const auto requests = [&page](const char* status, const char* reason) {
    return page.Value("envelope_relay_ingress_requests_total",
                      {{"status", status}, {"reason", reason}});
  };
  EXPECT_EQ(requests("200", "STORED"), 2);
  EXPECT_EQ(requests("200", "DUPLICATE"), 1);
  EXPECT_EQ(requests("422", "NOT_AN_ENVELOPE_EVENT"), 1);
  EXPECT_EQ(requests("400", "MALFORMED_JSON"), 0);
  EXPECT_THAT(page.Value("envelope_relay_ingress_ack_duration_seconds_sum"),
              AllOf(Gt(0), Le(end - begin)));
  size_t bytes = 0;
  for (const std::string& body : bodies) bytes += body.size();
  EXPECT_EQ(page.Value("envelope_relay_ingress_body_bytes_total"), bytes);
  EXPECT_THAT(page.Value("envelope_relay_ingress_last_event_timestamp_seconds",
                         {{"type", "ENVELOPE_VOIDED"}}),
              AllOf(Ge(begin - 1e-3), Le(end)));
  EXPECT_EQ(page.Value("envelope_relay_ingress_last_event_timestamp_seconds",
                       {{"type", "ENVELOPE_COMPLETED"}}),
            0);
  EXPECT_EQ(page.Value("envelope_relay_quarantine_kept_total",
                       {{"reason", "NOT_AN_ENVELOPE_EVENT"}}),
            1);
  EXPECT_EQ(page.Value("envelope_relay_quarantine_bodies"), 1);
  EXPECT_EQ(page.Value("envelope_relay_quarantine_bytes"), bodies[3].size());
  ExpectNoComplaint(page);
}

TEST_F(MetricsTest, DescribeTheLogAcrossARestart) {
  ASSERT_NO_FATAL_FAILURE(
      StartRelay({"--retention-age=2h", "--retention-bytes=1GiB"}));
  const MetricsPage before = Scrape();
  const double begin = Seconds(absl::Now());
  for (const char* const id : {"a", "b", "c", "a"}) {
    EXPECT_EQ(PostBody(Voided(id)), 200);
  }
  const double end = Seconds(absl::Now());
  ASSERT_TRUE(Becomes("envelope_relay_log_waiting_appends", 0));
  MetricsPage page = Scrape();
  EXPECT_EQ(page.Value("envelope_relay_log_appended_total"), 3);
  EXPECT_EQ(page.Value("envelope_relay_log_duplicates_total"), 1);
  EXPECT_EQ(page.Value("envelope_relay_log_commit_duration_seconds_count"), 3);
  constexpr char kSyncs[] = "envelope_relay_log_fsync_duration_seconds_count";
  EXPECT_EQ(page.Value(kSyncs) - before.Value(kSyncs), 3);
  // A sync is part of its commit, and that happened meanwhile.
  constexpr char kSyncTime[] = "envelope_relay_log_fsync_duration_seconds_sum";
  const double commit_time =
      page.Value("envelope_relay_log_commit_duration_seconds_sum");
  EXPECT_THAT(page.Value(kSyncTime) - before.Value(kSyncTime),
              AllOf(Gt(0), Le(commit_time)));
  EXPECT_LE(commit_time, end - begin);
  EXPECT_EQ(page.Value("envelope_relay_log_latest_sequence"), 3);
  EXPECT_EQ(page.Value("envelope_relay_log_earliest_sequence"), 1);
  const double latest =
      page.Value("envelope_relay_log_latest_event_timestamp_seconds");
  const double earliest =
      page.Value("envelope_relay_log_earliest_event_timestamp_seconds");
  EXPECT_THAT(earliest, AllOf(Ge(begin - 1e-3), Le(latest)));
  EXPECT_LE(latest, end);
  EXPECT_EQ(page.Value("envelope_relay_log_retention_limit_seconds"), 7200);
  EXPECT_EQ(page.Value("envelope_relay_log_retention_limit_bytes"), 1 << 30);

  ASSERT_EQ(relay_->Terminate()->code, 0);
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  page = Scrape();
  EXPECT_EQ(page.Value("envelope_relay_log_latest_event_timestamp_seconds"),
            latest);
  EXPECT_EQ(page.Value("envelope_relay_log_earliest_event_timestamp_seconds"),
            earliest);
  EXPECT_EQ(page.Value("envelope_relay_ingress_last_event_timestamp_seconds",
                       {{"type", "ENVELOPE_VOIDED"}}),
            0);
  EXPECT_EQ(page.Value("envelope_relay_log_retention_limit_bytes"), 0);
}

TEST_F(MetricsTest, DescribeTheDisk) {
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  struct statvfs stats = {};
  ASSERT_EQ(statvfs(relay_->data_dir().c_str(), &stats), 0);
  const auto unit = static_cast<double>(stats.f_frsize);
  const MetricsPage page = Scrape();
  EXPECT_EQ(page.Value("envelope_relay_log_filesystem_bytes"),
            static_cast<double>(stats.f_blocks) * unit);
  // Others write to it, too.
  EXPECT_THAT(page.Value("envelope_relay_log_free_bytes"),
              DoubleNear(static_cast<double>(stats.f_bavail) * unit, 2e9));
  EXPECT_GT(page.Value("envelope_relay_log_disk_bytes"), 4096);
  EXPECT_EQ(page.Value("envelope_relay_ready"), 1);
}

TEST_F(MetricsTest, SayThatItIsNotReady) {
  ASSERT_NO_FATAL_FAILURE(StartRelay({"--disk-reserve-bytes=1TiB"}));
  EXPECT_EQ(Value("envelope_relay_ready"), 0);
}

TEST_F(MetricsTest, MeasureTheDelayOfFirstDeliveries) {
  constexpr char kCount[] = "envelope_relay_delivery_delay_seconds_count";
  constexpr char kSum[] = "envelope_relay_delivery_delay_seconds_sum";
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  const absl::Time begin = absl::Now();
  PostOf({"a", "b", "c"});
  const absl::Time stored = absl::Now();
  EXPECT_EQ(Value(kCount), 0);
  const absl::Time asked = absl::Now();
  for (int i = 0; i < 2; ++i) {
    EventStream stream(channel_, FromEarliest());
    size_t events = 0;
    while (events < 3) {
      const auto batch = stream.NextBatch();
      ASSERT_TRUE(batch.has_value());
      events += static_cast<size_t>(batch->events_size());
    }
  }
  const MetricsPage page = Scrape();
  EXPECT_EQ(page.Value(kCount), 3);
  EXPECT_THAT(page.Value(kSum),
              AllOf(Ge(3 * absl::ToDoubleSeconds(asked - stored)),
                    Le(3 * absl::ToDoubleSeconds(absl::Now() - begin))));
  EXPECT_EQ(page.Value("envelope_relay_stream_deliveries_total"), 6);

  // What an earlier process may have delivered is not counted.
  ASSERT_EQ(relay_->Terminate()->code, 0);
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  EventStream stream(channel_, FromEarliest());
  const auto batch = stream.NextBatch();
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->events_size(), 3);
  PostOf({"d"});
  ASSERT_TRUE(stream.NextBatch().has_value());
  EXPECT_EQ(Value(kCount), 1);
}

TEST_F(MetricsTest, KnowHowFarTheSlowestStreamIsBehind) {
  constexpr char kBacklog[] = "envelope_relay_stream_backlog_events";
  constexpr size_t kEvents = 100;
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  EXPECT_EQ(Value(kBacklog), 0);
  // More than a client takes that reads nothing.
  Post({.count = kEvents, .padding_bytes = 200'000});
  {
    v1::SubscribeRequest request = FromEarliest();
    request.set_max_batch_events(1);
    EventStream slow(channel_, request);
    EventStream quick(NewChannel(), {});
    ASSERT_TRUE(slow.Next().has_value());
    ASSERT_TRUE(quick.Next().has_value());
    ASSERT_TRUE(Eventually([&] {
      const double backlog = Value(kBacklog);
      return backlog > 0 && backlog < kEvents;
    }));
    for (size_t i = 0; i < kEvents; ++i) {
      ASSERT_TRUE(slow.NextBatch().has_value());
    }
    EXPECT_EQ(Value(kBacklog), 0);
    EXPECT_EQ(Value("envelope_relay_streams"), 2);
  }
  EXPECT_TRUE(Becomes("envelope_relay_streams", 0));
  EXPECT_EQ(Value(kBacklog), 0);
}

TEST_F(MetricsTest, DescribeASubscriptionAsItsServiceDoes) {
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  Create();
  EventStream worker(channel_, As("worker-1"));
  ASSERT_TRUE(worker.Next().has_value());
  PostOf({"a", "b", "c", "d"});
  // By sequence.
  for (size_t settled = 0; settled < 4;) {
    const auto batch = worker.NextBatch();
    ASSERT_TRUE(batch.has_value());
    for (const v1::EnvelopeEvent& event : batch->events()) {
      const uint64_t sequence = event.sequence();
      ++settled;
      if (sequence == 4) continue;
      v1::Settlement settlement =
          Make(*batch,
               sequence == 1   ? v1::ACK_ACTION_DONE
               : sequence == 2 ? v1::ACK_ACTION_RETRY
                               : v1::ACK_ACTION_DEAD_LETTER,
               {sequence});
      if (sequence == 2) settlement.mutable_delay()->set_seconds(3600);
      if (sequence == 3) settlement.set_reason("test");
      EXPECT_EQ(Settle(settlement), v1::SETTLEMENT_STATUS_OK);
    }
  }
  constexpr char kDeadLetters[] = "envelope_relay_subscription_dead_letters";
  ASSERT_TRUE(Becomes(kDeadLetters, 1, kBilling));
  ASSERT_TRUE(
      Becomes("envelope_relay_subscription_retrying_events", 1, kBilling));

  const auto expect_as_told = [this](const v1::Subscription& told) {
    const MetricsPage page = Scrape();
    const auto value = [&page](const std::string& name) {
      return page.Value("envelope_relay_subscription_" + name, kBilling);
    };
    EXPECT_EQ(value("backlog_events"), told.backlog());
    EXPECT_EQ(value("outstanding_events"), told.outstanding());
    EXPECT_EQ(value("retrying_events"), told.retrying());
    EXPECT_EQ(value("dead_letters"), told.dead_letters());
    EXPECT_EQ(value("lost_events_total"), told.lost_events());
    EXPECT_NEAR(value("oldest_unsettled_timestamp_seconds"),
                Seconds(told.oldest_unsettled_time()), 1e-5);
  };
  const v1::Subscription told = GetBilling();
  EXPECT_EQ(told.backlog(), 3);
  EXPECT_EQ(told.outstanding(), 1);
  EXPECT_EQ(told.retrying(), 1);
  EXPECT_EQ(told.dead_letters(), 1);
  expect_as_told(told);
  ExpectNoComplaint(Scrape());

  // Also when nobody has used it since a start.
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  ASSERT_TRUE(
      Eventually([&] { return !Scrape().Samples(kDeadLetters).empty(); }));
  expect_as_told(told);
}

TEST_F(MetricsTest, CountWhatRetentionTakes) {
  ASSERT_NO_FATAL_FAILURE(StartRelay({"--retention-age=1s"}));
  Create();
  PostOf({"a", "b", "c"});
  // Retention is applied every ten seconds.
  EXPECT_TRUE(Becomes("envelope_relay_log_retention_removed_total", 3));
  EXPECT_TRUE(
      Becomes("envelope_relay_subscription_lost_events_total", 3, kBilling));
  const MetricsPage page = Scrape();
  EXPECT_EQ(page.Value("envelope_relay_subscription_backlog_events", kBilling),
            0);
  EXPECT_EQ(page.Value("envelope_relay_log_earliest_event_timestamp_seconds"),
            0);
  EXPECT_GT(page.Value("envelope_relay_log_latest_event_timestamp_seconds"), 0);
}

// Makes the state of a subscription unreadable, while the relay is down.
void Damage(const std::string& subscription, const std::string& data_dir) {
  EmbeddedLogOptions options;
  options.data_dir = data_dir;
  prometheus::Registry registry;
  auto log = EmbeddedLog::Open(std::move(options), Clock::Real(), registry);
  ASSERT_TRUE(log.ok()) << log.status();
  const absl::Status written =
      WriteAndWait((*log)->state(),
                   {SetKey(StateTable::kSubscriptions,
                           StateKey(StateKind::kHead, subscription), "\xff")});
  ASSERT_TRUE(written.ok()) << written;
}

TEST_F(MetricsTest, LeaveOutASubscriptionThatCannotBeRead) {
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  Create();
  v1::Subscription other = Billing();
  other.set_name("other");
  Create(other);
  ASSERT_EQ(relay_->Terminate()->code, 0);
  ASSERT_NO_FATAL_FAILURE(Damage("billing", relay_->data_dir()));
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  // It comes after "billing".
  ASSERT_TRUE(Becomes("envelope_relay_subscription_backlog_events", 0,
                      {{"subscription", "other"}}));
  EXPECT_EQ(
      Scrape().Samples("envelope_relay_subscription_backlog_events").size(), 1);
  const std::string log = relay_->Log();
  const std::string line = "subscription cannot be read subscription=billing";
  const size_t first = log.find(line);
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(log.find(line, first + 1), std::string::npos);
}

// Scrapes, again and again, on a thread of its own, until it is told to stop or
// nobody answers. Each answer is a whole page.
class Scraper {
 public:
  explicit Scraper(uint16_t port) : thread_([this, port] { Run(port); }) {}
  ~Scraper() { Stop(); }
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int pages() const { return pages_; }

 private:
  void Run(uint16_t port) {
    while (!stop_) {
      const auto response = Fetch(port, RawRequest("GET", "/metrics"));
      if (!response.ok()) return;
      EXPECT_EQ(response->status, 200);
      EXPECT_EQ(MetricsPage(response->body)
                    .Samples("envelope_relay_build_info")
                    .size(),
                1);
      ++pages_;
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<int> pages_ = 0;
  std::thread thread_;  // the last, for it uses the others
};

TEST_F(MetricsTest, AreThereWhileSubscriptionsComeAndGoAndWhileItDrains) {
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  Scraper scrapers[] = {Scraper(relay_->admin_port()),
                        Scraper(relay_->admin_port())};
  const auto scrapes_go_on = [&scrapers] {
    const int first = scrapers[0].pages();
    const int second = scrapers[1].pages();
    return Eventually([&] {
      return scrapers[0].pages() > first + 1 &&
             scrapers[1].pages() > second + 1;
    });
  };
  for (int round = 0; round < 20; ++round) {
    Create();
    PostOf({"a", "b"});
    ASSERT_TRUE(
        Becomes("envelope_relay_subscription_dead_letters", 0, kBilling));
    v1::DeleteSubscriptionRequest request;
    request.set_name("billing");
    v1::DeleteSubscriptionResponse response;
    ExpectOk(Call(&Subscriptions::DeleteSubscription, request, response));
    EXPECT_TRUE(
        Scrape().Samples("envelope_relay_subscription_dead_letters").empty());
  }
  EXPECT_TRUE(scrapes_go_on());

  // It drains for as long as a webhook is on its way.
  Create();
  auto webhook = RawConnection::Connect(relay_->ingress_port());
  ASSERT_TRUE(webhook.ok()) << webhook.status();
  const std::string body = Voided("c");
  ASSERT_TRUE(webhook
                  ->Send(absl::StrCat("POST /webhooks/signplus HTTP/1.1\r\n"
                                      "Host: relay\r\n"
                                      "Expect: 100-continue\r\n"
                                      "Content-Length: ",
                                      body.size(), "\r\n\r\n"))
                  .ok());
  const auto proceed = webhook->Read();
  ASSERT_TRUE(proceed.ok()) << proceed.status();
  ASSERT_EQ(proceed->status, 100);
  relay_->Signal(SIGTERM);
  ASSERT_TRUE(relay_->WaitForLog("draining").ok());
  EXPECT_TRUE(scrapes_go_on());
  EXPECT_EQ(Value("envelope_relay_ready"), 0);
  ASSERT_TRUE(webhook->Send(body).ok());
  const auto answer = webhook->Read();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  webhook->FinishSending();
  const auto exit = relay_->WaitForExit();
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0);
}

TEST_F(MetricsTest, DescribeTheProcess) {
  const double begin = Seconds(absl::Now());
  ASSERT_NO_FATAL_FAILURE(StartRelay());
  const std::string proc = absl::StrCat("/proc/", relay_->pid());
  const MetricsPage page = Scrape();
  EXPECT_THAT(page.Value("process_start_time_seconds"),
              AllOf(Ge(begin - 1), Le(Seconds(absl::Now()) + 1)));
  EXPECT_EQ(page.Value("process_threads"), EntriesOf(proc + "/task"));
  // The connection of the scrape comes and goes.
  EXPECT_NEAR(page.Value("process_open_fds"), EntriesOf(proc + "/fd"), 2);
  EXPECT_GT(page.Value("process_max_fds"), page.Value("process_open_fds"));
  const auto resident = static_cast<double>(relay_->ResidentBytes());
  EXPECT_NEAR(page.Value("process_resident_memory_bytes"), resident,
              resident / 2);
  EXPECT_GT(page.Value("process_virtual_memory_bytes"), resident);
  EXPECT_GT(page.Value("process_cpu_seconds_total"), 0);
  ASSERT_EQ(page.Samples("envelope_relay_build_info").size(), 1);
  EXPECT_EQ(page.Samples("envelope_relay_build_info")[0].value, 1);
}

class CertificateMetricsTest : public MetricsTest {
 protected:
  void WriteServer(absl::Duration valid_until) const {
    const TestIdentity server = ca_.Issue({.dns_names = {"localhost"},
                                           .ip_addresses = {"127.0.0.1"},
                                           .valid_until = valid_until},
                                          TestCa::Use::kServer);
    WriteFileAtOnce(directory_.File("server.crt"), server.certificate);
    WriteFileAtOnce(directory_.File("server.key"), server.key);
  }
  std::vector<std::string> Flags(const std::string& port) const {
    return {"--" + port + "-tls-cert-file=" + directory_.File("server.crt"),
            "--" + port + "-tls-key-file=" + directory_.File("server.key")};
  }
  static double NotAfter(const MetricsPage& page, const std::string& port) {
    return page.Value(
        "envelope_relay_tls_certificate_not_after_timestamp_seconds",
        {{"port", port}});
  }
  static double In(absl::Duration duration) {
    return Seconds(absl::Now() + duration);
  }

  TestCa ca_;
  TempDir directory_;
};

TEST_F(CertificateMetricsTest, FollowTheCertificatesInForce) {
  WriteServer(absl::Hours(24));
  std::vector<std::string> arguments = Flags("ingress");
  for (const std::string& flag : Flags("grpc")) arguments.push_back(flag);
  ASSERT_NO_FATAL_FAILURE(StartRelay(std::move(arguments)));
  MetricsPage page = Scrape();
  EXPECT_NEAR(NotAfter(page, "ingress"), In(absl::Hours(24)), 120);
  EXPECT_EQ(NotAfter(page, "grpc"), NotAfter(page, "ingress"));
  EXPECT_EQ(NotAfter(page, "admin"), 0);
  WriteServer(absl::Hours(48));
  const double soon = In(absl::Hours(36));
  ASSERT_TRUE(Eventually([&] {
    page = Scrape();
    return NotAfter(page, "ingress") > soon && NotAfter(page, "grpc") > soon;
  }));
  EXPECT_NEAR(NotAfter(page, "ingress"), In(absl::Hours(48)), 120);
  // A broken one is not in force.
  WriteFileAtOnce(directory_.File("server.crt"), "broken");
  ASSERT_TRUE(relay_->WaitForLog("server.crt").ok());
  EXPECT_GT(NotAfter(Scrape(), "ingress"), soon);
}

TEST_F(CertificateMetricsTest, HaveThatOfTheAdminPort) {
  WriteServer(absl::Hours(24));
  ASSERT_NO_FATAL_FAILURE(StartRelay(Flags("admin")));
  auto connection = RawTlsConnection::Connect(relay_->admin_port(),
                                              {.ca = ca_.certificate()});
  ASSERT_TRUE(connection.ok()) << connection.status();
  ASSERT_TRUE(connection->Send(RawRequest("GET", "/metrics")).ok());
  const auto response = connection->Read();
  ASSERT_TRUE(response.ok()) << response.status();
  const MetricsPage page(response->body);
  EXPECT_NEAR(NotAfter(page, "admin"), In(absl::Hours(24)), 120);
  EXPECT_EQ(NotAfter(page, "ingress"), 0);
  EXPECT_EQ(NotAfter(page, "grpc"), 0);
}

}  // namespace
}  // namespace enveloperelay::testing
