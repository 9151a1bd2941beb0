#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_EXECUTE_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_EXECUTE_H_

#include <string>
#include <string_view>

#include "enveloperelay/worker.h"

namespace enveloperelay::client {

// Runs `command` with /bin/sh, `input` on its standard input and its output on
// our standard error, and returns when it has ended: done at exit code 0, a
// retry at 75 (EX_TEMPFAIL of sysexits.h) or when it could not be started, else
// a dead letter. It need not read its input. Being in a process group of its
// own, it does not get the signals of our terminal. Thread-safe.
Handled Execute(const std::string& command, std::string_view input);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_EXECUTE_H_
