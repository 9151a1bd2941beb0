#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_OUTPUT_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_OUTPUT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace enveloperelay::client {

enum class OutputFormat : uint8_t { kJson, kTable };

// Text on its way to standard output, or to another open file.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  int fd() const { return fd_; }
  bool IsTerminal() const;

  // Kept until Flush().
  void Write(std::string_view text) { text_ += text; }

  // Returns when all is written.
  // Errors: those of write(2).
  absl::Status Flush();

  // Flush() failed because nobody reads the pipe any more, as in `| head`.
  bool reader_gone() const { return reader_gone_; }

 private:
  const int fd_;
  std::string text_;
  bool reader_gone_ = false;
};

// Whether text that goes to a terminal may be coloured: not with NO_COLOR set
// (https://no-color.org), nor on a terminal that says it is dumb.
bool ColorsWanted();

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_OUTPUT_H_
