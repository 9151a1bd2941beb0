#ifndef ENVELOPE_RELAY_SERVER_BASE_LOGGING_H_
#define ENVELOPE_RELAY_SERVER_BASE_LOGGING_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"

namespace enveloperelay {

// From the least to the most severe.
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

enum class LogFormat : uint8_t { kText, kJson };

// "debug", "info", "warning" or "error".
std::string_view ToString(LogLevel level);

// The fields that a line may have besides time, level and message. What each
// means is in deploy/LOGS.md, which a test compares with these.
enum class LogKey : uint8_t {
  kAdminPort,
  kCause,
  kCommit,
  kCount,
  kDataDir,
  kDetail,
  kDuplicate,
  kEventId,
  kFile,
  kGrpcPort,
  kHeldBack,
  kIngressPort,
  kKind,
  kMethod,
  kName,
  kPeer,
  kPrincipal,
  kReason,
  kRequestId,
  kSequence,
  kSignal,
  kSubscription,
  kToken,
  kTraceId,
  kVersion,
};
inline constexpr LogKey kLogKeyLast = LogKey::kVersion;

// "event_id".
std::string_view ToString(LogKey key);

// A field of a line. A text must outlive this.
class LogField {
 public:
  // An empty text is as good as no field.
  LogField(LogKey key, std::string_view text) : key_(key), value_(text) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  LogField(LogKey key, Number number)
      : key_(key), value_(static_cast<int64_t>(number)) {}
  LogField(LogKey key, std::same_as<bool> auto truth)
      : key_(key), value_(truth) {}

  // Appends it, with what stands in front of a field, unless it is empty.
  void AppendTo(LogFormat format, std::string& line) const;

 private:
  LogKey key_;
  std::variant<std::string_view, int64_t, bool> value_;
};

using LogFields = std::initializer_list<LogField>;

// From now on lines are of this format and of `level` or above; until it is
// called they are text, from kInfo on. Call it once, before other threads log.
void SetUpLogging(LogLevel level, LogFormat format);

// Write one line to standard error, before they return, so a crash loses none.
// `message` is a constant that says what has happened; whatever differs from
// one time to the next is a field. No field holds a token or a body.
// Thread-safe.
void LogDebug(std::string_view message, LogFields fields = {});
void LogInfo(std::string_view message, LogFields fields = {});
void LogWarning(std::string_view message, LogFields fields = {});
void LogError(std::string_view message, LogFields fields = {});

// Whether LogDebug writes anything: where making its fields costs something.
bool LogsDebug();

// As LogError, without fields and time, and without a lock: for a handler of
// signals. `message` has at most 100 bytes, none of which is to be escaped.
void LogErrorInSignalHandler(std::string_view message);

// Returns a line without its end. Control characters, line ends of Unicode
// among them, and bytes that are not UTF-8 are escaped or replaced, so that
// what a client sends can forge neither a line nor a field.
//
// kText: `2026-01-02T03:04:05.678901Z warning message key=text other="a text"`,
//   where a text that is not just graphic ASCII without `"`, `=` and `\` stands
//   as in JSON;
// kJson: `{"time":"2026-01-02T03:04:05.678901Z","level":"warning",
//   "message":"message","key":"text"}`, in one line.
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          std::string_view message, LogFields fields);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_LOGGING_H_
