// `plait synth`: the folder it writes, byte for byte, and what the other subcommands make of it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/plait_program.h"

namespace plait::test {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

Finished synth(const fs::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"synth", "--out", out, "--patients", "60", "--genes", "30"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return plait_run(arguments);
}

// Relative path -> bytes.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder)] = read_bytes(entry.path());
  return files;
}

TEST(Synth, WritesAPrivateCohortThatCheckAccepts) {
  const TemporaryFolder folder;
  for (const std::string task : {"cancer", "cardiac", "metabolic", "mortality"}) {
    const Finished written = synth(folder / task, {"--task", task, "--missing", "0.3"});
    ASSERT_EQ(written.code, 0) << written.err;
    EXPECT_EQ(written.err, "");
    EXPECT_TRUE(written.prints("60 patients, ") && written.prints("ehr + image + genomics")) << written.out;
    for (const auto& entry : fs::recursive_directory_iterator(folder / task)) {
      const fs::perms owner =
          entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write;
      EXPECT_EQ(entry.status().permissions(), owner) << entry.path();
    }
    const Finished checked = plait_run({"check", folder / task});
    EXPECT_EQ(checked.code, 0) << checked.err;
    EXPECT_TRUE(checked.prints("cohort synth-" + task + "-1: 60 patients, binary task") &&
                checked.prints("32 x 32 x 1") && checked.prints("No problem found."))
        << checked.out;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 4);  // nothing beside them
}

TEST(Synth, SameSeedSameBytesForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  // More patients than a block has, so that blocks are cut differently by different numbers of threads.
  const std::vector<std::string> arguments = {"synth", "--patients",          "530",    "--genes", "4", "--image-size",
                                              "16",    "--missing-mechanism", "latent", "--out"};
  const auto written = [&](const std::string& name, const std::string& processors, const std::string& seed) {
    std::vector<std::string> words = {"taskset", "-c", processors, PLAIT_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.insert(words.end(), {folder / name, "--seed", seed});
    const Finished finished = run_program(words);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return files_of(folder / name);
  };
  if (run_program({"taskset", "-c", "0,1", "true"}).code != 0) GTEST_SKIP() << "one processor, or no taskset";
  const auto one = written("one", "0", "1"), two = written("two", "0,1", "1"), other = written("other", "0", "2");
  EXPECT_GT(one.size(), 400u);
  EXPECT_TRUE(one == two);
  EXPECT_FALSE(one.at("labels.csv") == other.at("labels.csv"));
}

TEST(Synth, TruthTellsWhatTheFolderHolds) {
  const TemporaryFolder folder;
  ASSERT_EQ(synth(folder / "c", {"--missing", "0.4"}).code, 0);
  const Json truth = Json::parse(read_bytes(folder / "c" / "truth.json"));
  EXPECT_EQ(truth.at("planted_order"), Json({"genomics", "image", "ehr"}));
  EXPECT_EQ(truth.at("ceilings").size(), 7u);
  EXPECT_EQ(truth.at("availability_mix"), truth.at("ceilings").at(6).at("available"));
  ASSERT_EQ(truth.at("patients").size(), 60u);
  const std::string labels = read_bytes(folder / "c" / "labels.csv"), ehr = read_bytes(folder / "c" / "ehr.csv"),
                    genomics = read_bytes(folder / "c" / "genomics.csv");
  const Json& label = truth.at("label");
  for (const Json& patient : truth.at("patients")) {
    const std::string id = patient.at("id");
    EXPECT_NE(labels.find("\n" + id + "," + std::to_string(patient.at("label").get<int>()) + "\n"), labels.npos) << id;
    const auto has = patient.at("available").get<std::set<std::string>>();
    EXPECT_EQ(ehr.find("\n" + id + ",") != ehr.npos, has.contains("ehr")) << id;
    EXPECT_EQ(genomics.find("\n" + id + ",") != genomics.npos, has.contains("genomics")) << id;
    EXPECT_EQ(fs::exists(folder / "c" / "images" / (id + ".png")), has.contains("image")) << id;
    // The true probability, from the file's own numbers.
    double logit = label.at("bias");
    for (const auto& [name, weight] : label.at("weights").items())
      logit += weight.get<double>() * patient.at("signals").at(name).get<double>();
    for (const Json& term : label.at("interactions"))
      logit += term.at("weight").get<double>() * patient.at("signals").at(term.at("modalities")[0]).get<double>() *
               patient.at("signals").at(term.at("modalities")[1]).get<double>();
    EXPECT_NEAR(patient.at("probability").get<double>(), 1.0 / (1.0 + std::exp(-logit)), 1e-6) << id;
  }
}

TEST(Synth, OnePatientWithoutHoles) {
  const TemporaryFolder folder;
  const Finished written =
      plait_run({"synth", "--out", folder / "c", "--patients", "1", "--genes", "1", "--missing", "0"});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_TRUE(fs::exists(folder / "c" / "images" / "P000001.png"));
  const Json truth = Json::parse(read_bytes(folder / "c" / "truth.json"));
  EXPECT_TRUE(truth.at("availability_mix").at("observed").at("auc").is_null());  // one class
}

TEST(Synth, RefusesWhatItMustNotDo) {
  const TemporaryFolder folder;
  write_bytes(folder / "taken", "mine");
  EXPECT_TRUE(refused(synth(folder / "taken"), 2));
  EXPECT_EQ(read_bytes(folder / "taken"), "mine");
  for (const auto& [option, value] : std::vector<std::pair<std::string, std::string>>{{"--patients", "0"},
                                                                                      {"--prevalence", "1"},
                                                                                      {"--missing", "-0.1"},
                                                                                      {"--genes", "0"},
                                                                                      {"--image-size", "7"}}) {
    std::vector<std::string> words = {"synth", "--out", folder / "c", option, value};
    const Finished finished = plait_run(words);
    EXPECT_TRUE(refused(finished, 2)) << option << finished.err;
    EXPECT_TRUE(finished.says(option)) << finished.err;
  }
  // What the integer type would wrap around or cut is not somebody else's seed.
  for (const auto& [option, value] :
       std::vector<std::pair<std::string, std::string>>{{"--seed", "-1"},
                                                        {"--seed", "18446744073709551616"},
                                                        {"--patients", "99999999999999999999"},
                                                        {"--patients", "1e3"},
                                                        {"--genes", "4294967297"}}) {
    const Finished finished = plait_run({"synth", "--out", folder / "c", option, value});
    EXPECT_TRUE(refused(finished, 2)) << option << finished.err;
    EXPECT_TRUE(finished.says(option + ": " + value + " is no whole number from ")) << finished.err;
  }
  EXPECT_EQ(plait_run({"synth", "--out", folder / "c", "--task", "hair"}).code, 2);
  EXPECT_EQ(plait_run({"synth"}).code, 2);
  EXPECT_FALSE(fs::exists(folder / "c"));
}

}  // namespace
}  // namespace plait::test
