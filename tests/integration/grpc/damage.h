#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_GRPC_DAMAGE_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_GRPC_DAMAGE_H_

#include <filesystem>
#include <fstream>
#include <ios>
#include <string>

#include "gtest/gtest.h"

namespace enveloperelay::testing {

// Inverts a block in the middle of the largest table of the log in `data_dir`.
inline void DamageTheLargestTable(const std::string& data_dir) {
  namespace fs = std::filesystem;
  fs::path largest;
  for (const auto& entry : fs::recursive_directory_iterator(data_dir)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) {
      largest = entry.path();
    }
  }
  ASSERT_FALSE(largest.empty());
  std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(4096, '\0');
  const auto middle = static_cast<std::streamoff>(fs::file_size(largest) / 2);
  file.seekg(middle);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  for (char& c : bytes) c = static_cast<char>(~c);
  file.seekp(middle);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good());
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_GRPC_DAMAGE_H_
