#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_WRITER_PROCESS_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_WRITER_PROCESS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {

// A log_writer (see there), and what it says.
class WriterProcess {
 public:
  WriterProcess(const std::string& dir, const std::string& name,
                size_t file_bytes_max = 0);
  ~WriterProcess();
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  // Waits for its next line; nothing when there are no more.
  std::optional<std::string> NextLine();

  // SIGKILL. What it has said can still be read.
  void Kill() { process_->Kill(); }

 private:
  TempDir dir_;
  int said_ = -1;
  std::string buffer_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_WRITER_PROCESS_H_
