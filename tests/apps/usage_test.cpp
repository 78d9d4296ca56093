// Wrong usage and the commands that need no run: help, check, info, devices.
#include <gtest/gtest.h>

#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

TEST(Usage, HelpOfEverySubcommandNamesItsOptions) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> options = {
      {"check", {"cohort"}},
      {"train", {"cohort", "--out", "--config", "--set", "--ids", "--init", "--device", "--trace"}},
      {"evaluate", {"run", "cohort", "--split", "--without", "--json", "--device", "--trace"}},
      {"predict", {"run", "cohort", "--out", "--device", "--trace"}},
      {"explain",
       {"run", "cohort", "--out", "--split", "--no-targets", "--no-features", "--per-patient", "--steps", "--maps",
        "--map-patients", "--json", "--device", "--trace"}},
      {"info", {"run"}}};
  const Finished top = plait_run({"--help"});
  EXPECT_EQ(top.code, 0);
  EXPECT_EQ(top.err, "");
  for (const auto& [subcommand, names] : options) {
    EXPECT_TRUE(top.prints("  " + subcommand)) << subcommand;
    const Finished help = plait_run({subcommand, "--help"});
    EXPECT_EQ(help.code, 0) << subcommand;
    EXPECT_EQ(help.err, "") << subcommand;
    for (const std::string& name : names) EXPECT_TRUE(help.prints(name)) << subcommand << " " << name;
  }
}

TEST(Usage, VersionIsPrinted) {
  const Finished version = plait_run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("plait "));
}

TEST(Usage, WrongCommandLinesAreUsageErrors) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"frobnicate"},
                                                       {"--frobnicate"},
                                                       {"check"},
                                                       {"check", "a", "--frobnicate"},
                                                       {"train", "a"},
                                                       {"train", "a", "--out"},
                                                       {"train", "a", "--out", "b", "--device", "toaster"},
                                                       {"evaluate", "a"},
                                                       {"evaluate", "a", "b", "--split", "some"},
                                                       {"predict", "a", "b"},
                                                       {"explain", "a", "b"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const Finished finished = plait_run(arguments);
    std::string line;
    for (const std::string& argument : arguments) line += argument + " ";
    EXPECT_TRUE(refused(finished, 2)) << line << finished.err;
  }
}

TEST(Usage, AMisspeltSubcommandNamesTheNearestOne) {
  const Finished close = plait_run({"trian", "a", "--out", "b"});
  EXPECT_TRUE(refused(close, 2)) << close.err;
  EXPECT_EQ(close.err, "plait: unknown subcommand 'trian', did you mean train?\n");
  const Finished far = plait_run({"frobnicate"});
  EXPECT_TRUE(refused(far, 2)) << far.err;
  EXPECT_TRUE(far.says("unknown subcommand 'frobnicate'") && far.says("plait --help")) << far.err;
  const Finished option = plait_run({"evaluate", "a", "b", "--split", "some"});
  EXPECT_TRUE(option.says("--split") && option.says("see `plait evaluate --help`")) << option.err;
}

TEST(Usage, AMisspeltSettingNamesTheNearestOne) {
  const SmallCohortFolder cohort;
  const TemporaryFolder folder;
  const Finished set = plait_run({"train", cohort.path(), "--out", folder / "run", "--set", "train.epoch=3"});
  EXPECT_TRUE(refused(set, 2)) << set.err;
  EXPECT_TRUE(set.says("--set train.epoch=3") && set.says("\"epochs\"")) << set.err;
  const Finished bare = plait_run({"train", cohort.path(), "--out", folder / "run", "--set", "epochs=3"});
  EXPECT_TRUE(refused(bare, 2) && bare.says("did you mean \"train.epochs\"?")) << bare.err;
  write_bytes(folder / "c.toml", "[model]\nfusion = \"concat\"\n[train]\nlearning_rte = 0.1\n");
  const Finished file = plait_run({"train", cohort.path(), "--out", folder / "run", "--config", folder / "c.toml"});
  EXPECT_TRUE(refused(file, 2)) << file.err;
  EXPECT_TRUE(file.says("c.toml:4:1: ") && file.says("\"learning_rate\"")) << file.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(Usage, EverySettingHasAnOptionOfItsOwn) {
  EXPECT_TRUE(plait_run({"train", "--help"}).prints("--set KEY=VALUE  ")) << "one value, not several";
  const Finished two = plait_run({"train", "a", "--out", "b", "--set", "train.epochs=3", "model.fusion=late"});
  EXPECT_TRUE(refused(two, 2)) << two.err;
  EXPECT_TRUE(two.says("model.fusion=late (each key needs its own --set); see `plait train --help`")) << two.err;
}

TEST(Usage, CheckPrintsCountsAvailabilityAndStrangers) {
  const SmallCohortFolder cohort;
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_EQ(checked.err, "");
  for (const char* part : {"cohort small: 48 patients, binary task", "without a target: 1", "ehr", "9 x 7 x 1",
                           "Patients with a label and no modality (2):\n  005\n  0011\n",
                           "Patients with a modality and an empty label (1):\n  0013\n", "class 1: ", " (positive)",
                           "Patients in ehr without a row in the labels (1):\n  nobody\n", "No problem found."})
    EXPECT_TRUE(checked.prints(part)) << part << "\n" << checked.out;
}

TEST(Usage, CheckNamesEveryKindOfIncompletePatient) {
  SmallCohortFolder cohort;
  cohort.write("labels.csv", read_bytes(cohort.path() / "labels.csv") + "ghost,\n");
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  for (const char* part : {"without a target: 2", "Patients with a label and no modality (2):\n  005\n  0011\n",
                           "Patients with a modality and an empty label (1):\n  0013\n",
                           "Patients with an empty label and no modality (1):\n  ghost\n"})
    EXPECT_TRUE(checked.prints(part)) << part << "\n" << checked.out;
}

// Ids and names may hold anything; a terminal must not obey them, and a message stays one line.
TEST(Usage, ControlCharactersOfFilesAreNotPrinted) {
  SmallCohortFolder cohort;
  const std::string genes = read_bytes(cohort.path() / "genomics.csv");
  cohort.write("genomics.csv", genes + "\"evil\x1b[2J\n\xc2\x9bid\",1,2,3,4,5\n");
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_TRUE(checked.prints("\n  evil\\x1b[2J\\x0a\\xc2\\x9bid\n")) << checked.out;
  EXPECT_FALSE(checked.prints("\x1b") || checked.prints("\xc2\x9b"));
  const TemporaryFolder folder;
  cohort.write("cohort.toml", read_bytes(cohort.path() / "cohort.toml") + "\"k\\u001b\\n\" = 1\n");
  const Finished refused_toml = plait_run({"train", cohort.path(), "--out", folder / "run"});
  EXPECT_TRUE(refused(refused_toml, 3) && refused_toml.says("\"k\\x1b\\x0a\"")) << refused_toml.err;
}

TEST(Usage, CheckCallsLabelsLabelsAndClassesClasses) {
  const Finished multilabel = plait_run({"check", SmallCohortFolder({.task = "multilabel"}).path()});
  EXPECT_EQ(multilabel.code, 0) << multilabel.err;
  for (const char* part : {"  label pain: ", "  label fever: 16\n"})
    EXPECT_TRUE(multilabel.prints(part)) << part << "\n" << multilabel.out;
  EXPECT_FALSE(multilabel.prints("positive") || multilabel.prints("class ")) << multilabel.out;
  const Finished multiclass = plait_run({"check", SmallCohortFolder({.task = "multiclass"}).path()});
  EXPECT_TRUE(multiclass.prints("  class mild: ")) << multiclass.out;
  EXPECT_FALSE(multiclass.prints("positive")) << multiclass.out;
}

// What `train` can do once it is told the size is no problem of the cohort.
TEST(Usage, CheckTakesImagesOfSeveralSizesAndSaysWhatToSet) {
  const SmallCohortFolder cohort({.patients = 300, .sizes_differ = true});
  const TemporaryFolder folder;
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_EQ(checked.err, "");
  for (const char* part : {"cohort small: 300 patients", "\nnote: images/{patient_id}.png: ", "preprocess.image_size=[",
                           "No problem found."})
    EXPECT_TRUE(checked.prints(part)) << part << "\n" << checked.out;
  std::vector<std::string> train = {"train", cohort.path(), "--out", folder / "run"};
  for (const std::string& option : small_model_options()) train.push_back(option);
  const Finished refusal = plait_run(train);
  EXPECT_TRUE(refused(refusal, 3) && refusal.says(".png: ") && refusal.says("image_size")) << refusal.err;
  train.insert(train.end(), {"--set", "preprocess.image_size=[8,8]", "--set", "train.epochs=1"});
  EXPECT_EQ(plait_run(train).code, 0);
}

TEST(Usage, CheckReportsEveryProblemOfABadCohort) {
  SmallCohortFolder cohort;
  std::string ehr = read_bytes(cohort.path() / "ehr.csv"), genomics = read_bytes(cohort.path() / "genomics.csv");
  cohort.write("ehr.csv", ehr + "40,001,f,1,many\n");     // line + 1: a patient again
  cohort.write("genomics.csv", genomics + "0099,1,2\n");  // three fields of six
  cohort.write("images/0010.png", "no image");
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 3);
  EXPECT_TRUE(checked.says("ehr.csv:") && checked.says("genomics.csv:") && checked.says("0010.png: ")) << checked.err;
  EXPECT_TRUE(checked.says("plait: 3 problems found in ")) << checked.err;
}

TEST(Usage, CheckSaysWhoIsThereWhateverIsWrong) {
  SmallCohortFolder cohort;
  std::filesystem::remove(cohort.path() / "labels.csv");
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 3);
  EXPECT_TRUE(checked.prints("cohort small: ") && checked.prints("Who has which modality:")) << checked.out;
  EXPECT_FALSE(checked.prints("empty label")) << checked.out;
  EXPECT_TRUE(checked.says("`plait predict` alone does without labels")) << checked.err;
  EXPECT_TRUE(checked.err.ends_with("1 problem found in " + cohort.path().string() + "\n")) << checked.err;
  const Finished none = plait_run({"check", cohort.path() / "none"});
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(none.out, "");
}

TEST(Usage, CheckNotesAModalityThatNobodyHas) {
  SmallCohortFolder cohort;
  const std::filesystem::path images = cohort.path() / "images";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(images)) files.push_back(entry.path());
  for (const auto& file : files) std::filesystem::rename(file, std::filesystem::path(file).replace_extension(".PNG"));
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_TRUE(checked.prints("note: images/{patient_id}.png: no patient of labels.csv has modality \"image\""))
      << checked.out;
  EXPECT_FALSE(checked.prints("0 x 0")) << checked.out;
}

TEST(Usage, InfoTellsWhatTheBuildCanDo) {
  const Finished info = plait_run({"info"});
  EXPECT_EQ(info.code, 0);
  for (const char* part : {"plait ", "cpu ", "gpu ", "hybrid", "late", "multilabel"})
    EXPECT_TRUE(info.prints(part)) << part;
}

}  // namespace
}  // namespace plait::test
