#ifndef ENVELOPE_RELAY_SERVER_BASE_LOGGING_H_
#define ENVELOPE_RELAY_SERVER_BASE_LOGGING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace enveloperelay {

// From the least to the most severe.
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

enum class LogFormat : uint8_t { kText, kJson };

// "debug", "info", "warning" or "error".
std::string_view ToString(LogLevel level);

// Makes spdlog's default logger write one line a message to standard error,
// from `level` on. Call it once, before other threads log; until then spdlog's
// own default is in force. Each line is written out before the call that logs
// it returns, so a crash loses none.
//
// Code logs with spdlog::info("…{}…", value) and its like. No message holds a
// token or a body.
void SetUpLogging(LogLevel level, LogFormat format);

// Returns `message` as one line without its end. Control characters, line
// ends among them, and bytes that are not UTF-8 are escaped or replaced, so
// that what a client sends cannot forge a line.
//
// kText: `2026-01-02T03:04:05.678901Z warning message`
// kJson:
// `{"time":"2026-01-02T03:04:05.678901Z","level":"warning","message":"…"}`
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          std::string_view message);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_LOGGING_H_
