#ifndef ENVELOPE_RELAY_TESTS_FUZZ_INPUT_H_
#define ENVELOPE_RELAY_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

// What libFuzzer, or replay_main.cc, calls with each input. Returns 0; aborts
// when a property does not hold.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace enveloperelay::testing {

// Takes an input apart from its front; what is missing is zero.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  uint8_t Byte() {
    const std::string_view byte = Bytes(1);
    return byte.empty() ? uint8_t{0} : static_cast<uint8_t>(byte.front());
  }
  // Of 8 bytes, big-endian.
  uint64_t Number() {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return number;
  }
  // As many as there are, at most `size`.
  std::string_view Bytes(size_t size) {
    const std::string_view bytes =
        rest_.substr(0, std::min(size, rest_.size()));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  // A part with its length in two bytes in front.
  std::string_view Part() {
    const size_t high = Byte();
    return Bytes(high << 8 | Byte());
  }
  std::string_view Rest() { return Bytes(rest_.size()); }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_FUZZ_INPUT_H_
