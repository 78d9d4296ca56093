// Bad input: one clear line with the place, the right exit code, no patient's value in it, and nothing half-written.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <functional>

#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

// Options of the small model for a cohort that has its modalities.
Finished train_on(const CohortFolder& cohort, const std::filesystem::path& out,
                  const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train", cohort.path(), "--out", out};
  for (const std::string& option : small_model_options()) arguments.push_back(option);
  arguments.insert(arguments.end(), more.begin(), more.end());
  return plait_run(arguments);
}

void replace(CohortFolder& cohort, const std::string& file, const std::string& from, const std::string& to) {
  std::string text = read_bytes(cohort.path() / file);
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  cohort.write(file, text.replace(at, from.size(), to));
}

void append(CohortFolder& cohort, const std::string& file, const std::string& text) {
  cohort.write(file, read_bytes(cohort.path() / file) + text);
}

// A PNG whose header promises height x width pixels, checksums right.
std::string png_promising(std::uint32_t height, std::uint32_t width) {
  const auto word = [](std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255u);
    return bytes;
  };
  const auto chunk = [&](const std::string& body) {  // type and data
    const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return word(static_cast<std::uint32_t>(body.size() - 4)) + body + word(static_cast<std::uint32_t>(sum));
  };
  const std::string header = "IHDR" + word(width) + word(height) + std::string("\x08\0\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + chunk(header) + chunk("IDAT") + chunk("IEND");
}

struct BadCohort {
  const char* name;
  std::function<void(CohortFolder&)> spoil;
  std::vector<std::string> says;    // the place among them
  std::string secret = "8315.772";  // a value that no message may repeat

  friend void PrintTo(const BadCohort& it, std::ostream* out) { *out << it.name; }
};

const std::vector<BadCohort>& bad_cohorts() {
  static const std::vector<BadCohort> all = {
      {"PatientTwiceInLabels",
       [](CohortFolder& c) { append(c, "labels.csv", "001,1\n"); },
       {"labels.csv:50:1: ", "line 3"}},
      {"PatientTwiceInTable",
       [](CohortFolder& c) {
         c.write("ehr.csv", "patient_id,age\n001,50\n002,51\n001,8315.772\n");
         replace(c, "cohort.toml", "categorical = [\"ward\"]", "");
       },
       {"ehr.csv:4:1: ", "line 2"}},
      {"RaggedRow", [](CohortFolder& c) { append(c, "genomics.csv", "x,1,8315.772\n"); }, {"genomics.csv:", "3", "6"}},
      {"TextAmongNumbers",
       [](CohortFolder& c) { append(c, "ehr.csv", "secretive,newcomer,f,1,120\n"); },
       {"ehr.csv:", ":1: ", "column \"age\"", "categorical"},
       "secretive"},
      {"NumberAmongText",
       [](CohortFolder& c) { append(c, "ehr.csv", "40,newcomer,8315.772,1,120\n"); },
       {"ehr.csv:", ":3: ", "column \"sex\""}},
      {"TextInExpression",
       [](CohortFolder& c) { append(c, "genomics.csv", "x,1,2,secretive,4,5\n"); },
       {"genomics.csv:", ":4: ", "column \"G3\""},
       "secretive"},
      {"Infinity",
       [](CohortFolder& c) { append(c, "genomics.csv", "x,1,2,-inf,4,5\n"); },
       {"genomics.csv:", ":4: "},
       "-inf"},
      {"NumberTooLarge",
       [](CohortFolder& c) { append(c, "genomics.csv", "x,1,2,3,4,8315e300\n"); },
       {"genomics.csv:", ":6: "},
       "8315e300"},
      {"UnknownTarget",
       [](CohortFolder& c) { replace(c, "cohort.toml", "target = \"label\"", "target = \"labl\""); },
       {"cohort.toml:6:10: ", "did you mean \"label\""}},
      {"ThirdClass", [](CohortFolder& c) { append(c, "labels.csv", "new,8315.772\n"); }, {"labels.csv:50:2: "}},
      {"OneClassOnly",
       [](CohortFolder& c) { c.write("labels.csv", "patient_id,label\n001,1\n002,1\n003,1\n"); },
       {"labels.csv: ", "one value only"}},
      {"NoLabels", [](CohortFolder& c) { c.write("labels.csv", "patient_id,label\n"); }, {"labels.csv: "}},
      {"EmptyLabels", [](CohortFolder& c) { c.write("labels.csv", ""); }, {"labels.csv"}},
      {"NobodyMatches",
       [](CohortFolder& c) { c.write("labels.csv", "patient_id,label\na,1\nb,0\nc,1\n"); },
       {"labels.csv: ", "ids"}},
      {"MissingTable", [](CohortFolder& c) { std::filesystem::remove(c.path() / "ehr.csv"); }, {"ehr.csv"}},
      {"MissingImages", [](CohortFolder& c) { std::filesystem::remove_all(c.path() / "images"); }, {"images"}},
      {"MissingCohortFile",
       [](CohortFolder& c) { std::filesystem::remove(c.path() / "cohort.toml"); },
       {"cohort.toml"}},
      {"BrokenToml", [](CohortFolder& c) { append(c, "cohort.toml", "[modality.\n"); }, {"cohort.toml:17:"}},
      {"UnknownKeyInCohortFile",
       [](CohortFolder& c) { append(c, "cohort.toml", "flies = 3\n"); },
       {"cohort.toml:17:1: ", "\"files\""}},
      {"ImageInColour",
       [](CohortFolder& c) { c.image("images/0010.png", 9, 7, 3, std::vector<std::uint8_t>(189, 9)); },
       {"0010.png: ", "channel"}},
      {"TruncatedImage",
       [](CohortFolder& c) {
         const std::string whole = read_bytes(c.path() / "images/0010.png");
         c.write("images/0010.png", whole.substr(0, whole.size() - 20));
       },
       {"0010.png: "}},
      {"EmptyImage", [](CohortFolder& c) { c.write("images/0010.png", ""); }, {"0010.png: "}},
      {"AbsurdImageSize",
       [](CohortFolder& c) { c.write("images/0010.png", png_promising(0x7fffffff, 0x7fffffff)); },
       {"0010.png: "}},
      {"LargeImageArea",
       [](CohortFolder& c) { c.write("images/0010.png", png_promising(16000, 16000)); },
       {"0010.png: "}},
      {"NoPixels", [](CohortFolder& c) { c.write("images/0010.png", png_promising(0, 7)); }, {"0010.png: "}},
      {"PathUpwards",
       [](CohortFolder& c) { replace(c, "cohort.toml", "\"ehr.csv\"", "\"../ehr.csv\""); },
       {"cohort.toml:9:8: ", ".."}},
      {"AbsolutePath",
       [](CohortFolder& c) { replace(c, "cohort.toml", "\"ehr.csv\"", "\"/etc/passwd\""); },
       {"cohort.toml:9:8: ", "absolute"},
       "root:"},
      {"LinkedTable",
       [](CohortFolder& c) {
         std::filesystem::remove(c.path() / "ehr.csv");
         std::filesystem::create_symlink("/etc/passwd", c.path() / "ehr.csv");
       },
       {"cohort.toml:9:8: ", "symbolic link"},
       "root:"},
      {"LinkedImage",
       [](CohortFolder& c) {
         std::filesystem::remove(c.path() / "images/0010.png");
         std::filesystem::create_symlink("/etc/hostname", c.path() / "images/0010.png");
       },
       {"0010.png: ", "symbolic link"}},
  };
  return all;
}

class BadInput : public testing::TestWithParam<BadCohort> {};

TEST_P(BadInput, IsRefusedWithItsPlaceAndNothingIsWritten) {
  const BadCohort& bad = GetParam();
  SmallCohortFolder cohort;
  bad.spoil(cohort);
  const TemporaryFolder folder;
  const Finished trained = train_on(cohort, folder / "run");
  EXPECT_TRUE(refused(trained, 3)) << trained.code << "\n" << trained.out << trained.err;
  for (const std::string& part : bad.says) EXPECT_TRUE(trained.says(part)) << part << "\n" << trained.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "something was left behind";

  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 3) << checked.err;
  for (const std::string& part : bad.says) EXPECT_TRUE(checked.says(part)) << part << "\n" << checked.err;
  for (const std::string& text : {trained.err, checked.err, checked.out})
    EXPECT_EQ(text.find(bad.secret), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(Cohorts, BadInput, testing::ValuesIn(bad_cohorts()),
                         [](const auto& instance) { return instance.param.name; });

TEST(BadOutput, AnExistingFolderIsLeftAlone) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "run");
  write_bytes(folder / "run" / "precious", "mine");
  const Finished trained = train_on(cohort, folder / "run");
  EXPECT_TRUE(refused(trained, 2)) << trained.err;
  EXPECT_TRUE(trained.says("exists already")) << trained.err;
  EXPECT_EQ(read_bytes(folder / "run" / "precious"), "mine");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(BadOutput, AFolderThatCannotBeMadeIsAStorageError) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  write_bytes(folder / "file", "");  // also for root, who may write everywhere else
  const Finished trained = train_on(cohort, folder / "file" / "run");
  EXPECT_TRUE(refused(trained, 4)) << trained.err;
  EXPECT_TRUE(trained.says("file")) << trained.err;
}

TEST(BadOutput, AReadOnlyFolderIsAStorageError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write into read-only folders";
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "closed");
  std::filesystem::permissions(folder / "closed", std::filesystem::perms(0500));
  const Finished trained = train_on(cohort, folder / "closed" / "run");
  EXPECT_TRUE(refused(trained, 4)) << trained.err;
}

TEST(BadConfiguration, MissingFilesAreNamed) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  const std::vector<std::tuple<int, const char*, std::vector<std::string>>> missing = {
      {2, "absent.toml", {"--config", folder / "absent.toml"}},
      {3, "absent.json", {"--ids", folder / "absent.json"}},
      {4, "absent.safetensors", {"--init", folder / "absent.safetensors"}}};
  for (const auto& [code, name, options] : missing) {
    const Finished trained = train_on(cohort, folder / "run", options);
    EXPECT_EQ(trained.code, code) << name << trained.err;
    EXPECT_TRUE(trained.says(name)) << trained.err;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << name;
  }
  const Finished checked = plait_run({"check", folder / "absent"});
  EXPECT_EQ(checked.code, 3);
  EXPECT_TRUE(checked.says("absent: ")) << checked.err;
}

TEST(BadConfiguration, ValuesOutOfRangeAreRefusedBeforeAnythingIsWritten) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  for (const char* set :
       {"train.epochs=-1", "train.learning_rate=0", "train.learning_rate=nan", "train.test=1.0", "train.seed=1.5",
        "model.fusion=sideways", "model.embed_dim=0", "encoder.pet.hidden=[4]", "train.modality_keep={pet = 0.5}",
        "encoder.ehr.channels=[4]", "train.batch_size", "=3", "encoder.image.channels=[4, 4, 4, 4]"}) {
    const Finished trained = train_on(cohort, folder / "run", {"--set", set});
    EXPECT_EQ(trained.code, 2) << set << "\n" << trained.err;
    EXPECT_TRUE(trained.err.starts_with("plait: ")) << set << "\n" << trained.err;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << set;
  }
}

TEST(BadRun, DamagedModelsAreStorageErrors) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  ASSERT_EQ(train_on(cohort, folder / "run", {"--set", "train.epochs=1"}).code, 0);
  const std::filesystem::path file = folder / "run" / "model.safetensors";
  const std::string whole = read_bytes(file);
  std::string huge = whole, renamed = whole;
  huge.replace(0, 8, std::string(8, '\xff'));  // the length of the header
  renamed.replace(renamed.find("head.bias"), 9, "head.bios");
  const std::vector<std::pair<std::string, std::string>> damaged = {{"empty", ""},
                                                                    {"short", whole.substr(0, 6)},
                                                                    {"cut", whole.substr(0, whole.size() - 4)},
                                                                    {"longer", whole + "1234"},
                                                                    {"header", huge},
                                                                    {"other names", renamed}};
  for (const auto& [what, bytes] : damaged) {
    write_bytes(file, bytes);
    for (const char* subcommand : {"evaluate", "predict"}) {
      std::vector<std::string> arguments = {subcommand, folder / "run", cohort.path()};
      if (arguments[0] == "predict") arguments.insert(arguments.end(), {"--out", folder / "p.csv"});
      const Finished finished = plait_run(arguments);
      EXPECT_TRUE(refused(finished, 4)) << what << "\n" << finished.err;
      EXPECT_TRUE(finished.says("model.safetensors")) << what << "\n" << finished.err;
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "p.csv"));
  }
}

TEST(BadRun, AConfigurationThatTheWeightsWereNotTrainedWithIsRefused) {
  SmallCohortFolder cohort;
  const TemporaryFolder folder;
  ASSERT_EQ(train_on(cohort, folder / "run", {"--set", "train.epochs=0"}).code, 0);
  const std::filesystem::path file = folder / "run" / "config.toml";
  std::string text = read_bytes(file);
  const std::string rule = "concat_rescale = \"present\"";
  ASSERT_NE(text.find(rule), std::string::npos);
  write_bytes(file, text.replace(text.find(rule), rule.size(), "concat_rescale = \"none\""));
  const Finished finished = plait_run({"evaluate", folder / "run", cohort.path()});
  EXPECT_TRUE(refused(finished, 4)) << finished.err;
  EXPECT_TRUE(finished.says("model.safetensors") && finished.says("another model")) << finished.err;
  // A folder that is no run at all is named as such.
  const Finished other = plait_run({"info", cohort.path()});
  EXPECT_TRUE(refused(other, 4) && other.says("no run folder")) << other.err;
}

TEST(BadRun, OtherDamagedFilesAreStorageErrors) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  ASSERT_EQ(train_on(cohort, folder / "run", {"--set", "train.epochs=0"}).code, 0);
  for (const char* name : {"config.toml", "preprocess.json", "split.json", "summary.json", "model.safetensors"}) {
    const std::filesystem::path file = folder / "run" / name;
    const std::string whole = read_bytes(file);
    const auto expect_refusal = [&](const char* what) {
      const Finished finished = plait_run({"evaluate", folder / "run", cohort.path()});
      EXPECT_TRUE(refused(finished, 4)) << name << " " << what << ": " << finished.code << finished.err;
      EXPECT_TRUE(finished.says(name)) << what << ": " << finished.err;
    };
    write_bytes(file, whole.substr(0, whole.size() / 2) + "\x01");
    expect_refusal("cut");
    if (std::string(name) != "config.toml") {  // an empty configuration is one: all defaults
      write_bytes(file, "");
      expect_refusal("empty");
    }
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
    expect_refusal("a folder");
    std::filesystem::remove(file);
    expect_refusal("missing");
    write_bytes(file, whole);
  }
  // Well-formed, but not of this run: a value that no configuration may have, an id that the cohort does not have.
  const auto with = [&](const char* name, const std::string& from, const std::string& to) {
    const std::filesystem::path file = folder / "run" / name;
    const std::string whole = read_bytes(file);
    std::string text = whole;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    write_bytes(file, text.replace(text.find(from), from.size(), to));
    const Finished finished = plait_run({"evaluate", folder / "run", cohort.path()});
    EXPECT_TRUE(refused(finished, 4) && finished.says(name)) << to << ": " << finished.code << finished.err;
    write_bytes(file, whole);
  };
  with("config.toml", "embed_dim = 8", "embed_dim = -8");
  with("config.toml", "[encoder.ehr]", "[encoder.pet]");
  with("preprocess.json", "\"format\": 1", "\"format\": 7");
  with("split.json", "\"001\"", "\"stranger\"");
  EXPECT_EQ(plait_run({"evaluate", folder / "run", cohort.path()}).code, 0);
}

TEST(BadConfiguration, AFolderInPlaceOfAFileIsNamedAsOne) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "surprise");
  for (const auto& [code, option] : {std::pair(3, "--ids"), std::pair(2, "--config"), std::pair(4, "--init")}) {
    const Finished trained = train_on(cohort, folder / "run", {option, folder / "surprise"});
    EXPECT_EQ(trained.code, code) << option << trained.err;
    EXPECT_TRUE(trained.says("surprise: is a folder, not a file")) << option << trained.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "run")) << option;
  }
}

// The ids file says nothing that a message may repeat.
TEST(BadConfiguration, NamesInTheIdsFileAreNotRepeated) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  for (const char* text : {R"({"train": ["001"], "secretive": []})", R"({"secretive": 1, "secretive": 2})",
                           R"({"train": ["secretive"]})"}) {
    write_bytes(folder / "ids.json", text);
    const Finished trained = train_on(cohort, folder / "run", {"--ids", folder / "ids.json"});
    EXPECT_TRUE(refused(trained, 3)) << trained.err;
    EXPECT_TRUE(trained.says("ids.json: ")) << trained.err;
    EXPECT_FALSE(trained.says("secretive")) << trained.err;
  }
}

// Numbers that single precision holds and a network cannot use.
TEST(BadNumbers, NoCellLeadsToANumberThatIsNotFinite) {
  SmallCohortFolder cohort;
  const TemporaryFolder folder;
  ASSERT_EQ(train_on(cohort, folder / "run").code, 0);
  append(cohort, "labels.csv", "huge,1\n");
  append(cohort, "genomics.csv", "huge,1,2,-3e38,4,5\n");
  const std::string place =
      "genomics.csv:" + std::to_string(1 + std::ranges::count(read_bytes(cohort.path() / "genomics.csv"), '\n') - 1) +
      ":4: column \"G3\"";
  const Finished predicted = plait_run({"predict", folder / "run", cohort.path(), "--out", folder / "p.csv"});
  EXPECT_TRUE(refused(predicted, 3)) << predicted.code << predicted.err;
  EXPECT_TRUE(predicted.says(place)) << place << "\n" << predicted.err;
  EXPECT_FALSE(predicted.says("3e38")) << predicted.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "p.csv"));

  // In training the deviation grows with it; subnormal columns have one as well.
  std::string genomics = "patient_id,G1,G2,G3,G4,G5\n";
  for (int i = 0; i < 48; ++i)
    genomics += SmallCohort::id(i) + "," + std::to_string(i) + "e-42,1e-45," + (i == 20 ? "3e38" : "1") + "," +
                (i % 2 == 0 ? "-3e38" : "3e38") + "," + std::to_string(i % 5) + "\n";
  SmallCohortFolder fresh;
  fresh.write("genomics.csv", genomics);
  const Finished trained =
      train_on(fresh, folder / "extreme", {"--set", "train.test=0", "--set", "train.validation=0"});
  EXPECT_EQ(trained.code, 0) << trained.err;
  const Finished all = plait_run({"predict", folder / "extreme", fresh.path(), "--out", folder / "p.csv"});
  EXPECT_EQ(all.code, 0) << all.err;
  const std::string rows = read_bytes(folder / "p.csv");
  EXPECT_EQ(rows.find("nan"), std::string::npos);
  EXPECT_EQ(rows.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace plait::test
