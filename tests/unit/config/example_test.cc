// deploy/envelope-relay.toml, which people copy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "server/config/load.h"
#include "server/config/options.h"
#include "server/config/toml_file.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay {
namespace {

using ::testing::IsEmpty;

// Its settings, `#name = value`; what else stands behind a # is prose.
std::vector<std::string> CommentedSettings() {
  std::ifstream file(RELAY_EXAMPLE_TOML);
  std::vector<std::string> settings;
  for (std::string line; std::getline(file, line);) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') {
      settings.push_back(line.substr(1));
    }
  }
  return settings;
}

TEST(ExampleTest, IsAcceptedAsItIs) {
  EXPECT_TRUE(LoadConfig({.arguments = {"--config", RELAY_EXAMPLE_TOML},
                          .environment = {},
                          .version = ""})
                  .ok());
}

TEST(ExampleTest, HasEveryOptionWithItsDefault) {
  const testing::TempDir directory;
  const std::string path = directory.File("all.toml");
  std::ofstream file(path);
  for (const std::string& setting : CommentedSettings()) {
    file << setting << "\n";
  }
  file.close();

  const TomlFile read = ReadTomlFile(path);

  std::map<std::string, std::string> found;
  for (const TomlSetting& setting : read.settings) {
    found[setting.option->name] = setting.text;
  }
  std::map<std::string, std::string> defaults;
  for (const Option& option : Options()) {
    defaults[option.name] = option.default_text;
  }
  EXPECT_THAT(read.errors, IsEmpty());
  EXPECT_EQ(found, defaults);
}

}  // namespace
}  // namespace enveloperelay
