// envelopectl's commands of durable subscriptions as users run them, on fakes
// of the relay's services.

#include <poll.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/child_process.h"
#include "tests/support/closed_port.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_subscription_service.h"
#include "tests/support/files.h"
#include "tests/support/scripted_event_service.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay {
namespace {

using ::enveloperelay::testing::Answer;
using ::enveloperelay::testing::ChildProcess;
using ::enveloperelay::testing::ClosedPort;
using ::enveloperelay::testing::Command;
using ::enveloperelay::testing::Confirmation;
using ::enveloperelay::testing::ContentOf;
using ::enveloperelay::testing::Delivery;
using ::enveloperelay::testing::Eventually;
using ::enveloperelay::testing::ExitStatus;
using ::enveloperelay::testing::FakeSubscriptionService;
using ::enveloperelay::testing::FinishedCommand;
using ::enveloperelay::testing::Lines;
using ::enveloperelay::testing::Refusal;
using ::enveloperelay::testing::RunCommand;
using ::enveloperelay::testing::ScriptedEventService;
using ::enveloperelay::testing::ScriptedHttpServer;
using ::enveloperelay::testing::SubscriptionAnswers;
using ::enveloperelay::testing::TempDir;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr ExitStatus kSuccess{.code = 0, .signal = 0};
constexpr ExitStatus kFailure{.code = 1, .signal = 0};

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

Command Ctl(const std::string& relay, std::vector<std::string> arguments) {
  return {.program = ENVELOPECTL_BINARY,
          .arguments = std::move(arguments),
          .environment = {{"ENVELOPE_RELAY_GRPC", relay}}};
}

FinishedCommand RunCtl(const std::string& relay,
                       std::vector<std::string> arguments) {
  return RunCommand(Ctl(relay, std::move(arguments)));
}

v1::Subscription Billing() {
  v1::Subscription billing;
  billing.set_name("billing");
  billing.set_backlog(12);
  billing.set_etag("e1");
  return billing;
}

TEST(EnvelopectlSubscriptionsTest, CreatesASubscription) {
  const FakeSubscriptionService relay({.subscription = Billing()});

  const FinishedCommand created =
      RunCtl(relay.address(), {"subscriptions", "create", "billing", "--type",
                               "completed", "--ack-deadline", "1m"});

  EXPECT_EQ(created.status, kSuccess) << created.errors;
  EXPECT_EQ(created.output, Json(Billing()) + "\n");
  EXPECT_THAT(relay.requests(),
              ElementsAre(R"(CreateSubscriptionRequest{"subscription":{"name":)"
                          R"("billing","filter":{"types":)"
                          R"(["EVENT_TYPE_ENVELOPE_COMPLETED"]},)"
                          R"("ackDeadline":"60s"}})"));
}

TEST(EnvelopectlSubscriptionsTest, GetsASubscription) {
  const FakeSubscriptionService relay({.subscription = Billing()});

  const FinishedCommand json =
      RunCtl(relay.address(), {"subscriptions", "get", "billing"});
  const FinishedCommand table = RunCtl(
      relay.address(), {"subscriptions", "get", "billing", "-o", "table"});

  EXPECT_EQ(json.output, Json(Billing()) + "\n") << json.errors;
  EXPECT_THAT(table.output, AllOf(StartsWith("name:              billing\n"
                                             "state:             idle\n"
                                             "backlog:           12\n"),
                                  HasSubstr("etag:              e1\n")));
  EXPECT_THAT(relay.requests(),
              Each(R"(GetSubscriptionRequest{"name":"billing"})"));
}

TEST(EnvelopectlSubscriptionsTest, ListsAllPages) {
  v1::Subscription crm;
  crm.set_name("crm");
  crm.set_paused(true);
  *crm.mutable_oldest_unsettled_time() =
      google::protobuf::util::TimeUtil::GetCurrentTime() -
      google::protobuf::util::TimeUtil::HoursToDuration(50);
  const FakeSubscriptionService relay({.subscriptions = {{Billing()}, {crm}}});

  const FinishedCommand json =
      RunCtl(relay.address(), {"subscriptions", "list"});
  const FinishedCommand table =
      RunCtl(relay.address(), {"subscriptions", "list", "-o", "table"});

  EXPECT_EQ(json.output, Json(Billing()) + "\n" + Json(crm) + "\n")
      << json.errors;
  EXPECT_THAT(Lines(table.output),
              ElementsAre(StartsWith("NAME         BACKLOG  OUTSTANDING"),
                          AllOf(StartsWith("billing           12"),
                                HasSubstr("  -  "), EndsWith("idle")),
                          AllOf(StartsWith("crm "), HasSubstr("  2d2h  "),
                                EndsWith("paused"))));
}

TEST(EnvelopectlSubscriptionsTest, UpdatesWhatIsGiven) {
  const FakeSubscriptionService relay({.subscription = Billing()});

  const FinishedCommand updated =
      RunCtl(relay.address(), {"subscriptions", "update", "billing",
                               "--max-attempts", "unlimited", "--etag", "e0"});

  EXPECT_EQ(updated.status, kSuccess) << updated.errors;
  EXPECT_THAT(relay.requests(),
              ElementsAre(R"(UpdateSubscriptionRequest{"subscription":{"name":)"
                          R"("billing","maxAttempts":-1,"etag":"e0"},)"
                          R"("updateMask":"maxAttempts"})"));
}

TEST(EnvelopectlSubscriptionsTest, PausesAndResumes) {
  const FakeSubscriptionService relay({.subscription = Billing()});

  EXPECT_EQ(
      RunCtl(relay.address(), {"subscriptions", "pause", "billing"}).status,
      kSuccess);
  EXPECT_EQ(
      RunCtl(relay.address(), {"subscriptions", "resume", "billing"}).status,
      kSuccess);

  EXPECT_THAT(relay.requests(),
              ElementsAre(R"(UpdateSubscriptionRequest{"subscription":{"name":)"
                          R"("billing","paused":true},"updateMask":"paused"})",
                          R"(UpdateSubscriptionRequest{"subscription":{"name":)"
                          R"("billing"},"updateMask":"paused"})"));
}

TEST(EnvelopectlSubscriptionsTest, SeeksToAPlace) {
  const FakeSubscriptionService relay({.subscription = Billing()});

  const FinishedCommand sought =
      RunCtl(relay.address(),
             {"subscriptions", "seek", "billing", "--from", "earliest"});

  EXPECT_EQ(sought.output, Json(Billing()) + "\n") << sought.errors;
  EXPECT_THAT(relay.requests(),
              ElementsAre(R"(SeekSubscriptionRequest{"name":"billing",)"
                          R"("start":"START_POSITION_EARLIEST"})"));
}

TEST(EnvelopectlSubscriptionsTest, DeletesASubscription) {
  const FakeSubscriptionService relay({});

  const FinishedCommand table =
      RunCtl(relay.address(), {"subscriptions", "delete", "billing", "--etag",
                               "e1", "--output", "table"});
  const FinishedCommand json =
      RunCtl(relay.address(), {"subscriptions", "delete", "billing"});

  EXPECT_EQ(table.output, "deleted billing\n") << table.errors;
  EXPECT_EQ(json.output, "{}\n");
  EXPECT_THAT(
      relay.requests(),
      ElementsAre(R"(DeleteSubscriptionRequest{"name":"billing","etag":"e1"})",
                  R"(DeleteSubscriptionRequest{"name":"billing"})"));
}

TEST(EnvelopectlSubscriptionsTest, ListsDeadLettersOfAllPages) {
  v1::DeadLetter first;
  first.mutable_event()->set_sequence(42);
  first.set_reason("HTTP 422");
  v1::DeadLetter second;
  second.mutable_event()->set_sequence(57);
  const FakeSubscriptionService relay({.dead_letters = {{first}, {second}}});

  const FinishedCommand json =
      RunCtl(relay.address(), {"dead-letters", "list", "billing"});
  const FinishedCommand table = RunCtl(
      relay.address(), {"dead-letters", "list", "billing", "-o", "table"});

  EXPECT_EQ(json.output, Json(first) + "\n" + Json(second) + "\n")
      << json.errors;
  EXPECT_THAT(Lines(table.output),
              ElementsAre(StartsWith(" SEQUENCE  TYPE"),
                          AllOf(StartsWith("       42"), EndsWith("HTTP 422")),
                          StartsWith("       57")));
  EXPECT_THAT(
      relay.requests(),
      ElementsAre(
          HasSubstr("EVENT_VIEW_FULL"),
          AllOf(HasSubstr("EVENT_VIEW_FULL"), HasSubstr(R"("pageToken":"1")")),
          HasSubstr("EVENT_VIEW_BASIC"), HasSubstr("pageToken")));
}

TEST(EnvelopectlSubscriptionsTest, ReplaysDeadLetters) {
  const FakeSubscriptionService relay({.count = 2});

  const FinishedCommand some =
      RunCtl(relay.address(),
             {"dead-letters", "replay", "billing", "42", "57", "-o", "table"});
  const FinishedCommand dry =
      RunCtl(relay.address(), {"dead-letters", "replay", "billing", "--all",
                               "--max-count", "2", "--dry-run", "-o", "table"});
  const FinishedCommand json =
      RunCtl(relay.address(), {"dead-letters", "replay", "billing", "--all"});

  EXPECT_EQ(some.output, "2 dead letters replayed\n") << some.errors;
  EXPECT_EQ(dry.output, "2 dead letters would be replayed\n") << dry.errors;
  EXPECT_EQ(json.output, "{\"replayed\":2}\n") << json.errors;
  EXPECT_THAT(
      relay.requests(),
      ElementsAre(R"(ReplayDeadLettersRequest{"subscription":"billing",)"
                  R"("sequences":["42","57"]})",
                  R"(ReplayDeadLettersRequest{"subscription":"billing",)"
                  R"("all":true,"maxCount":2,"dryRun":true})",
                  R"(ReplayDeadLettersRequest{"subscription":"billing",)"
                  R"("all":true})"));
}

TEST(EnvelopectlSubscriptionsTest, DeletesDeadLetters) {
  const FakeSubscriptionService relay({.count = 1});

  const FinishedCommand table =
      RunCtl(relay.address(),
             {"dead-letters", "delete", "billing", "42", "-o", "table"});

  EXPECT_EQ(table.output, "1 dead letter deleted\n") << table.errors;
  EXPECT_THAT(relay.requests(),
              ElementsAre(R"(DeleteDeadLettersRequest{"subscription":)"
                          R"("billing","sequences":["42"]})"));
}

TEST(EnvelopectlSubscriptionsTest, SaysWhatToDoAboutARefusal) {
  const FakeSubscriptionService relay(
      {.status = Refusal(grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND",
                         {{"subscription", "billing"}})});
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"subscriptions", "create", "billing"},
           {"subscriptions", "get", "billing"},
           {"subscriptions", "list"},
           {"subscriptions", "update", "billing", "--paused"},
           {"subscriptions", "delete", "billing"},
           {"subscriptions", "seek", "billing", "--from", "latest"},
           {"dead-letters", "list", "billing"},
           {"dead-letters", "replay", "billing", "1"},
           {"dead-letters", "delete", "billing", "1"}}) {
    const FinishedCommand finished = RunCtl(relay.address(), arguments);

    EXPECT_EQ(finished.status, kFailure);
    EXPECT_THAT(finished.errors,
                EndsWith("create it: envelopectl subscriptions create "
                         "billing\n"));
  }
}

TEST(EnvelopectlSubscriptionsTest, SaysWhatToDoWhenThereIsNoRelay) {
  const ClosedPort port;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"subscriptions", "list"},
                                             {"dead-letters", "list", "a"},
                                             {"consume", "a"}}) {
    const FinishedCommand finished = RunCtl(port.address(), arguments);

    EXPECT_EQ(finished.status, kFailure);
    EXPECT_THAT(finished.errors,
                AllOf(HasSubstr("cannot reach the relay at " + port.address()),
                      HasSubstr("connection refused; is it running?")));
  }
}

// Events of different envelopes, with the sequences 1 to `count`.
std::vector<v1::EnvelopeEvent> Events(uint64_t count) {
  std::vector<v1::EnvelopeEvent> events;
  for (uint64_t sequence = 1; sequence <= count; ++sequence) {
    v1::EnvelopeEvent& event = events.emplace_back();
    event.set_event_id(absl::StrCat("id-", sequence));
    event.set_sequence(sequence);
    event.set_envelope_id(absl::StrCat("envelope-", sequence));
    event.set_payload(absl::StrFormat(R"({"number": %u})", sequence));
  }
  return events;
}

// Delivers `events` to the first worker.
std::vector<ScriptedEventService::Act> Deliver(
    const std::vector<v1::EnvelopeEvent>& events) {
  return {[events](ScriptedEventService::Call& call) {
            v1::SubscribeResponse response = Delivery("d", {});
            response.mutable_events()->Add(events.begin(), events.end());
            call.Send(Confirmation(0));
            call.Send(response);
            return call.Silence();
          },
          // A worker that was stopped opens another stream at its end.
          [](ScriptedEventService::Call& call) {
            call.Send(Confirmation(0));
            return call.Silence();
          }};
}

// "DONE", "RETRY after 7s: HTTP 429", "DEAD_LETTER: exit code 3".
std::string Text(const v1::Settlement& settlement) {
  std::string text =
      v1::AckAction_Name(settlement.action()).substr(sizeof("ACK_ACTION"));
  if (settlement.has_delay()) {
    absl::StrAppend(&text, " after ", settlement.delay().seconds(), "s");
  }
  if (!settlement.reason().empty()) {
    absl::StrAppend(&text, ": ", settlement.reason());
  }
  return text;
}

// How each of the events 1 to `count` was settled; "" if it was not.
std::vector<std::string> Settled(const ScriptedEventService& relay,
                                 size_t count) {
  std::vector<std::string> texts(count);
  for (const v1::AcknowledgeRequest& request : relay.acknowledgements()) {
    for (const v1::Settlement& settlement : request.settlements()) {
      for (const uint64_t sequence : settlement.sequences()) {
        texts.at(sequence - 1) = Text(settlement);
      }
      if (!settlement.sequences().empty()) continue;
      for (std::string& text : texts) {  // all that are left
        if (text.empty()) text = Text(settlement);
      }
    }
  }
  return texts;
}

TEST(EnvelopectlConsumeTest, PrintsEventsAndSettlesThemAsDone) {
  const ScriptedEventService relay(Deliver(Events(3)));

  const FinishedCommand consumed =
      RunCtl(relay.address(), {"consume", "billing", "--limit", "3"});

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  std::string expected;
  for (const v1::EnvelopeEvent& event : Events(3)) {
    expected += Json(event) + "\n";
  }
  EXPECT_EQ(consumed.output, expected);
  EXPECT_EQ(consumed.errors, "");
  EXPECT_THAT(Settled(relay, 3), ElementsAre("DONE", "DONE", "DONE"));
}

TEST(EnvelopectlConsumeTest, PrintsATableForPeople) {
  const ScriptedEventService relay(Deliver(Events(1)));

  const FinishedCommand consumed = RunCtl(
      relay.address(), {"consume", "billing", "--limit", "1", "-o", "table"});

  EXPECT_THAT(
      Lines(consumed.output),
      ElementsAre(StartsWith(" SEQUENCE  RECEIVED"),
                  AllOf(StartsWith("        1  "), EndsWith("envelope-1"))));
}

TEST(EnvelopectlConsumeTest, AsksForWhatItsOptionsSay) {
  const ScriptedEventService relay(Deliver(Events(1)));

  RunCtl(relay.address(), {"consume", "billing", "--limit", "1", "--worker-id",
                           "w", "--max-outstanding", "7", "--view", "basic"});

  ASSERT_THAT(relay.requests(), SizeIs(2));
  const v1::SubscribeRequest request = relay.requests()[0];
  EXPECT_EQ(request.subscription(), "billing");
  EXPECT_EQ(request.worker_id(), "w");
  EXPECT_EQ(request.max_outstanding_events(), 7);
  EXPECT_EQ(request.view(), v1::EVENT_VIEW_BASIC);
}

TEST(EnvelopectlConsumeTest, GivesBackWhatIsOverItsLimit) {
  const ScriptedEventService relay(Deliver(Events(3)));

  const FinishedCommand consumed =
      RunCtl(relay.address(), {"consume", "billing", "--limit", "2"});

  EXPECT_THAT(Lines(consumed.output), SizeIs(2));
  EXPECT_THAT(Settled(relay, 3), ElementsAre("DONE", "DONE", "RELEASE"));
}

TEST(EnvelopectlConsumeTest, DoesNotSettleAsDoneWhatItCouldNotPrint) {
  const ScriptedEventService relay(Deliver(Events(1)));
  Command command = Ctl(relay.address(), {"consume", "billing"});
  const TempDir directory;
  command.output_file = "/dev/full";
  command.error_file = directory.File("errors");

  ChildProcess consumer(command);

  EXPECT_EQ(consumer.Wait(absl::Minutes(1)), kFailure);
  EXPECT_THAT(ContentOf(command.error_file),
              HasSubstr("No space left on device"));
  EXPECT_THAT(Settled(relay, 1),
              ElementsAre(StartsWith("RETRY: cannot write")));
}

TEST(EnvelopectlConsumeTest, SaysWhatToDoAboutAMissingSubscription) {
  const ScriptedEventService relay({[](ScriptedEventService::Call&) {
    return Refusal(grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND",
                   {{"subscription", "billing"}});
  }});

  const FinishedCommand consumed =
      RunCtl(relay.address(), {"consume", "billing"});

  EXPECT_EQ(consumed.status, kFailure);
  EXPECT_THAT(consumed.errors,
              EndsWith("create it: envelopectl subscriptions create "
                       "billing\n"));
}

// Begins each command below: $n is the number of the event.
constexpr char kReadNumber[] =
    R"(read line; n=${line#*'"sequence":"'}; n=${n%%'"'*}; )";

TEST(EnvelopectlConsumeTest, SettlesAsACommandExits) {
  const ScriptedEventService relay(Deliver(Events(5)));

  const FinishedCommand consumed =
      RunCtl(relay.address(),
             {"consume", "billing", "--limit", "5", "--exec",
              absl::StrCat(kReadNumber,
                           "case $n in 1) exit 0;; 2) exit 75;; 3) exit 3;; "
                           "4) kill -9 $$;; 5) exec /nowhere/nothing;; esac")});

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  EXPECT_THAT(
      Settled(relay, 5),
      ElementsAre("DONE", "RETRY: exit code 75", "DEAD_LETTER: exit code 3",
                  "DEAD_LETTER: signal 9", "DEAD_LETTER: exit code 127"));
  EXPECT_THAT(Lines(consumed.output),
              ElementsAre(HasSubstr(R"("sequence":"1")")));
  EXPECT_THAT(consumed.errors,
              AllOf(HasSubstr("envelopectl: event 2 will be tried again: exit "
                              "code 75\n"),
                    HasSubstr("envelopectl: event 3 is now a dead letter: "
                              "exit code 3\n")));
}

TEST(EnvelopectlConsumeTest, GivesACommandTheEventAsJson) {
  const ScriptedEventService relay(Deliver(Events(2)));
  const TempDir directory;

  const FinishedCommand consumed =
      RunCtl(relay.address(), {"consume", "billing", "--limit", "2", "--exec",
                               "cat >> " + directory.File("events")});

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  EXPECT_EQ(ContentOf(directory.File("events")),
            Json(Events(2)[0]) + "\n" + Json(Events(2)[1]) + "\n");
  EXPECT_EQ(consumed.output, ContentOf(directory.File("events")));
}

TEST(EnvelopectlConsumeTest, TakesACommandThatDoesNotReadTheEvent) {
  std::vector<v1::EnvelopeEvent> events = Events(1);
  events[0].set_payload(std::string(1'000'000, 'x'));
  const ScriptedEventService relay(Deliver(events));

  const FinishedCommand consumed =
      RunCtl(relay.address(),
             {"consume", "billing", "--limit", "1", "--exec", "true"});

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  EXPECT_THAT(Settled(relay, 1), ElementsAre("DONE"));
}

TEST(EnvelopectlConsumeTest, PassesWhatACommandPrintsToStandardError) {
  const ScriptedEventService relay(Deliver(Events(1)));

  const FinishedCommand consumed =
      RunCtl(relay.address(), {"consume", "billing", "--limit", "1", "--exec",
                               "echo printed; echo complained >&2"});

  EXPECT_EQ(consumed.errors, "printed\ncomplained\n");
  EXPECT_EQ(consumed.output, Json(Events(1)[0]) + "\n");
}

TEST(EnvelopectlConsumeTest, KeepsATerminalsSignalsFromACommand) {
  const ScriptedEventService relay(Deliver(Events(1)));

  // The fifth field is the process group, which a terminal signals as a whole.
  RunCtl(relay.address(), {"consume", "billing", "--limit", "1", "--exec",
                           "test $(cut -d ' ' -f 5 /proc/$$/stat) = $$"});

  EXPECT_THAT(Settled(relay, 1), ElementsAre("DONE"));
}

TEST(EnvelopectlConsumeTest, StartsACommandWithTheUsualSignals) {
  const ScriptedEventService relay(Deliver(Events(2)));

  // We ignore the one and block the other.
  RunCtl(relay.address(),
         {"consume", "billing", "--limit", "2", "--exec",
          absl::StrCat(kReadNumber,
                       "case $n in 1) kill -PIPE $$;; 2) kill -TERM $$;; "
                       "esac")});

  EXPECT_THAT(Settled(relay, 2),
              ElementsAre("DEAD_LETTER: signal 13", "DEAD_LETTER: signal 15"));
}

TEST(EnvelopectlConsumeTest, RunsCommandsAtTheSameTime) {
  const ScriptedEventService relay(Deliver(Events(2)));
  const TempDir directory;
  ASSERT_EQ(mkfifo(directory.File("meet").c_str(), 0600), 0);

  // Each end of the pipe waits for the other.
  const FinishedCommand consumed = RunCtl(
      relay.address(),
      {"consume", "billing", "--limit", "2", "--concurrency", "2", "--exec",
       absl::StrCat(kReadNumber, "case $n in 1) echo > ",
                    directory.File("meet"), ";; 2) read x < ",
                    directory.File("meet"), ";; esac")});

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  EXPECT_THAT(Settled(relay, 2), ElementsAre("DONE", "DONE"));
}

TEST(EnvelopectlConsumeTest, EndsCleanlyAtASignal) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const ScriptedEventService relay(Deliver(Events(3)));
    const TempDir directory;
    ASSERT_EQ(mkfifo(directory.File("go").c_str(), 0600), 0);
    Command command =
        Ctl(relay.address(),
            {"consume", "billing", "--exec",
             absl::StrFormat("touch %s; read x < %s", directory.File("begun"),
                             directory.File("go"))});
    command.error_file = directory.File("errors");
    ChildProcess consumer(command);
    ASSERT_TRUE(Eventually([&] {
      return std::filesystem::exists(directory.File("begun"));
    })) << ContentOf(command.error_file);

    consumer.Signal(signal);
    // What was not begun is given back before the command has ended.
    ASSERT_TRUE(Eventually([&] {
      return Settled(relay, 3) ==
             std::vector<std::string>({"", "RELEASE", "RELEASE"});
    }));
    std::ofstream(directory.File("go")) << "go\n";

    EXPECT_EQ(consumer.Wait(absl::Minutes(1)), kSuccess);
    EXPECT_THAT(Settled(relay, 3), ElementsAre("DONE", "RELEASE", "RELEASE"));
    EXPECT_EQ(ContentOf(command.error_file), "");
  }
}

TEST(EnvelopectlConsumeTest, EndsAtASignalWhileNobodyAnswers) {
  using boost::asio::ip::tcp;
  boost::asio::io_context io;
  tcp::acceptor mute(io,
                     tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  ChildProcess consumer(
      Ctl(absl::StrCat("127.0.0.1:", mute.local_endpoint().port()),
          {"consume", "billing"}));
  pollfd called = {.fd = mute.native_handle(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&called, 1, /*milliseconds=*/60'000), 1);

  consumer.Signal(SIGINT);

  // Sooner than it gives up by itself.
  EXPECT_EQ(consumer.Wait(absl::Seconds(15)), kSuccess);
}

FinishedCommand Forward(const ScriptedEventService& relay,
                        const std::string& endpoint, int limit) {
  return RunCtl(
      relay.address(),
      {"consume", "billing", "--limit", absl::StrCat(limit), "--forward",
       absl::StrFormat("http://%s/hooks?a=b", endpoint)});
}

TEST(EnvelopectlConsumeTest, ForwardsTheBodyAsItWasReceived) {
  const std::string traceparent =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  std::vector<v1::EnvelopeEvent> events = Events(2);
  events[1].set_traceparent(traceparent);
  const ScriptedEventService relay(Deliver(events));
  const ScriptedHttpServer endpoint({Answer("200 OK"), Answer("204 Gone On")});

  const FinishedCommand consumed = Forward(relay, endpoint.address(), 2);

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  ASSERT_THAT(endpoint.requests(), SizeIs(2));
  const ScriptedHttpServer::Request request = endpoint.requests()[1];
  EXPECT_EQ(request.method_string(), "POST");
  EXPECT_EQ(request.target(), "/hooks?a=b");
  EXPECT_EQ(request["Host"], endpoint.address());
  EXPECT_EQ(request["Content-Type"], "application/json");
  EXPECT_EQ(request["Envelope-Relay-Event-Id"], "id-2");
  EXPECT_EQ(request["Envelope-Relay-Sequence"], "2");
  EXPECT_EQ(request["traceparent"], traceparent);
  // An older relay has stored none.
  EXPECT_EQ(endpoint.requests()[0].count("traceparent"), 0U);
  EXPECT_EQ(request.body(), R"({"number": 2})");
  EXPECT_THAT(Settled(relay, 2), ElementsAre("DONE", "DONE"));
  EXPECT_THAT(Lines(consumed.output), SizeIs(2));
}

TEST(EnvelopectlConsumeTest, SettlesAsAnEndpointAnswers) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {Answer("201 Created"), "DONE"},
      {Answer("408 Request Timeout"), "RETRY: HTTP 408 Request Timeout"},
      {Answer("425 Too Early"), "RETRY: HTTP 425 Too Early"},
      {Answer("429 Too Many Requests", "Retry-After: 7\r\n"),
       "RETRY after 7s: HTTP 429 Too Many Requests"},
      {Answer("500 Internal Server Error"),
       "RETRY: HTTP 500 Internal Server Error"},
      {Answer("503 Service Unavailable", "Retry-After: 30\r\n"),
       "RETRY after 30s: HTTP 503 Service Unavailable"},
      {Answer("302 Found", "Location: /\r\n"), "RETRY: HTTP 302 Found"},
      {Answer("400 Bad Request"), "DEAD_LETTER: HTTP 400 Bad Request"},
      {Answer("404 Not Found"), "DEAD_LETTER: HTTP 404 Not Found"},
      {Answer("422 Unprocessable Entity"),
       "DEAD_LETTER: HTTP 422 Unprocessable Entity"}};
  std::vector<std::string> answers;
  std::vector<std::string> expected;
  for (const auto& [answer, settlement] : rows) {
    answers.push_back(answer);
    expected.push_back(settlement);
  }
  const ScriptedEventService relay(Deliver(Events(rows.size())));
  const ScriptedHttpServer endpoint(answers);

  const FinishedCommand consumed =
      Forward(relay, endpoint.address(), static_cast<int>(rows.size()));

  EXPECT_EQ(consumed.status, kSuccess) << consumed.errors;
  EXPECT_EQ(Settled(relay, rows.size()), expected);
  EXPECT_THAT(consumed.errors,
              HasSubstr("event 4 will be tried again after 7s: HTTP 429 Too "
                        "Many Requests\n"));
}

TEST(EnvelopectlConsumeTest, RetriesWhenNobodyAnswers) {
  const ScriptedEventService refused(Deliver(Events(1)));
  const ScriptedEventService broken(Deliver(Events(1)));
  const ClosedPort port;
  const ScriptedHttpServer mute({});

  Forward(refused, port.address(), 1);
  Forward(broken, mute.address(), 1);

  EXPECT_THAT(Settled(refused, 1),
              ElementsAre(StartsWith("RETRY: cannot reach the endpoint at " +
                                     port.address())));
  EXPECT_THAT(Settled(broken, 1),
              ElementsAre(StartsWith("RETRY: the connection broke at ")));
}

}  // namespace
}  // namespace enveloperelay
