#include <fstream>
#include <set>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "boost/json/parse.hpp"
#include "boost/json/value.hpp"
#include "client/webhook/http_post.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Url(const char* text) {
  const absl::StatusOr<HttpUrl> url = ParseIngressUrl(text);
  if (!url.ok()) return std::string(url.status().message());
  return url->Authority() + url->path;
}

TEST(IngressUrlTest, TakesAddressesAndUrls) {
  EXPECT_EQ(Url("127.0.0.1:8080"), "127.0.0.1:8080/webhooks/signplus");
  EXPECT_EQ(Url("http://relay.internal"),
            "relay.internal:80/webhooks/signplus");
  EXPECT_EQ(Url("http://relay:8080/"), "relay:8080/webhooks/signplus");
  EXPECT_EQ(Url("http://relay/a/b"), "relay:80/a/b");
  EXPECT_EQ(Url("https://relay"), "relay:443/webhooks/signplus");
  EXPECT_EQ(Url("https://relay:8443/a"), "relay:8443/a");
  EXPECT_TRUE(ParseIngressUrl("https://relay")->tls);
  EXPECT_FALSE(ParseIngressUrl("http://relay")->tls);
  EXPECT_EQ(Url("[::1]:8080"), "[::1]:8080/webhooks/signplus");
}

TEST(IngressUrlTest, SaysWhatIsWrong) {
  EXPECT_THAT(Url("ftp://relay"),
              HasSubstr("its scheme is neither http nor https"));
  EXPECT_THAT(Url("relay"), HasSubstr("the port is missing"));
  EXPECT_THAT(Url(":8080"), HasSubstr("the host is missing"));
  EXPECT_THAT(Url("relay:http"), HasSubstr("its port is not a number"));
  EXPECT_THAT(Url("relay:65536"), HasSubstr("its port is not a number"));
  EXPECT_THAT(Url("[::1:8080"), HasSubstr("']' is missing"));
  EXPECT_THAT(Url("[::1]8080"), HasSubstr("its port is not a number"));
}

TEST(HttpUrlTest, KeepsThePath) {
  EXPECT_EQ(ParseHttpUrl("http://localhost:3000")->path, "/");
  EXPECT_EQ(ParseHttpUrl("localhost:3000/a?b=c")->path, "/a?b=c");
}

TEST(HttpUrlTest, TakesNoPathThatWouldEndTheRequestLine) {
  EXPECT_FALSE(ParseHttpUrl("http://localhost/a b").ok());
  EXPECT_FALSE(ParseHttpUrl("http://localhost/a\r\nb: c").ok());
}

TEST(TokenFileTest, TakesTheFirstTokenInIt) {
  const testing::TempDir directory;
  const std::string path = directory.File("token");
  std::ofstream(path) << "# valid until May\n\n  secret \nolder\n";

  EXPECT_EQ(ReadTokenFile(path).value_or("error"), "secret");
}

TEST(TokenFileTest, SkipsTheNameOfAToken) {
  const testing::TempDir directory;
  const std::string path = directory.File("token");
  std::ofstream(path) << "sign-plus \t secret\nolder older\n";

  EXPECT_EQ(ReadTokenFile(path).value_or("error"), "secret");
}

TEST(TokenFileTest, SaysWhatIsWrong) {
  const testing::TempDir directory;
  std::ofstream(directory.File("empty")) << "\n# none\n";
  std::ofstream(directory.File("binary")) << "sec\x01ret\n";

  EXPECT_EQ(ReadTokenFile(directory.File("missing")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadTokenFile(directory.File("empty")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadTokenFile(directory.File("binary")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(SampleWebhookTest, HasTheDocumentedFields) {
  absl::BitGen random;

  const boost::json::value webhook = boost::json::parse(SampleWebhook(
      {.event = "envelope_audit_trail", .action = "ENVELOPE_SIGNED"}, "e\"1",
      random));

  EXPECT_EQ(webhook.at("hook").at("event"), "envelope_audit_trail");
  EXPECT_EQ(webhook.at("data").at("envelope_id"), "e\"1");
  EXPECT_EQ(webhook.at("data").at("action"), "ENVELOPE_SIGNED");
  EXPECT_THAT(webhook.at("data").at("recipient_id").as_string(), SizeIs(24));
}

TEST(SampleWebhookTest, IsNeverTheSameTwice) {
  absl::BitGen random;
  std::set<std::string> bodies;

  for (int i = 0; i < 100; ++i) {
    bodies.insert(SampleWebhook({.event = "envelope_voided"}, "e", random));
  }

  EXPECT_THAT(bodies, SizeIs(100));
}

}  // namespace
}  // namespace enveloperelay::client
