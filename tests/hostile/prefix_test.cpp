// Every prefix of small sound files: what a copy that stopped half-way leaves is refused, or read as far as it goes.
// (Checkpoints: io/checkpoint_test.cpp.)
#include <gtest/gtest.h>

#include <algorithm>

#include "io/data/cohort_file.h"
#include "io/data/preprocess.h"
#include "io/data/split.h"
#include "io/formats/csv.h"
#include "io/formats/json.h"
#include "io/formats/png.h"
#include "io/formats/safetensors.h"
#include "io/formats/toml.h"
#include "study/config.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait::test {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<std::string>>;

fs::path source(const char* name) {
  return fs::path(PLAIT_SOURCE_DIR) / "tests" / name;
}

// Calls read(length, path) with a file of each length from 0 to all.
template <class Read>
void for_each_prefix(const char* name, Read&& read) {
  SCOPED_TRACE(name);
  const TemporaryFolder folder;
  const std::string whole = read_bytes(source(name));
  ASSERT_GT(whole.size(), 2u);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    SCOPED_TRACE(length);
    const std::string prefix = whole.substr(0, length);
    read(prefix, write_bytes(folder / fs::path(name).filename().string(), prefix), length == whole.size());
    if (testing::Test::HasFailure()) return;
  }
}

Rows rows_of(const fs::path& path) {
  CsvReader csv(path, "t.csv");
  Rows rows{csv.header()};
  while (csv.next()) {
    rows.emplace_back();
    for (std::size_t i = 0; i < csv.columns(); ++i) rows.back().emplace_back(csv.cell(i));
  }
  return rows;
}

// The rows of a prefix are those of the whole, but that the last cell of the last one may be cut, and the header may
// end early.
void expect_beginning(const Rows& read, const Rows& whole) {
  ASSERT_LE(read.size(), whole.size());
  for (std::size_t r = 0; r < read.size(); ++r) {
    const bool last = r + 1 == read.size();
    ASSERT_EQ(read[r].size(), last && r == 0 ? read[r].size() : whole[r].size());
    ASSERT_LE(read[r].size(), whole[r].size());
    for (std::size_t i = 0; i < read[r].size(); ++i)
      ASSERT_EQ(read[r][i], last && i + 1 == read[r].size() ? whole[r][i].substr(0, read[r][i].size()) : whole[r][i]);
  }
}

TEST(EveryPrefix, OfCsv) {
  for (const char* name : {"hostile/base/cohort/ehr.csv", "fuzz/seeds/csv/quotes.csv", "fuzz/seeds/csv/plain.csv"}) {
    const Rows whole = rows_of(source(name));
    int read = 0, refused = 0;
    for_each_prefix(name, [&](const std::string&, const fs::path& path, bool all) {
      Rows rows;
      const Thrown thrown = error_of([&] { rows = rows_of(path); });
      if (thrown.code == ExitCode::done) {
        expect_beginning(rows, whole);
        ++read;
      } else {
        ASSERT_EQ(thrown.code, ExitCode::data) << thrown.message;
        ASSERT_TRUE(thrown.says("t.csv")) << thrown.message;
        ++refused;
      }
      EXPECT_TRUE(!all || rows == whole);
    });
    EXPECT_GT(read, 5) << name;
    EXPECT_GT(refused, 5) << name;
  }
}

TEST(EveryPrefix, OfPng) {
  for (const char* name : {"fuzz/seeds/png/grey8.png", "fuzz/seeds/png/rgb16.png", "fuzz/seeds/png/palette4.png",
                           "fuzz/seeds/png/interlaced1.png", "fuzz/seeds/png/text.png"})
    for_each_prefix(name, [&](const std::string&, const fs::path& path, bool all) {
      const Thrown thrown = error_of([&] { read_png(path); });
      ASSERT_EQ(thrown.code, all ? ExitCode::done : ExitCode::data) << thrown.message;
      ASSERT_EQ(thrown.says(path.string()), !all) << thrown.message;
    });
}

TEST(EveryPrefix, OfSafetensors) {
  for (const char* name : {"fuzz/seeds/safetensors/two.safetensors", "fuzz/seeds/safetensors/empty.safetensors"})
    for_each_prefix(name, [&](const std::string&, const fs::path& path, bool all) {
      const Thrown thrown = error_of([&] { SafetensorsFile{path}; });
      ASSERT_EQ(thrown.code, all ? ExitCode::done : ExitCode::storage) << thrown.message;
      ASSERT_EQ(thrown.says(path.string()), !all) << thrown.message;
    });
}

// Keys with the paths to them and their values as text, in the order of the source.
void collect(const TomlTable& table, const std::string& path,
             std::vector<std::pair<std::string, std::string>>& leaves) {
  for (const TomlEntry& entry : table.entries) {
    const std::string name = path + "." + entry.key;
    if (const TomlTable* inner = entry.value.table()) {
      collect(*inner, name, leaves);
      continue;
    }
    std::string text = entry.value.type_name();
    if (entry.value.is_number()) text = std::to_string(entry.value.number());
    if (entry.value.string() != nullptr) text = *entry.value.string();
    leaves.emplace_back(name, text);
  }
}

TEST(EveryPrefix, OfToml) {
  for (const char* name : {"hostile/base/cohort/cohort.toml", "fuzz/seeds/run_config/complete.toml"}) {
    std::vector<std::pair<std::string, std::string>> whole;
    collect(*read_toml(source(name)).table(), "", whole);
    std::size_t most = 0;
    for_each_prefix(name, [&](const std::string& text, const fs::path&, bool all) {
      std::vector<std::pair<std::string, std::string>> leaves;
      const Thrown thrown = error_of([&] { collect(*parse_toml(text, "t.toml").table(), "", leaves); });
      ASSERT_TRUE(thrown.code == ExitCode::done || (thrown.code == ExitCode::data && thrown.says("t.toml:")))
          << thrown.message;
      ASSERT_LE(leaves.size(), whole.size());
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        ASSERT_EQ(leaves[i].first, whole[i].first);
        // A number that goes on in the rest of the file is another one.
        const bool cut = i + 1 == leaves.size() && !text.ends_with('\n');
        ASSERT_EQ(leaves[i].second, cut ? leaves[i].second : whole[i].second);
      }
      most = std::max(most, leaves.size());
      EXPECT_TRUE(!all || thrown.code == ExitCode::done) << thrown.message;
    });
    EXPECT_EQ(most, whole.size());
  }
}

TEST(EveryPrefix, OfACohortFile) {
  const TemporaryFolder folder;
  const std::string whole = read_bytes(source("hostile/base/cohort/cohort.toml"));
  const std::vector<std::string> names = {"ehr", "genes", "image"};
  std::vector<std::size_t> read;  // how many modalities, of the prefixes that are a cohort
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    write_bytes(folder / "cohort.toml", whole.substr(0, length));
    CohortFile file;
    const Thrown thrown = error_of([&] {
      ProblemLog log(ProblemLog::Mode::throw_first);
      file = read_cohort_file(folder.path(), log);
    });
    if (thrown.code == ExitCode::done) {
      read.push_back(file.modalities.size());
      ASSERT_LE(file.modalities.size(), names.size());
      for (std::size_t m = 0; m < file.modalities.size(); ++m) EXPECT_EQ(file.modalities[m].name, names[m]);
      EXPECT_EQ(file.labels_file, "labels.csv");
    } else {
      ASSERT_EQ(thrown.code, ExitCode::data) << length << ": " << thrown.message;
      ASSERT_TRUE(thrown.says("cohort.toml")) << thrown.message;
    }
  }
  EXPECT_TRUE(std::is_sorted(read.begin(), read.end()));
  EXPECT_EQ(std::count(read.begin(), read.end(), 3u), 2);  // with the last line's end, and without
}

TEST(EveryPrefix, OfARunConfiguration) {
  const std::vector<InputShape> modalities = {{.name = "ehr", .kind = ModalityKind::table},
                                              {.name = "genes", .kind = ModalityKind::expression},
                                              {.name = "image", .kind = ModalityKind::image}};
  const std::string whole = config_toml(load_config(modalities, source("fuzz/seeds/run_config/complete.toml")));
  int read = 0;
  for_each_prefix("fuzz/seeds/run_config/complete.toml", [&](const std::string&, const fs::path& path, bool all) {
    std::string text;
    const Thrown thrown = error_of([&] { text = config_toml(load_config(modalities, path)); });
    ASSERT_TRUE(thrown.code == ExitCode::done || (thrown.code == ExitCode::usage && thrown.says("complete.toml:")))
        << thrown.message;
    if (thrown.code == ExitCode::done) ++read;
    EXPECT_TRUE(!all || text == whole) << text;
  });
  EXPECT_GT(read, 10);
}

// A text in JSON ends with its last bracket.
void expect_all_but_space_needed(const Thrown& thrown, const std::string& prefix, std::size_t needed) {
  ASSERT_EQ(thrown.code, prefix.size() < needed ? ExitCode::data : ExitCode::done) << thrown.message;
  if (prefix.size() >= needed) return;
  const auto line = static_cast<std::size_t>(std::count(prefix.begin(), prefix.end(), '\n')) + 1;
  const std::size_t column = prefix.size() - (prefix.rfind('\n') + 1) + 1;  // of what is missing
  ASSERT_TRUE(thrown.says("t.json:" + std::to_string(line) + ":" + std::to_string(column) + ": ")) << thrown.message;
}

TEST(EveryPrefix, OfPreprocessJson) {
  for (const char* name : {"fuzz/seeds/preprocess/binary.json", "fuzz/seeds/preprocess/regression.json"}) {
    const std::size_t needed = read_bytes(source(name)).rfind('}') + 1;
    for_each_prefix(name, [&](const std::string& text, const fs::path&, bool) {
      expect_all_but_space_needed(error_of([&] { preprocess_from_json(text, "t.json"); }), text, needed);
    });
  }
}

TEST(EveryPrefix, OfSplitJson) {
  Cohort cohort;
  cohort.has_targets = true;
  cohort.target_names = {"label"};
  for (int i = 1; i <= 12; ++i) {
    cohort.ids.push_back((i < 10 ? "a0" : "a") + std::to_string(i));
    cohort.targets.push_back(i % 2);
  }
  const std::size_t needed = read_bytes(source("hostile/base/ids.json")).rfind('}') + 1;
  for_each_prefix("hostile/base/ids.json", [&](const std::string& text, const fs::path&, bool) {
    Split split;
    expect_all_but_space_needed(error_of([&] { split = split_from_json(text, "t.json", cohort); }), text, needed);
    EXPECT_TRUE(split.train.empty() || split.train.size() + split.validation.size() + split.test.size() == 12);
  });
}

}  // namespace
}  // namespace plait::test
