#include "client/envelopectl/command_line.h"

#include <stdlib.h>

#include <optional>
#include <string>
#include <variant>

#include "client/envelopectl/output.h"
#include "client/webhook/sample.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/parsed_arguments.h"

namespace enveloperelay::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

// A variable of the environment for the length of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  ~Variable() {
    unsetenv(name_);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(CommandLineTest, HasTheRelaysDefaultAddresses) {
  const CommandLine line = Parse({"send"});

  EXPECT_EQ(line.grpc, "127.0.0.1:9090");
  EXPECT_EQ(std::get<SendCommand>(line.command).ingress.Authority(),
            "127.0.0.1:8080");
  EXPECT_EQ(line.output, std::nullopt);
}

TEST(CommandLineTest, TakesAddressesFromTheEnvironment) {
  const Variable grpc("ENVELOPE_RELAY_GRPC", "relay:1");
  const Variable ingress("ENVELOPE_RELAY_INGRESS", "http://relay:2");
  const Variable token("ENVELOPE_RELAY_TOKEN_FILE", "/run/token");

  const CommandLine line = Parse({"send"});

  EXPECT_EQ(line.grpc, "relay:1");
  EXPECT_EQ(std::get<SendCommand>(line.command).ingress.Authority(), "relay:2");
  EXPECT_EQ(std::get<SendCommand>(line.command).token_file, "/run/token");
}

TEST(CommandLineTest, PrefersOptionsToTheEnvironment) {
  const Variable grpc("ENVELOPE_RELAY_GRPC", "relay:1");

  EXPECT_EQ(Parse({"log", "--grpc", "other:2"}).grpc, "other:2");
}

TEST(CommandLineTest, ReachesASecuredRelay) {
  const CommandLine line =
      Parse({"log", "--ca-file", "ca", "--cert-file", "cert", "--key-file",
             "key", "--token-file", "token", "--grpc", "relay:1"});

  ASSERT_TRUE(line.security.tls.has_value());
  EXPECT_EQ(line.security.tls->ca_file, "ca");
  EXPECT_EQ(line.security.tls->cert_file, "cert");
  EXPECT_EQ(line.security.tls->key_file, "key");
  EXPECT_EQ(line.security.token_file, "token");
  EXPECT_TRUE(Parse({"log", "--tls"}).security.tls.has_value());
  EXPECT_FALSE(Parse({"log"}).security.tls.has_value());
}

TEST(CommandLineTest, TakesSecurityFromTheEnvironment) {
  const Variable tls("ENVELOPECTL_TLS", "true");
  const Variable token("ENVELOPECTL_TOKEN_FILE", "/run/token");

  const CommandLine line = Parse({"log"});

  EXPECT_TRUE(line.security.tls.has_value());
  EXPECT_EQ(line.security.token_file, "/run/token");
}

TEST(CommandLineTest, ACertificateGoesWithItsKey) {
  EXPECT_THAT(ParseToExit({"log", "--cert-file", "cert"}).text,
              HasSubstr("--cert-file and --key-file go together"));
}

TEST(CommandLineTest, SendsNoTokenInClearUnlessTold) {
  const Exit exit =
      ParseToExit({"log", "--token-file", "token", "--grpc", "relay:1"});
  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.text, HasSubstr("without TLS"));
  EXPECT_EQ(Parse({"log", "--token-file", "token"}).security.token_file,
            "token");
  EXPECT_EQ(Parse({"log", "--token-file", "token", "--grpc", "relay:1",
                   "--token-in-clear"})
                .security.token_file,
            "token");
}

TEST(CommandLineTest, ATokenOfSendIsThatOfTheIngress) {
  const CommandLine line = Parse({"send", "--token-file", "ingress"});

  EXPECT_EQ(std::get<SendCommand>(line.command).token_file, "ingress");
  EXPECT_EQ(line.security.token_file, "");
}

TEST(CommandLineTest, TakesCommonOptionsBeforeAndAfterTheCommand) {
  EXPECT_THAT(Parse({"--output", "json", "log"}).output,
              Optional(OutputFormat::kJson));
  EXPECT_THAT(Parse({"log", "--output=table"}).output,
              Optional(OutputFormat::kTable));
}

TEST(CommandLineTest, SendsOneCompletedByDefault) {
  const auto send = ParseAs<SendCommand>({"send"});

  ASSERT_THAT(send.kinds, SizeIs(1));
  EXPECT_EQ(send.kinds[0].event, "envelope_completed");
  EXPECT_EQ(send.count, 1);
  EXPECT_EQ(send.rate, 0);
}

TEST(CommandLineTest, SendsEveryDocumentedWebhookWithAll) {
  EXPECT_THAT(ParseAs<SendCommand>({"send", "--event", "all"}).kinds,
              SizeIs(kWebhookKinds.size()));
}

TEST(CommandLineTest, TakesAnActionForAnAuditTrail) {
  const auto send = ParseAs<SendCommand>({"send", "--action", "signed"});

  ASSERT_THAT(send.kinds, SizeIs(1));
  EXPECT_EQ(send.kinds[0].event, "envelope_audit_trail");
  EXPECT_EQ(send.kinds[0].action, "ENVELOPE_SIGNED");
}

TEST(CommandLineTest, ReadsRates) {
  EXPECT_EQ(ParseAs<SendCommand>({"send", "--rate", "50"}).rate, 50);
  EXPECT_EQ(ParseAs<SendCommand>({"send", "--rate", "0.5/s"}).rate, 0.5);
}

TEST(CommandLineTest, SubscribesFromTheNamedPlaces) {
  EXPECT_EQ(ParseAs<SubscribeCommand>({"subscribe", "--from", "earliest"})
                .request.start(),
            v1::START_POSITION_EARLIEST);
  EXPECT_EQ(ParseAs<SubscribeCommand>({"subscribe", "--from", "latest"})
                .request.start(),
            v1::START_POSITION_LATEST);
}

TEST(CommandLineTest, SubscribesFromATime) {
  const auto subscribe = ParseAs<SubscribeCommand>(
      {"subscribe", "--from", "2026-07-17T10:00:00.5+02:00"});

  EXPECT_EQ(subscribe.request.start_time().seconds(), 1'784'275'200);
  EXPECT_EQ(subscribe.request.start_time().nanos(), 500'000'000);
}

TEST(CommandLineTest, SubscribesFromACursor) {
  const std::string cursor = "AQAAAAAAAAAB-_AAAAAAAAAq3q2-";

  EXPECT_EQ(ParseAs<SubscribeCommand>({"subscribe", "--from", cursor})
                .request.cursor(),
            cursor);
}

TEST(CommandLineTest, RepeatsFilters) {
  const auto subscribe = ParseAs<SubscribeCommand>({"subscribe",
                                                    "--type",
                                                    "completed",
                                                    "--type",
                                                    "voided",
                                                    "--action",
                                                    "signed",
                                                    "--envelope-id",
                                                    "e1",
                                                    "--envelope-id",
                                                    "e2",
                                                    "--recipient-id",
                                                    "r",
                                                    "--uid",
                                                    "u",
                                                    "--hook-id",
                                                    "h",
                                                    "--view",
                                                    "basic",
                                                    "--until-caught-up",
                                                    "--cursor-file",
                                                    "f"});

  const v1::EventFilter& filter = subscribe.request.filter();
  EXPECT_THAT(filter.types(), ElementsAre(v1::EVENT_TYPE_ENVELOPE_COMPLETED,
                                          v1::EVENT_TYPE_ENVELOPE_VOIDED));
  EXPECT_THAT(filter.audit_actions(),
              ElementsAre(v1::AUDIT_ACTION_ENVELOPE_SIGNED));
  EXPECT_THAT(filter.envelope_ids(), ElementsAre("e1", "e2"));
  EXPECT_THAT(filter.recipient_ids(), ElementsAre("r"));
  EXPECT_THAT(filter.uids(), ElementsAre("u"));
  EXPECT_THAT(filter.hook_ids(), ElementsAre("h"));
  EXPECT_EQ(subscribe.request.view(), v1::EVENT_VIEW_BASIC);
  EXPECT_TRUE(subscribe.request.until_caught_up());
  EXPECT_EQ(subscribe.cursor_file, "f");
}

TEST(CommandLineTest, ListsWithTheSameSelection) {
  const auto list = ParseAs<ListCommand>(
      {"list", "--from", "earliest", "--uid", "u", "--limit", "10"});

  EXPECT_EQ(list.request.start(), v1::START_POSITION_EARLIEST);
  EXPECT_THAT(list.request.filter().uids(), ElementsAre("u"));
  EXPECT_EQ(list.limit, 10);
}

TEST(CommandLineTest, GetsBySequenceOrEventId) {
  EXPECT_EQ(ParseAs<GetCommand>({"get", "42"}).request.sequence(), 42);
  EXPECT_EQ(ParseAs<GetCommand>({"get", "0b6b1a1e-5c0f"}).request.event_id(),
            "0b6b1a1e-5c0f");
}

TEST(CommandLineTest, PrintsHelpWithExamples) {
  const Exit exit = ParseToExit({"subscribe", "--help"});

  EXPECT_EQ(exit.code, 0);
  EXPECT_THAT(exit.text,
              AllOf(HasSubstr("--cursor-file"), HasSubstr("Examples:")));
}

// Arguments that are refused, and what the message says of them.
struct Refused {
  const char* name;
  Arguments arguments;
  const char* message;
};

class RefusedCommandLineTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedCommandLineTest, SaysWhatIsWrong) {
  const Exit exit = ParseToExit(GetParam().arguments);

  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.text,
              AllOf(HasSubstr("envelopectl: "), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedCommandLineTest,
    ::testing::Values(
        Refused{"NoCommand", {}, "subcommand is required"},
        Refused{"UnknownCommand", {"lisst"}, "no command 'lisst'"},
        Refused{"UnknownSubcommand",
                {"subscriptions", "lisst"},
                "no command 'subscriptions lisst'"},
        Refused{"UnknownOption", {"list", "--form", "latest"}, "--form"},
        Refused{"From", {"list", "--from", "yesterday"}, "--from: 'yesterday'"},
        Refused{"Time", {"list", "--from", "2026-07-17"}, "2026-07-17T08"},
        Refused{"Type", {"list", "--type", "signed"}, "allowed are completed"},
        Refused{"Action", {"list", "--action", "voided"}, "allowed are viewed"},
        Refused{"View", {"list", "--view", "half"}, "--view"},
        Refused{"Limit", {"list", "--limit", "0"}, "--limit"},
        Refused{"Output", {"log", "--output", "xml"}, "--output"},
        Refused{"Event", {"send", "--event", "signed"}, "documented event"},
        Refused{"ActionOfCompleted",
                {"send", "--event", "completed", "--action", "signed"},
                "only --event audit_trail"},
        Refused{"EventOfFile",
                {"send", "--file", "f", "--event", "completed"},
                "--file excludes --event"},
        Refused{"Count", {"send", "--count", "-1"}, "--count"},
        Refused{"Rate", {"send", "--rate", "fast"}, "--rate: 'fast'"},
        Refused{"Ingress", {"send", "--ingress", "ftp://relay"}, "nor https"},
        Refused{"NoKey", {"get"}, "KEY"}),
    [](const ::testing::TestParamInfo<Refused>& test) {
      return std::string(test.param.name);
    });

}  // namespace
}  // namespace enveloperelay::client
