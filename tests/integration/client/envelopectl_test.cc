// envelopectl as users run it, on the real relay.

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "boost/json/parse.hpp"
#include "boost/json/value.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child_process.h"
#include "tests/support/closed_port.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace enveloperelay {
namespace {

using ::enveloperelay::testing::ChildProcess;
using ::enveloperelay::testing::ClosedPort;
using ::enveloperelay::testing::Command;
using ::enveloperelay::testing::ContentOf;
using ::enveloperelay::testing::Eventually;
using ::enveloperelay::testing::ExitStatus;
using ::enveloperelay::testing::FinishedCommand;
using ::enveloperelay::testing::Lines;
using ::enveloperelay::testing::RelayOptions;
using ::enveloperelay::testing::RelayProcess;
using ::enveloperelay::testing::RunCommand;
using ::enveloperelay::testing::TempDir;
using ::enveloperelay::testing::TestCa;
using ::enveloperelay::testing::TestIdentity;
using ::enveloperelay::testing::WriteFileAtOnce;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr ExitStatus kSuccess{.code = 0, .signal = 0};
constexpr ExitStatus kFailure{.code = 1, .signal = 0};

// Field `name` of each line, all of which are JSON objects.
std::vector<std::string> Fields(std::string_view text, const char* name) {
  std::vector<std::string> values;
  for (const std::string& line : Lines(text)) {
    const boost::json::value event = boost::json::parse(line);
    values.emplace_back(event.at(name).as_string());
  }
  return values;
}

std::vector<std::string> Numbers(size_t first, size_t last) {
  std::vector<std::string> numbers;
  for (size_t i = first; i <= last; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

class EnvelopectlTest : public ::testing::Test {
 protected:
  void SetUp() override { StartRelay({}); }

  void StartRelay(RelayOptions options) {
    auto relay = RelayProcess::Start(std::move(options));
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }

  Command Ctl(std::vector<std::string> arguments) const {
    return {.program = ENVELOPECTL_BINARY,
            .arguments = std::move(arguments),
            .environment = Addresses()};
  }
  FinishedCommand Run(std::vector<std::string> arguments) const {
    return RunCommand(Ctl(std::move(arguments)));
  }
  // Runs a line of bash in which $ctl is the program.
  FinishedCommand RunShell(const std::string& line) const {
    std::map<std::string, std::string> environment = Addresses();
    environment["ctl"] = ENVELOPECTL_BINARY;
    environment["dir"] = directory_.path();
    return RunCommand({.program = "/bin/bash",
                       .arguments = {"-o", "pipefail", "-c", line},
                       .environment = std::move(environment)});
  }
  void Send(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "send");
    const FinishedCommand sent = Run(std::move(arguments));
    ASSERT_EQ(sent.status, kSuccess) << sent.errors;
  }

  std::map<std::string, std::string> Addresses() const {
    return {{"ENVELOPE_RELAY_GRPC", relay_->grpc_target()},
            {"ENVELOPE_RELAY_INGRESS",
             absl::StrFormat("127.0.0.1:%d", relay_->ingress_port())}};
  }

  TempDir directory_;
  std::unique_ptr<RelayProcess> relay_;
};

TEST_F(EnvelopectlTest, SendsEveryDocumentedWebhook) {
  const FinishedCommand sent = Run({"send", "--event", "all"});
  const FinishedCommand listed = Run({"list"});

  EXPECT_EQ(sent.status, kSuccess) << sent.errors;
  EXPECT_EQ(Fields(sent.output, "sequence"), Numbers(1, 7));
  EXPECT_EQ(Fields(sent.output, "event_id"), Fields(listed.output, "eventId"));
  EXPECT_EQ(Fields(sent.output, "traceparent"),
            Fields(listed.output, "traceparent"));
  EXPECT_THAT(
      Fields(listed.output, "type"),
      ElementsAre(
          "EVENT_TYPE_ENVELOPE_AUDIT_TRAIL", "EVENT_TYPE_ENVELOPE_AUDIT_TRAIL",
          "EVENT_TYPE_ENVELOPE_AUDIT_TRAIL", "EVENT_TYPE_ENVELOPE_COMPLETED",
          "EVENT_TYPE_ENVELOPE_EXPIRED", "EVENT_TYPE_ENVELOPE_DECLINED",
          "EVENT_TYPE_ENVELOPE_VOIDED"));
}

TEST_F(EnvelopectlTest, SendsSamplesThatAreNoDuplicates) {
  const FinishedCommand sent =
      Run({"send", "--count", "50", "--envelope-id", "e1"});

  EXPECT_EQ(sent.status, kSuccess) << sent.errors;
  EXPECT_EQ(Fields(sent.output, "sequence"), Numbers(1, 50));
  EXPECT_THAT(Lines(sent.output), Each(HasSubstr("\"duplicate\":false")));
}

TEST_F(EnvelopectlTest, SendsAFileAsItIs) {
  std::ofstream(directory_.File("body"))
      << R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e7"}})";

  const FinishedCommand sent =
      Run({"send", "--file", directory_.File("body"), "--count", "2"});
  const FinishedCommand piped =
      RunShell("cat $dir/body | $ctl send --file - --output json");

  ASSERT_THAT(Lines(sent.output), SizeIs(2)) << sent.errors;
  EXPECT_THAT(Lines(sent.output)[0], HasSubstr("\"duplicate\":false"));
  EXPECT_THAT(Lines(sent.output)[1], HasSubstr("\"duplicate\":true"));
  EXPECT_THAT(Lines(piped.output), ElementsAre(HasSubstr("\"duplicate\":true")))
      << piped.errors;
  EXPECT_EQ(Fields(piped.output, "event_id")[0],
            Fields(sent.output, "event_id")[0]);
  EXPECT_THAT(Run({"get", "1", "-o", "table"}).output,
              EndsWith("\n\n" + ContentOf(directory_.File("body")) + "\n"));
}

TEST_F(EnvelopectlTest, KeepsToTheRate) {
  const absl::Time begin = absl::Now();

  Send({"--count", "6", "--rate", "50/s"});

  EXPECT_GE(absl::Now() - begin, 5 * absl::Milliseconds(20));
}

TEST_F(EnvelopectlTest, SaysWhyAWebhookWasRefused) {
  const FinishedCommand sent = RunShell("echo '{}' | $ctl send --file -");

  EXPECT_EQ(sent.status, kFailure);
  EXPECT_THAT(sent.errors,
              AllOf(StartsWith("envelopectl: webhook 1 of 1, -: the relay "
                               "answered 422 NOT_AN_ENVELOPE_EVENT: "),
                    HasSubstr("hook")));
}

TEST_F(EnvelopectlTest, SendsATokenWhereOneIsAskedFor) {
  const std::string token = directory_.File("token");
  std::ofstream(token) << "a-token-of-thirty-two-characters\n";
  StartRelay({.arguments = {"--ingress-token-file", token}});

  const FinishedCommand without = Run({"send"});
  const FinishedCommand with = Run({"send", "--token-file", token});
  const FinishedCommand from_environment =
      RunShell("ENVELOPE_RELAY_TOKEN_FILE=$dir/token $ctl send");

  EXPECT_EQ(without.status, kFailure);
  EXPECT_THAT(
      without.errors,
      AllOf(HasSubstr("401 UNAUTHENTICATED"),
            HasSubstr("set --token-file or ENVELOPE_RELAY_TOKEN_FILE")));
  EXPECT_EQ(with.status, kSuccess) << with.errors;
  EXPECT_EQ(from_environment.status, kSuccess) << from_environment.errors;
}

TEST_F(EnvelopectlTest, SendsWithinTls) {
  const TestCa ca;
  const TestIdentity server =
      ca.Issue({.dns_names = {"localhost"}}, TestCa::Use::kServer);
  WriteFileAtOnce(directory_.File("server.crt"), server.certificate);
  WriteFileAtOnce(directory_.File("server.key"), server.key);
  WriteFileAtOnce(directory_.File("ca.crt"), ca.certificate());
  WriteFileAtOnce(directory_.File("other.crt"), TestCa().certificate());
  StartRelay({.arguments = {
                  "--ingress-tls-cert-file=" + directory_.File("server.crt"),
                  "--ingress-tls-key-file=" + directory_.File("server.key")}});
  const std::string port = std::to_string(relay_->ingress_port());
  const std::string url = "--ingress=https://localhost:" + port;
  const FinishedCommand sent =
      Run({"send", "--count=2", url,
           "--ingress-ca-file=" + directory_.File("ca.crt")});
  EXPECT_EQ(sent.status, kSuccess) << sent.errors;
  const auto refused = [this](const std::vector<std::string>& arguments) {
    const FinishedCommand failed = Run(arguments);
    EXPECT_EQ(failed.status, kFailure);
    return failed.errors;
  };
  EXPECT_THAT(refused({"send", url,
                       "--ingress-ca-file=" + directory_.File("other.crt")}),
              HasSubstr("certificate verify failed"));
  // One that the system does not know.
  EXPECT_THAT(refused({"send", url}), HasSubstr("certificate verify failed"));
  // A host that the certificate does not name.
  EXPECT_THAT(refused({"send", "--ingress=https://127.0.0.1:" + port,
                       "--ingress-ca-file=" + directory_.File("ca.crt")}),
              HasSubstr("no TLS with the relay at 127.0.0.1"));
  EXPECT_THAT(
      refused({"send", url, "--ingress-ca-file=" + directory_.File("none")}),
      HasSubstr("none: No such file"));
  EXPECT_THAT(refused({"send", "--ingress=http://localhost:" + port}),
              HasSubstr("this port speaks TLS"));
}

TEST_F(EnvelopectlTest, ListsWhatTheFiltersLetPass) {
  Send({"--event", "all", "--envelope-id", "e1"});
  Send({"--event", "all", "--envelope-id", "e2"});

  const auto list = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "list");
    return Fields(Run(std::move(arguments)).output, "sequence");
  };

  EXPECT_EQ(list({"--envelope-id", "e2"}), Numbers(8, 14));
  EXPECT_THAT(list({"--type", "voided", "--type", "completed"}),
              ElementsAre("4", "7", "11", "14"));
  EXPECT_THAT(list({"--action", "signed", "--envelope-id", "e2"}),
              ElementsAre("9"));
  EXPECT_THAT(list({"--hook-id", "none"}), IsEmpty());
  EXPECT_EQ(list({"--limit", "3"}), Numbers(1, 3));
}

TEST_F(EnvelopectlTest, ListsMoreThanOnePage) {
  Send({"--count", "600"});

  EXPECT_EQ(Fields(Run({"list"}).output, "sequence"), Numbers(1, 600));
  EXPECT_EQ(Fields(Run({"list", "--limit", "300"}).output, "sequence"),
            Numbers(1, 300));
}

TEST_F(EnvelopectlTest, ListsFromACursorAndFromATime) {
  Send({"--count", "3"});
  const std::string all = Run({"list"}).output;
  const std::string cursor = Fields(all, "cursor")[1];
  const std::string time = Fields(all, "receiveTime")[0];

  EXPECT_THAT(Fields(Run({"list", "--from", cursor}).output, "sequence"),
              ElementsAre("3"));
  EXPECT_EQ(Fields(Run({"list", "--from", time}).output, "sequence"),
            Numbers(1, 3));
  EXPECT_THAT(Run({"list", "--from", "latest"}).output, IsEmpty());
}

TEST_F(EnvelopectlTest, PrintsATableForPeople) {
  Send({"--action", "signed", "--envelope-id", "e\x1b[31m1"});

  const FinishedCommand listed = Run({"list", "--output", "table"});

  EXPECT_THAT(
      Lines(listed.output),
      ElementsAre(StartsWith(" SEQUENCE  RECEIVED "),
                  AllOf(StartsWith("        1  20"),
                        HasSubstr("audit_trail  signed    e\\u001b[31m1"))));
}

TEST_F(EnvelopectlTest, GetsAnEventByItsSequenceAndItsId) {
  Send({});

  const FinishedCommand by_sequence = Run({"get", "1"});
  const FinishedCommand by_id =
      Run({"get", Fields(by_sequence.output, "eventId").at(0)});

  EXPECT_EQ(by_id.output, by_sequence.output);
  EXPECT_EQ(Run({"list"}).output, by_sequence.output);
}

TEST_F(EnvelopectlTest, SaysThatAnEventDoesNotExist) {
  const FinishedCommand got = Run({"get", "42"});

  EXPECT_EQ(got.status, kFailure);
  EXPECT_THAT(got.errors,
              AllOf(StartsWith("envelopectl: the relay at "), HasSubstr("42")));
}

TEST_F(EnvelopectlTest, PrintsTheBoundsOfTheLog) {
  Send({"--count", "3"});

  const FinishedCommand json = Run({"log"});
  const FinishedCommand table = Run({"log", "--output", "table"});

  EXPECT_THAT(Fields(json.output, "earliestSequence"), ElementsAre("1"));
  EXPECT_THAT(Fields(json.output, "latestSequence"), ElementsAre("3"));
  EXPECT_THAT(table.output, HasSubstr("log id:            " +
                                      Fields(json.output, "logId")[0]));
}

TEST_F(EnvelopectlTest, SubscribesUntilCaughtUp) {
  Send({"--count", "300"});

  const FinishedCommand caught_up =
      Run({"subscribe", "--from", "earliest", "--until-caught-up"});

  EXPECT_EQ(caught_up.status, kSuccess) << caught_up.errors;
  EXPECT_EQ(Fields(caught_up.output, "sequence"), Numbers(1, 300));
}

TEST_F(EnvelopectlTest, ResumesAfterTheCursorFile) {
  const std::vector<std::string> subscribe = {
      "subscribe",         "--from",        "earliest",
      "--until-caught-up", "--cursor-file", directory_.File("cursor")};
  Send({"--count", "2"});
  EXPECT_EQ(Fields(Run(subscribe).output, "sequence"), Numbers(1, 2));
  EXPECT_THAT(Run(subscribe).output, IsEmpty());

  Send({"--count", "2"});

  EXPECT_EQ(Fields(Run(subscribe).output, "sequence"), Numbers(3, 4));
}

TEST_F(EnvelopectlTest, StopsCleanlyAtASignal) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Command command = Ctl({"subscribe", "--cursor-file",
                           directory_.File("cursor"), "--from", "earliest"});
    command.output_file = directory_.File(absl::StrFormat("output%d", signal));
    command.error_file = directory_.File("errors");
    Send({});
    ChildProcess subscriber(command);
    ASSERT_TRUE(Eventually(
        [&] { return Lines(ContentOf(command.output_file)).size() == 1; }));

    subscriber.Signal(signal);

    EXPECT_EQ(subscriber.Wait(absl::Minutes(1)), kSuccess);
    EXPECT_EQ(ContentOf(command.error_file), "");
  }
  // The second run went on where the first had stopped.
  EXPECT_EQ(Fields(ContentOf(directory_.File("output15")), "sequence"),
            Numbers(2, 2));
}

TEST_F(EnvelopectlTest, LosesNothingWhenItIsKilledAndResumes) {
  constexpr size_t kEvents = 1000;
  Send({"--count", absl::StrFormat("%d", kEvents)});
  Command command = Ctl({"subscribe", "--cursor-file",
                         directory_.File("cursor"), "--from", "earliest"});
  const auto seed = std::random_device()();
  SCOPED_TRACE(absl::StrFormat("seed %u", seed));
  std::mt19937 random(seed);

  // Each run prints a whole number of lines more, and is killed at some point.
  std::set<size_t> seen;
  for (int run = 0; seen.size() < kEvents; ++run) {
    command.output_file = directory_.File(absl::StrFormat("output%d", run));
    ChildProcess subscriber(command);
    const size_t wanted = absl::Uniform<size_t>(random, 1, 400);
    std::vector<std::string> lines;
    ASSERT_TRUE(Eventually([&] {
      lines = Lines(ContentOf(command.output_file));
      return lines.size() >= wanted || seen.size() + lines.size() >= kEvents;
    })) << seen.size();
    subscriber.Kill();
    const auto sequences = Fields(ContentOf(command.output_file), "sequence");
    size_t expected = std::stoull(sequences.at(0));
    // Nothing is left out: it begins at most one after what was seen.
    ASSERT_LE(expected, seen.size() + 1);
    for (const std::string& sequence : sequences) {
      ASSERT_EQ(sequence, std::to_string(expected));
      seen.insert(expected);
      ++expected;
    }
  }
  EXPECT_EQ(*seen.rbegin(), kEvents);
}

TEST_F(EnvelopectlTest, ConnectsAgainWhenTheRelayComesBack) {
  StartRelay({.stable_ports = true});
  Command command = Ctl({"subscribe"});
  command.arguments.insert(command.arguments.end(), {"--from", "earliest"});
  command.output_file = directory_.File("output");
  command.error_file = directory_.File("errors");
  ChildProcess subscriber(command);
  Send({});
  ASSERT_TRUE(Eventually(
      [&] { return Lines(ContentOf(command.output_file)).size() == 1; }));

  relay_->Kill();
  ASSERT_TRUE(relay_->Restart().ok());
  Send({});

  EXPECT_TRUE(Eventually([&] {
    return Lines(ContentOf(command.output_file)).size() == 2;
  })) << ContentOf(command.error_file);
  EXPECT_THAT(ContentOf(command.error_file),
              AllOf(HasSubstr("; trying again in "),
                    HasSubstr("envelopectl: connected again\n")));
}

TEST_F(EnvelopectlTest, SaysWhatToDoWhenThereIsNoRelay) {
  const ClosedPort port;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"subscribe"}, {"list"}, {"get", "1"}, {"log"}}) {
    std::vector<std::string> with_address = arguments;
    with_address.insert(with_address.end(), {"--grpc", port.address()});

    const FinishedCommand finished = Run(with_address);

    EXPECT_EQ(finished.status, kFailure);
    EXPECT_EQ(finished.errors,
              absl::StrFormat("envelopectl: cannot reach the relay at %s: "
                              "connection refused; is it running? set --grpc "
                              "or ENVELOPE_RELAY_GRPC\n",
                              port.address()));
  }
  const FinishedCommand sent = Run({"send", "--ingress", port.address()});
  EXPECT_EQ(sent.status, kFailure);
  EXPECT_THAT(sent.errors,
              AllOf(HasSubstr("cannot reach the relay at " + port.address()),
                    HasSubstr("set --ingress or ENVELOPE_RELAY_INGRESS")));
}

TEST_F(EnvelopectlTest, ExitsWithTwoWhenItIsUsedWrongly) {
  const FinishedCommand finished = Run({"list", "--from", "yesterday"});

  EXPECT_EQ(finished.status, (ExitStatus{.code = 2, .signal = 0}));
  EXPECT_THAT(finished.output, IsEmpty());
  EXPECT_THAT(finished.errors, HasSubstr("'yesterday'"));
}

TEST_F(EnvelopectlTest, EndsQuietlyWhenItsReaderHasGone) {
  Send({"--count", "600"});

  const FinishedCommand listed = RunShell("$ctl list | head -n 1");

  EXPECT_EQ(listed.status, kSuccess);
  EXPECT_THAT(Fields(listed.output, "sequence"), ElementsAre("1"));
  EXPECT_EQ(listed.errors, "");
}

TEST_F(EnvelopectlTest, EndsWhenItsReaderGoesWhileItWaitsForEvents) {
  Send({});

  const FinishedCommand subscribed =
      RunShell("$ctl subscribe --from earliest | head -n 1");

  EXPECT_EQ(subscribed.status, kSuccess);
  EXPECT_THAT(Fields(subscribed.output, "sequence"), ElementsAre("1"));
  EXPECT_EQ(subscribed.errors, "");
}

TEST_F(EnvelopectlTest, StoresNoCursorForWhatItCouldNotPrint) {
  Send({"--count", "3"});

  const FinishedCommand finished = RunShell(
      "$ctl subscribe --from earliest --cursor-file $dir/cursor > /dev/full");
  const FinishedCommand resumed = RunShell(
      "$ctl subscribe --from earliest --cursor-file $dir/cursor "
      "--until-caught-up");

  EXPECT_EQ(finished.status, kFailure);
  EXPECT_THAT(finished.errors, HasSubstr("No space left on device"));
  EXPECT_EQ(Fields(resumed.output, "sequence"), Numbers(1, 3));
}

// A terminal whose other end is read by the test.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_EQ(grantpt(master_), 0);
    EXPECT_EQ(unlockpt(master_), 0);
    path_ = ptsname(master_);
    // Kept open, so that what was written stays to be read.
    slave_ = open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  ~Terminal() {
    close(slave_);
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  const std::string& path() const { return path_; }

  // All that was written to it so far.
  std::string Read() {
    std::string text;
    pollfd readable = {.fd = master_, .events = POLLIN, .revents = 0};
    while (poll(&readable, 1, 0) == 1) {
      std::array<char, 4096> buffer = {};
      const ssize_t n = read(master_, buffer.data(), buffer.size());
      if (n <= 0) break;
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    return text;
  }

 private:
  const int master_;
  int slave_;
  std::string path_;
};

TEST_F(EnvelopectlTest, PrintsAColouredTableOnATerminal) {
  Send({});
  Terminal terminal;
  Command command = Ctl({"list"});
  command.environment["TERM"] = "xterm";
  command.output_file = terminal.path();

  ChildProcess list(command);
  ASSERT_EQ(list.Wait(absl::Minutes(1)), kSuccess);

  EXPECT_THAT(terminal.Read(), AllOf(HasSubstr("\x1b[1m SEQUENCE"),
                                     HasSubstr("\x1b[32mcompleted")));
}

TEST_F(EnvelopectlTest, PrintsNoColoursWhereNobodyWantsThem) {
  Send({});
  Terminal terminal;
  Command command = Ctl({"list"});
  command.environment["NO_COLOR"] = "1";
  command.output_file = terminal.path();

  ChildProcess list(command);
  ASSERT_EQ(list.Wait(absl::Minutes(1)), kSuccess);

  EXPECT_THAT(terminal.Read(),
              AllOf(HasSubstr(" SEQUENCE"), Not(HasSubstr("\x1b"))));
}

TEST_F(EnvelopectlTest, KeepsATerminalFromObeyingAPayload) {
  std::ofstream(directory_.File("body"))
      << R"({"hook":{"event":"envelope_voided"},)"
      << "\"data\":{\"envelope_id\":\"e\",\"file_name\":\"\u202Efdp\u009B31m\"}"
         "}";
  Send({"--file", directory_.File("body")});
  Terminal terminal;
  Command command = Ctl({"get", "1"});
  command.output_file = terminal.path();

  ChildProcess get(command);
  ASSERT_EQ(get.Wait(absl::Minutes(1)), kSuccess);

  EXPECT_THAT(terminal.Read(), AllOf(HasSubstr("\\u202efdp\\u009b31m\"}}"),
                                     Not(HasSubstr("\u202E"))));
}

TEST_F(EnvelopectlTest, ShowsItsProgressOnATerminalOnly) {
  Terminal terminal;
  Command command = Ctl({"send", "--count", "3"});
  command.output_file = directory_.File("output");
  command.error_file = terminal.path();

  ChildProcess send(command);
  ASSERT_EQ(send.Wait(absl::Minutes(1)), kSuccess);

  EXPECT_THAT(terminal.Read(), EndsWith("\rsent 3 of 3\r\n"));
  EXPECT_EQ(Run({"send", "--count", "3"}).errors, "");
}

class DemoTest : public EnvelopectlTest {
 protected:
  FinishedCommand RunDemo(std::vector<std::string> arguments) const {
    const std::map<std::string, std::string> addresses = Addresses();
    arguments.insert(arguments.end(),
                     {"--ingress", addresses.at("ENVELOPE_RELAY_INGRESS"),
                      "--grpc", addresses.at("ENVELOPE_RELAY_GRPC")});
    return RunCommand(
        {.program = DEMO_BINARY, .arguments = std::move(arguments)});
  }
};

TEST_F(DemoTest, ShowsEachDocumentedWebhookLeaveAndArrive) {
  const FinishedCommand demo = RunDemo({});

  EXPECT_EQ(demo.status, kSuccess) << demo.errors;
  EXPECT_THAT(Lines(demo.output), SizeIs(10));
  EXPECT_THAT(demo.output,
              EndsWith("\n7 webhooks posted, 7 events delivered: each once, in "
                       "order.\n"));
}

TEST_F(DemoTest, FailsWithoutTheToken) {
  const std::string token = directory_.File("token");
  std::ofstream(token) << "a-token-of-thirty-two-characters\n";
  StartRelay({.arguments = {"--ingress-token-file", token}});

  const FinishedCommand without = RunDemo({});
  const FinishedCommand with = RunDemo({"--token-file", token});

  EXPECT_EQ(without.status, kFailure);
  EXPECT_THAT(without.errors, HasSubstr("401 UNAUTHENTICATED"));
  EXPECT_EQ(with.status, kSuccess) << with.errors;
}

TEST_F(DemoTest, GivesUpAtTheTimeLimit) {
  const ClosedPort port;

  const FinishedCommand demo = RunCommand(
      {.program = DEMO_BINARY,
       .arguments = {"--grpc", port.address(), "--time-limit", "1"}});

  EXPECT_EQ(demo.status, kFailure);
  EXPECT_THAT(demo.errors, AllOf(HasSubstr("subscribing at " + port.address()),
                                 HasSubstr("Connection refused")));
}

// The whole life of a durable subscription, from a shell.
TEST_F(EnvelopectlTest, ConsumesADurableSubscription) {
  ASSERT_EQ(Run({"subscriptions", "create", "billing"}).status, kSuccess);
  Send({"--event", "envelope_voided", "--count", "3"});

  const FinishedCommand first = Run({"consume", "billing", "--limit", "1"});
  EXPECT_EQ(first.status, kSuccess) << first.errors;
  EXPECT_EQ(Fields(first.output, "sequence"), Numbers(1, 1));

  // 2 cannot be handled, 3 can. Both come long before their first leases would
  // have ended.
  const absl::Time begin = absl::Now();
  const FinishedCommand second = Run({"consume", "billing", "--limit", "2",
                                      "--exec", R"(grep -q '"sequence":"3"')"});
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  EXPECT_EQ(second.status, kSuccess) << second.errors;
  EXPECT_EQ(Fields(second.output, "sequence"), Numbers(3, 3));

  const FinishedCommand listed = Run({"subscriptions", "list"});
  EXPECT_THAT(Fields(listed.output, "deadLetters"), ElementsAre("1"))
      << listed.errors;
  const FinishedCommand letters = Run({"dead-letters", "list", "billing"});
  EXPECT_THAT(letters.output, HasSubstr("\"reason\":\"exit code 1\""));
}

}  // namespace
}  // namespace enveloperelay
