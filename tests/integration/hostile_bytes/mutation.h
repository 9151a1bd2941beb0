#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_BYTES_MUTATION_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_BYTES_MUTATION_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace enveloperelay::testing {

// What a hostile client sends on a connection.
struct HostileRequest {
  std::string bytes;
  // Its head is right and says truly how long the body is: there must be an
  // answer, whatever the body is.
  bool framed = false;
};

// Makes requests by damaging good ones, in head, body, framing or all of them.
// The same seed gives the same requests. Not thread-safe.
class RequestMaker {
 public:
  // `target` is where webhooks are posted to; of `bodies` there is at least
  // one, none of them empty.
  RequestMaker(std::string target, std::vector<std::string> bodies,
               uint64_t seed)
      : target_(std::move(target)), bodies_(std::move(bodies)), random_(seed) {}

  HostileRequest Next();

 private:
  // 0 to `end`, exclusive.
  size_t Below(size_t end) {
    return std::uniform_int_distribution<size_t>(0, end - 1)(random_);
  }
  char AnyByte() { return static_cast<char>(Below(256)); }

  std::string Body() { return bodies_[Below(bodies_.size())]; }
  std::string Head(std::string_view length_fields) const;
  std::string Chunked(std::string_view body);
  // Changes some places, at most 8.
  std::string Mutate(std::string text);
  void MutateOnce(std::string& text);

  const std::string target_;
  const std::vector<std::string> bodies_;
  std::mt19937_64 random_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_BYTES_MUTATION_H_
