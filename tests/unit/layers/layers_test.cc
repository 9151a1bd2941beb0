// Which folder may include which. Data moves one way, from the ingress to the
// subscribers, and a folder knows only what it builds on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace enveloperelay {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

using Layers = std::map<std::string, std::set<std::string>>;

// Folders of server/ and the ones that they build on, besides themselves.
const Layers& AllowedLayers() {
  static const auto& layers = *new Layers{
      {"base", {}},
      {"access", {"base"}},
      {"config", {"base"}},
      {"http", {"base"}},
      {"log", {"base"}},
      {"signplus", {"base"}},
      {"quarantine", {"base", "log", "signplus"}},
      {"ingress", {"base", "http", "log", "quarantine", "signplus"}},
      {"stream", {"base", "log"}},
      {"subscriptions", {"base", "log", "stream"}},
      {"grpc",
       {"access", "base", "log", "quarantine", "stream", "subscriptions"}},
      {"admin", {"base", "http"}},
  };
  return layers;
}

struct Include {
  std::string from;  // path of the including file, from the root
  std::string path;  // what is included in quotes
};

// The quoted includes of every source file below `folder`.
std::vector<Include> IncludesOf(const std::string& folder) {
  const std::filesystem::path root = RELAY_SOURCE_DIR;
  std::vector<Include> includes;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root / folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cc" && extension != ".in") continue;
    std::ifstream file(entry.path());
    constexpr std::string_view kBegin = "#include \"";
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with(kBegin)) continue;
      const std::string rest = line.substr(kBegin.size());
      includes.push_back(
          {.from = std::filesystem::relative(entry.path(), root).string(),
           .path = rest.substr(0, rest.find('"'))});
    }
  }
  return includes;
}

// "log" of "server/log/tail.h"; empty for "server/main.cc" and what is not in
// server/.
std::string ServerFolder(std::string_view path) {
  constexpr std::string_view kServer = "server/";
  if (!path.starts_with(kServer)) return "";
  path.remove_prefix(kServer.size());
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? ""
                                         : std::string(path.substr(0, slash));
}

TEST(LayersTest, AFolderOfTheServerIncludesOnlyWhatItBuildsOn) {
  std::vector<std::string> violations;
  const std::vector<Include> includes = IncludesOf("server");
  for (const Include& include : includes) {
    const std::string from = ServerFolder(include.from);
    if (from.empty() || !include.path.starts_with("server/")) continue;
    const auto layer = AllowedLayers().find(from);
    const std::string to = ServerFolder(include.path);
    if (layer != AllowedLayers().end() &&
        (to == from || layer->second.contains(to))) {
      continue;
    }
    violations.push_back(include.from + " includes " + include.path);
  }
  EXPECT_THAT(includes, Not(IsEmpty()));
  EXPECT_THAT(violations, IsEmpty());
}

TEST(LayersTest, TheServerIncludesNothingOfClientAndTests) {
  for (const Include& include : IncludesOf("server")) {
    EXPECT_FALSE(include.path.starts_with("client/") ||
                 include.path.starts_with("tests/"))
        << include.from << " includes " << include.path;
  }
}

TEST(LayersTest, TheClientIncludesNothingOfTheServer) {
  for (const Include& include : IncludesOf("client")) {
    EXPECT_FALSE(include.path.starts_with("server/") ||
                 include.path.starts_with("tests/"))
        << include.from << " includes " << include.path;
  }
}

}  // namespace
}  // namespace enveloperelay
