#include "tests/integration/durability/sender.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/mutex.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {

int Lifeline::starts() const {
  const MutexLock lock(mutex_);
  return starts_;
}

bool Lifeline::ended() const {
  const MutexLock lock(mutex_);
  return ended_;
}

void Lifeline::WaitForStartAfter(int starts) {
  const MutexLock lock(mutex_);
  while (starts_ <= starts) changed_.Wait(mutex_);
}

void Lifeline::Started() {
  const MutexLock lock(mutex_);
  ++starts_;
  changed_.NotifyAll();
}

void Lifeline::End() {
  const MutexLock lock(mutex_);
  ended_ = true;
}

Sender::Sender(uint16_t port, int number)
    : port_(port), envelope_id_(absl::StrCat("envelope-", number)) {}

void Sender::Run(Lifeline& lifeline) {
  bool again = false;
  while (again || !lifeline.ended()) {
    // Looked at before the post: a relay that is killed during it comes back
    // after this.
    const int starts = lifeline.starts();
    std::optional<Receipt> receipt = Post();
    if (!receipt.has_value()) {
      again = true;
      lifeline.WaitForStartAfter(starts);
      continue;
    }
    if (receipt->duplicate && !again) {
      problems_.push_back(
          absl::StrCat("posted once, yet a duplicate: ", receipt->event_id));
    }
    again = false;
    receipts_.push_back(*std::move(receipt));
    if (!problems_.empty()) return;
  }
}

std::optional<Receipt> Sender::Post() {
  const std::string request = RawRequest(
      "POST", "/webhooks/signplus",
      absl::StrCat(R"({"hook":{"id":"h","event":"envelope_audit_trail"},)",
                   R"("data":{"action":"envelope_signed","envelope_id":")",
                   envelope_id_, R"(","recipient_id":")", receipts_.size(),
                   R"("}})"),
      "Content-Type: application/json\r\n");
  if (!connection_.has_value()) {
    absl::StatusOr<RawConnection> connection = RawConnection::Connect(port_);
    if (!connection.ok()) return std::nullopt;
    connection_ = *std::move(connection);
  }
  absl::StatusOr<RawResponse> response = RawResponse();
  if (connection_->Send(request).ok()) {
    response = connection_->Read();
  } else {
    response = absl::UnavailableError("not sent");
  }
  if (!response.ok()) {
    connection_.reset();
    return std::nullopt;
  }
  if (response->status == 503) {
    ++turned_away_;
    connection_.reset();
    return std::nullopt;
  }
  Receipt receipt;
  if (response->status != 200) {
    problems_.push_back(response->status_line + " " + response->body);
    return receipt;
  }
  const boost::json::value body = boost::json::parse(response->body);
  receipt.event_id = body.at("event_id").as_string().c_str();
  receipt.duplicate = body.at("duplicate").as_bool();
  const std::string sequence = body.at("sequence").as_string().c_str();
  if (!absl::SimpleAtoi(sequence, &receipt.sequence)) {
    problems_.push_back("no sequence in " + response->body);
  }
  return receipt;
}

}  // namespace enveloperelay::testing
