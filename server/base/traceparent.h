#ifndef ENVELOPE_RELAY_SERVER_BASE_TRACEPARENT_H_
#define ENVELOPE_RELAY_SERVER_BASE_TRACEPARENT_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace enveloperelay {

// A trace context (W3C Trace Context, section 3.2): the header field
// `traceparent` of version 00, `00-<trace id>-<parent id>-<flags>`, which are
// 32, 16 and 2 hexadecimal digits in lower case. Neither id is all zeros.
class Traceparent {
 public:
  static constexpr size_t kSize = 55;

  // Reads a field. Of a later version it takes what version 00 knows, as
  // section 3.2.4 has it. Nothing: the field is none.
  static std::optional<Traceparent> Read(std::string_view field);

  // Begins a trace. Its ids are random; they are unique, and no secrets. Its
  // flags say that nothing of it was recorded up to here. Thread-safe.
  static Traceparent Make();

  std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, kSize> text_ = {};
};

// The trace id of `traceparent`, which is a Traceparent's text, or empty.
std::string_view TraceIdOf(std::string_view traceparent);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_TRACEPARENT_H_
