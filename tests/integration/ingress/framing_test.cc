// Each row of what is refused before a byte of a body is read, over sockets.

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

class FramingTest : public RelayTest {
 protected:
  // A request whose body is a webhook; `lines` stand between Host and the body.
  static std::string Request(const std::string& lines,
                             const std::string& version = "HTTP/1.1") {
    return "POST /webhooks/signplus " + version +
           "\r\nHost: relay.example\r\n" + lines + "\r\n" + Body();
  }
  static std::string ContentLength() {
    return "Content-Length: " + std::to_string(Body().size()) + "\r\n";
  }
  // A request whose body is these chunks.
  static std::string Chunks(const std::string& chunks) {
    return "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
           "Transfer-Encoding: chunked\r\n\r\n" +
           chunks;
  }

  // Sends each request at once, then byte by byte, with a good request behind
  // it that must not be seen.
  void ExpectRefused(const std::vector<std::string>& requests, int status,
                     const std::string& reason) {
    for (const std::string& request : requests) {
      SCOPED_TRACE(absl::CEscape(request.substr(0, 200)));
      RawConnection at_once = Connect();
      ASSERT_TRUE(at_once.Send(request + Post(Body("smuggled"))).ok());
      ExpectRefusal(at_once, status, reason);
      RawConnection in_bytes = Connect();
      // The end may come before the last byte.
      in_bytes.SendByteByByte(request).IgnoreError();
      ExpectRefusal(in_bytes, status, reason);
    }
    // Nothing of all that was stored.
    ExpectStored(Ask(Post(Body())), 1);
  }

 private:
  static void ExpectRefusal(RawConnection& connection, int status,
                            const std::string& reason) {
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectProblem(*response, status, reason);
    EXPECT_EQ(response->Field("connection"), "close");
    EXPECT_TRUE(connection.IsClosed());
  }
};

TEST_F(FramingTest, OnlyHttp11And10) {
  Start();
  ExpectRefused(
      {
          Request(ContentLength(), "HTTP/0.9"),
          Request(ContentLength(), "HTTP/1.2"),
          Request(ContentLength(), "HTTP/2.0"),
          Request(ContentLength(), "http/1.1"),
          Request(ContentLength(), "HTTP/1.1 "),
          "POST /webhooks/signplus\r\n",
          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
          "POST http://relay.example/webhooks/signplus HTTP/1.1\r\n"
          "Host: relay.example\r\n" +
              ContentLength() + "\r\n" + Body(),
      },
      400, "BAD_REQUEST");
}

TEST_F(FramingTest, ExactlyOneHostOn11) {
  Start();
  ExpectRefused(
      {
          "POST /webhooks/signplus HTTP/1.1\r\n" + ContentLength() + "\r\n" +
              Body(),
          Request("Host: relay.example\r\n" + ContentLength()),
          Request(ContentLength() + "HOST: other.example\r\n"),
      },
      400, "BAD_REQUEST");
}

TEST_F(FramingTest, AtMostOneContentLengthOfDigits) {
  Start();
  const std::string size = std::to_string(Body().size());
  std::vector<std::string> requests = {
      Request(ContentLength() + ContentLength()),
      Request(ContentLength() + "Content-Length: 1\r\n"),
  };
  for (const std::string& value :
       std::vector<std::string>{"+" + size, "-" + size, size + ", " + size,
                                "0x40", size + " 1", size + ".0", ""}) {
    requests.push_back(Request("Content-Length: " + value + "\r\n"));
  }
  ExpectRefused(requests, 400, "BAD_REQUEST");
}

TEST_F(FramingTest, TransferEncodingOnlyOn11AndWithoutContentLength) {
  Start();
  ExpectRefused(
      {
          Request("Transfer-Encoding: chunked\r\n" + ContentLength()),
          Request(ContentLength() + "Transfer-Encoding: chunked\r\n"),
          Request("Transfer-Encoding: xchunked\r\n" + ContentLength()),
          Request("Transfer-Encoding: gzip\r\n" + ContentLength()),
          Request("Transfer-Encoding: chunked\r\n", "HTTP/1.0"),
          Request("Transfer-Encoding: gzip\r\n", "HTTP/1.0"),
      },
      400, "BAD_REQUEST");
}

TEST_F(FramingTest, NoTransferCodingButChunked) {
  Start();
  std::vector<std::string> requests;
  for (const std::string value :
       {"gzip", "identity", "xchunked", "chunked, identity", "gzip, chunked",
        "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked", ""}) {
    requests.push_back(Request("Transfer-Encoding: " + value + "\r\n"));
  }
  ExpectRefused(requests, 501, "NOT_IMPLEMENTED");
}

TEST_F(FramingTest, AtMost64FieldsAnd8KiB) {
  Start();
  std::string fields;
  for (int i = 0; i < 62; ++i) fields += "X: y\r\n";
  const std::string padding = "X: " + std::string(8192, 'y') + "\r\n";
  ExpectRefused(
      {
          Request(ContentLength() + fields + "X: y\r\n"),
          Request(ContentLength() + padding),
          "POST /webhooks/signplus HTTP/1.1\r\nX: " + std::string(8193, 'y'),
          "POST /" + std::string(8193, 'y'),
      },
      400, "BAD_REQUEST");
  ExpectStored(Ask(Request(ContentLength() + fields)), 1, true);
  ExpectStored(
      Ask(Request(ContentLength() + "X: " + std::string(8100, 'y') + "\r\n")),
      1, true);
}

TEST_F(FramingTest, NoFoldedLinesNorOddOnes) {
  Start();
  ExpectRefused(
      {
          Request("X: a\r\n b\r\n" + ContentLength()),
          Request("X: a\r\n\tb\r\n" + ContentLength()),
          Request("X : a\r\n" + ContentLength()),
          Request("X\r\n" + ContentLength()),
          Request(": a\r\n" + ContentLength()),
          Request("X: a\rb\r\n" + ContentLength()),
          Request("X: a\x01\r\n" + ContentLength()),
          Request("X: a" + std::string(1, '\0') + "\r\n" + ContentLength()),
          Request("X: a\n" + ContentLength()),
          "POST /webhooks/signplus HTTP/1.1\nHost: a\n\n",
          "\r\n\r\n" + Request(ContentLength()),
      },
      400, "BAD_REQUEST");
}

TEST_F(FramingTest, NoTrailersNorLongExtensionsNorOddChunks) {
  Start();
  const std::string size = absl::StrFormat("%x", Body().size());
  const std::string chunk = size + "\r\n" + Body() + "\r\n";
  ExpectRefused(
      {
          Chunks(chunk + "0\r\nX: y\r\n\r\n"),
          Chunks(chunk + "0\r\nAuthorization: Bearer x\r\n\r\n"),
          Chunks(size + ";" + std::string(20'000, 'x') + "\r\n" + Body() +
                 "\r\n0\r\n\r\n"),
          Chunks(size + "\n" + Body() + "\n0\n\n"),
          Chunks("0x" + chunk + "0\r\n\r\n"),
          Chunks("+" + chunk + "0\r\n\r\n"),
          Chunks(" " + chunk + "0\r\n\r\n"),
          Chunks(size + "\r\n" + Body() + "x\r\n0\r\n\r\n"),
          Chunks("\r\n" + chunk + "0\r\n\r\n"),
      },
      400, "BAD_REQUEST");
  ExpectStored(Ask(Chunks(size + ";a=b\r\n" + Body() + "\r\n0\r\n\r\n")), 1,
               true);
}

TEST_F(FramingTest, ARequestThatEndsEarlyIsRefused) {
  Start();
  for (const std::string& begun :
       {std::string("POST /webhooks/signplus HTTP/1.1\r\nHo"),
        Request("Content-Length: 1000\r\n"), Chunks("5\r\nab")}) {
    RawConnection connection = Connect();
    ASSERT_TRUE(connection.Send(begun).ok());
    connection.FinishSending();
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectProblem(*response, 400, "BAD_REQUEST");
  }
}

TEST_F(FramingTest, GoodRequestsAreTakenHoweverTheyArrive) {
  Start();
  const std::string chunked = absl::StrFormat(
      "3\r\n%s\r\n%x;x\r\n%s\r\n0\r\n\r\n", Body("e2").substr(0, 3),
      Body("e2").size() - 3, Body("e2").substr(3));
  const std::vector<std::string> requests = {
      Post(Body("e1")),
      Chunks(chunked),
      "\r\n" + Post(Body("e3")),
      "POST /webhooks/signplus/x?y=z HTTP/1.0\r\nConnection: keep-alive\r\n"
      "content-length:" +
          std::to_string(Body("e4").size()) + "\r\n\r\n" + Body("e4"),
      Post(Body("e5"), "Connection: close\r\n"),
  };
  RawConnection in_bytes = Connect();
  int sequence = 0;
  std::string all;
  for (const std::string& request : requests) {
    ASSERT_TRUE(in_bytes.SendByteByByte(request).ok());
    const auto response = in_bytes.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectStored(*response, ++sequence);
    all += request;
  }
  EXPECT_TRUE(in_bytes.IsClosed());

  // All of them in one go.
  RawConnection at_once = Connect();
  ASSERT_TRUE(at_once.Send(all + Post(Body("unseen"))).ok());
  for (int i = 1; i <= sequence; ++i) {
    const auto response = at_once.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectStored(*response, i, /*duplicate=*/true);
    const std::string connection = response->Field("connection");
    EXPECT_EQ(connection, i == 4 ? "keep-alive" : i == 5 ? "close" : "");
  }
  EXPECT_TRUE(at_once.IsClosed());
  ExpectStored(Ask(Post(Body("seen"))), sequence + 1);
}

TEST_F(FramingTest, Http10ClosesUnlessAskedNotTo) {
  Start();
  RawConnection connection = Connect();
  ExpectStored(Ask(connection, "POST /webhooks/signplus HTTP/1.0\r\n" +
                                   ContentLength() + "\r\n" + Body()),
               1);
  EXPECT_TRUE(connection.IsClosed());
}

}  // namespace
}  // namespace enveloperelay::testing
