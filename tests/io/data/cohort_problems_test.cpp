// What bad input gets: one clear message with file, line and column, and never a patient's value.
#include <gtest/gtest.h>

#include "io/data/cohort.h"
#include "io/data/cohort_path.h"
#include "io/data/cohort_report.h"
#include "tests/support/cohort_folder.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

using test::CohortFolder;
using test::error_of;
using test::Thrown;
namespace fs = std::filesystem;

constexpr const char* kLabels = "patient_id,label\na,1\nb,0\n";
constexpr const char* kTable = "patient_id,age,ward\na,50,X\nb,60,Y\n";

Thrown error(const fs::path& folder, const CohortOptions& options = {}) {
  return error_of([&] { read_cohort(folder, options); });
}

// A cohort that is fine but for what the test writes over it.
struct SoundCohort : CohortFolder {
  explicit SoundCohort(std::string_view more = "")
      : CohortFolder(std::string(test::binary_task) + std::string(test::ehr_table) + std::string(more)) {
    write("labels.csv", kLabels).write("ehr.csv", kTable);
  }
};

void expect_problem(const CohortFolder& folder, const std::string& file, const std::string& message) {
  const Thrown thrown = error(folder.path());
  EXPECT_EQ(thrown.code, ExitCode::data);
  EXPECT_EQ(thrown.message, folder.file(file) + message);
  const CohortReport report = check_cohort(folder.path()).report;  // says the same
  ASSERT_FALSE(report.problems.empty());
  EXPECT_EQ(report.problems[0], thrown.message);
}

TEST(CohortProblems, ASoundCohortHasNone) {
  const SoundCohort folder;
  EXPECT_EQ(error(folder.path()).message, "");
}

TEST(CohortProblems, InTheLabels) {
  const auto with = [](const char* labels, const std::string& message) {
    SoundCohort folder;
    folder.write("labels.csv", labels);
    expect_problem(folder, "labels.csv", message);
  };
  with("patient_id,label\na,1\nb,0\na,0\n", ":4:1: the patient of line 2 again");
  with("patient_id,label\na,1\nb,0,0\n", ":3:3: the row has 3 fields, the header has 2");
  with("patient_id,label\na,1\n ,0\n", ":3:1: the row has no patient_id");
  with("patient_id,label\na,1\n\xFF,0\n", ":3:1: the patient_id is not UTF-8: save the file as UTF-8");
  with("patient_id,label\na,1\nb,0\nc,2\nd,3\n",
       ":4:2: target \"label\" has a third value: a binary task has two (multiclass?)");
  with("patient_id,label\na,1\nb,1\nc,\n", ": target \"label\" has one value only: there is nothing to learn");
  with("patient_id,label\na,\nb,NA\n", ": target \"label\": no patient has a value");
  with("patient_id,label\n", ": the file has no patient");
  with("id,label\na,1\n", ":1:1: the header has no column patient_id");
  with("label,Patient ID\n1,a\n", ":1:2: this column has to be spelled patient_id");
  with("patient_id;label\na;1\n", ":1:1: the header has one column: fields are separated by commas here");
  with("patient_id,label\nx,1\ny,0\n", ": no patient of this file has a modality: do the ids match?");
  with("patient_id,label\nx,1\ny,0\na,\n", ": no patient that has a target has a modality");
  with("patient_id,label\na,\"1\nb,0\n", ":2:2: the quoted cell that opens here is never closed");
}

TEST(CohortProblems, InATable) {
  const auto with = [](const char* table, const std::string& message) {
    SoundCohort folder;
    folder.write("ehr.csv", table);
    expect_problem(folder, "ehr.csv", message);
  };
  with("patient_id,age\na,50\nb,60\na,70\n", ":4:1: the patient of line 2 again");
  with("patient_id,age\nz,50\na,60\nz,70\n", ":4:1: the patient of line 2 again");  // not in the labels
  with("patient_id,age\na\n", ":2:2: the row has 1 field, the header has 2");
  with("patient_id,age\na,\"5,5\"\nb,6\n",
       ":2:2: column \"age\": a number with a decimal comma: write a point, or list the column under categorical in "
       "cohort.toml");
  with("patient_id,age\na,50\nb,sixty\n",
       ":3:2: column \"age\": the column holds numbers (first in line 2) and this cell text: correct what is wrong, or "
       "list the column under categorical in cohort.toml");
  with("patient_id,age,ward\na,50,X\nb,60,7\n",
       ":3:3: column \"ward\": the column holds text (first in line 2) and this cell a number: correct what is wrong, "
       "or "
       "list the column under categorical in cohort.toml");
  with(
      "patient_id,age\na,\nb,none\nc,7\n",
      ":4:2: column \"age\": the column holds text (first in line 3) and this cell a number: correct what is wrong, or "
      "list the column under categorical in cohort.toml");
  with("patient_id,age\na,50\nb,inf\n",
       ":3:2: column \"age\": infinity is not a value (leave the cell empty where it is not known)");
  with("patient_id,age\na,50\nb,1e60\n", ":3:2: column \"age\": the number is too large for single precision");
  with("patient_id,age\na,50\nb,\"6\n", ":3:2: the quoted cell that opens here is never closed");
  with("patient_id\na\n", ":1: the file has no column beside patient_id");
  with("", ": the file is empty: expected a header row");
}

TEST(CohortProblems, ExpressionTakesNumbersOnly) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
  folder.write("labels.csv", kLabels).write("genes.csv", "patient_id,G1,G2\na,1,2\nb,3,high\n");
  expect_problem(folder, "genes.csv", ":3:3: column \"G2\": expected a number or an empty cell");
}

TEST(CohortProblems, OtherTasks) {
  const auto with = [](const char* task, const char* labels, const std::string& message) {
    CohortFolder folder(std::string(task) + std::string(test::ehr_table));
    folder.write("labels.csv", labels).write("ehr.csv", kTable);
    expect_problem(folder, "labels.csv", message);
  };
  with("[task]\nkind = \"regression\"\nfile = \"labels.csv\"\ntarget = \"y\"\n", "patient_id,y\na,1\nb,high\n",
       ":3:2: target \"y\": expected a finite number");
  with("[task]\nkind = \"regression\"\nfile = \"labels.csv\"\ntarget = \"y\"\n", "patient_id,y\na,1\nb,1e101\n",
       ":3:2: target \"y\": the number is larger than 1e+100");
  with("[task]\nkind = \"multilabel\"\nfile = \"labels.csv\"\ntarget = [\"x\", \"y\"]\n",
       "patient_id,x,y\na,1,0\nb,0,2\n", ":3:3: label \"y\": expected 0 or 1");
  with("[task]\nkind = \"multilabel\"\nfile = \"labels.csv\"\ntarget = [\"x\", \"y\"]\n",
       "patient_id,x,y\na,1,0\nb,0,0\n", ": target \"y\" has one value only: there is nothing to learn");
}

TEST(CohortProblems, InCohortToml) {
  // @ stands for the folder.
  const auto with = [](const std::string& text, std::string message) {
    SoundCohort folder;
    folder.write("cohort.toml", text);
    if (const std::size_t at = message.find('@'); at != message.npos) message.replace(at, 1, folder.file(""));
    expect_problem(folder, "cohort.toml", message);
  };
  const std::string task(test::binary_task), ehr(test::ehr_table), image(test::image_files);
  with(task + ehr, ": there is no \"format\": this version reads format = 1");
  with("format = 2\n" + task + ehr, ":1:10: unknown format: this version reads format = 1");
  with("format = 1\nnmae = \"x\"\n" + task + ehr, ":2:1: unknown key \"nmae\": did you mean \"name\"?");
  with("format = 1\n" + task + ehr + "categorial = [\"ward\"]\n",
       ":9:1: unknown key \"categorial\" in [modality.ehr]: did you mean \"categorical\"?");
  with("format = 1\n" + ehr, ": there is no [task] section");
  with("format = 1\n" + task, ": there is no [modality.<name>] section");
  with("format = 1\n" + task + "[modality.\"e h r\"]\nkind = \"table\"\nfile = \"ehr.csv\"\n",
       ":6:11: a modality's name is made of letters, digits, _ and -");
  with("format = 1\n" + task + "[modality.early]\nkind = \"table\"\nfile = \"ehr.csv\"\n",
       ":6:11: \"early\" is a kind of fusion: rename the modality");
  with("format = 1\n" + task + "[modality.ehr]\nkind = \"tabel\"\nfile = \"ehr.csv\"\n",
       ":7:8: unknown modality kind: one of table, expression, image");
  with("format = 1\n" + task + "[modality.ehr]\nkind = \"table\"\n", ":6:11: the section has no \"file\"");
  with("format = 1\n" + task + "[modality.ehr]\nknd = \"table\"\nfile = \"ehr.csv\"\n",
       ":7:1: unknown key \"knd\" in [modality.ehr]: did you mean \"kind\"?");
  with("format = 1\n" + task + "[modality.g]\nkind = \"expression\"\nfile = \"ehr.csv\"\ncategorical = [\"ward\"]\n",
       ":9:1: \"categorical\" is for tables: the columns of expression are numbers");
  with("format = 1\n" + task + ehr + "categorical = [\"wrad\"]\n",
       std::string(":9:16: @ehr.csv has no column \"wrad\": did you mean \"ward\"?"));
  with("format = 1\n[task]\nkind = \"binary\"\nfile = \"labels.csv\"\ntarget = \"labell\"\n" + ehr,
       std::string(":5:10: @labels.csv has no column \"labell\": did you mean \"label\"?"));
  with("format = 1\n" + task + "[modality.image]\nkind = \"image\"\nfiles = \"images/all.png\"\n",
       ":8:9: \"files\" needs {patient_id} once, in the file's name, as in \"images/{patient_id}.png\"");
  with("format = 1\n[task]\nkind = \"triage\"\nfile = \"labels.csv\"\ntarget = \"label\"\n" + ehr,
       ":3:8: unknown task kind \"triage\": one of binary, multiclass, multilabel, regression, survival");
  SoundCohort slip;
  slip.write("cohort.toml",
             "format = 1\n[task]\nkind = \"binary\"\nfile = \"labels.csv\"\ntargets = \"label\"\n" + ehr);
  const CohortReport report = check_cohort(slip.path()).report;
  ASSERT_EQ(report.problems.size(), 1u) << "one slip is one problem";
  EXPECT_TRUE(report.problems[0].ends_with(":5:1: unknown key \"targets\" in [task]: did you mean \"target\"?"));
}

constexpr const char* kSurvival = "format = 1\n[task]\nkind = \"survival\"\nfile = \"labels.csv\"\n";

TEST(CohortProblems, InTheTaskOfSurvival) {
  const auto with = [](const std::string& keys, const std::string& message) {
    SoundCohort folder;
    folder.write("cohort.toml", kSurvival + keys + std::string(test::ehr_table));
    expect_problem(folder, "cohort.toml", message);
  };
  with("time = \"t\"\n", ":2:2: the section has no \"event\"");
  with("event = \"e\"\n", ":2:2: the section has no \"time\"");
  with("time = \"t\"\nevent = \"t\"\n", ":6:9: \"time\" and \"event\" name one column");
  with("time = \"t\"\nevent = [\"e\"]\n", ":6:9: \"event\" has to be a string, it is an array");
  with("time = \"t\"\nevent = \"patient_id\"\n", ":6:9: patient_id cannot be the target");
}

TEST(CohortProblems, InTheOutcomesOfSurvival) {
  const auto with = [](const std::string& labels, const std::string& message) {
    SoundCohort folder;
    folder.write("cohort.toml",
                 kSurvival + std::string("time = \"t\"\nevent = \"e\"\n") + std::string(test::ehr_table));
    folder.write("labels.csv", "e,patient_id,t\n1,a,831.25\n" + labels);
    expect_problem(folder, "labels.csv", message);
  };
  const std::string time = "time \"t\": expected a number above 0, up to 1e+100";
  for (const char* bad : {"0", "-3", "soon", "inf", "1e101", "1e999", "3 days"})
    with("1,b," + std::string(bad) + "\n", ":3:3: " + time);
  for (const char* bad : {"2", "yes", "0.5", "-1", "TRUE"})
    with(std::string(bad) + ",b,5\n", ":3:1: event \"e\": expected 1, or 0 for a censored patient");
  // One of the two is missing: a patient without a target, no problem. Nobody with an event is one.
  SoundCohort censored;
  censored.write("cohort.toml",
                 kSurvival + std::string("time = \"t\"\nevent = \"e\"\n") + std::string(test::ehr_table));
  censored.write("labels.csv", "e,patient_id,t\n0,a,3\n1,b,NA\n");
  expect_problem(censored, "labels.csv", ": event \"e\": nobody has one, there is nothing to learn");
  censored.write("labels.csv", "e,patient_id,t\n,a,3\n1,b,\n");
  expect_problem(censored, "labels.csv", ": target \"t\": no patient has a value");
  censored.write("labels.csv", "e,patient_id,t\n1.0,a,1e-3\n1,b,\n");
  const Cohort cohort = read_cohort(censored.path());
  EXPECT_EQ(cohort.target_names, (std::vector<std::string>{"t", "e"}));
  EXPECT_EQ(cohort.target(0, 0), 1e-3);
  EXPECT_EQ(cohort.target(0, 1), 1.0);
  EXPECT_FALSE(cohort.labelled(1));
}

TEST(CohortProblems, NineModalitiesAreTooMany) {
  std::string text = "format = 1\n" + std::string(test::binary_task);
  for (int m = 0; m < 9; ++m) text += "[modality.m" + std::to_string(m) + "]\nkind = \"table\"\nfile = \"ehr.csv\"\n";
  SoundCohort folder;
  folder.write("cohort.toml", text);
  expect_problem(folder, "cohort.toml", ": more than 8 modalities");
}

TEST(CohortProblems, MissingFiles) {
  SoundCohort folder;
  fs::remove(folder.path() / "ehr.csv");
  expect_problem(folder, "ehr.csv", ": there is no such file");
  fs::remove(folder.path() / "labels.csv");
  expect_problem(folder, "labels.csv", ": there is no such file: `plait predict` alone does without labels");
  fs::remove(folder.path() / "cohort.toml");
  EXPECT_EQ(error(folder.path()).code, ExitCode::data);
  EXPECT_TRUE(error(folder.path()).says("cohort.toml: there is no such file"));
  EXPECT_TRUE(error(folder.path() / "none").says("there is no such cohort folder"));
  CohortFolder images(std::string(test::binary_task) + std::string(test::image_files));
  images.write("labels.csv", kLabels);
  EXPECT_TRUE(error(images.path()).says("the folder of images cannot be read"));
}

// Made for predictions: what is wrong with the modalities is told all the same, and once.
TEST(CohortProblems, ACheckGoesOnWithoutLabels) {
  SoundCohort folder;
  fs::remove(folder.path() / "labels.csv");
  const CohortReport sound = check_cohort(folder.path()).report;
  ASSERT_EQ(sound.problems.size(), 1u);
  EXPECT_TRUE(sound.complete);
  EXPECT_EQ(sound.patients, 2);
  EXPECT_EQ(sound.availability.at(1), 2);
  EXPECT_EQ(sound.unlabelled, 0);
  EXPECT_TRUE(sound.without_target.empty());
  folder.write("ehr.csv", "patient_id,age\na,50\nb,60,70\n");
  const CohortReport broken = check_cohort(folder.path()).report;
  ASSERT_EQ(broken.problems.size(), 2u);
  EXPECT_EQ(broken.problems[1], folder.file("ehr.csv") + ":3:3: the row has 3 fields, the header has 2");
}

TEST(CohortProblems, Images) {
  SoundCohort folder(test::image_files);
  folder.image("images/a.png", 2, 3, 1, std::vector<std::uint8_t>(6))
      .image("images/b.png", 3, 3, 1, std::vector<std::uint8_t>(9));
  const Thrown sizes = error(folder.path());
  EXPECT_EQ(sizes.code, ExitCode::data);
  EXPECT_EQ(sizes.message,
            folder.file("images/b.png") +
                ": the image is 3 x 3 (height x width), the first one, a.png, 2 x 3: make them equal, or "
                "set image_size under [preprocess]");
  EXPECT_EQ(error(folder.path(), {.image_size = {4, 4}}).message, "");
  folder.image("images/b.png", 2, 3, 3, std::vector<std::uint8_t>(18));
  expect_problem(folder, "images/b.png",
                 ": the image has 3 channel(s) of 8 bits, the first one, a.png, 1 of 8: make them equal");
  folder.image("images/b.png", 2, 3, 1, std::vector<std::uint8_t>(12), 16);
  expect_problem(folder, "images/b.png",
                 ": the image has 1 channel(s) of 16 bits, the first one, a.png, 1 of 8: make them equal");
  folder.write("images/b.png", "no image");
  EXPECT_EQ(error(folder.path()).code, ExitCode::data);
  EXPECT_TRUE(error(folder.path()).says("b.png"));
}

// Images of several sizes can be trained on once image_size is set: the check says so, once, and goes on.
TEST(CohortProblems, ImagesOfSeveralSizesAreANoteOfTheCheck) {
  SoundCohort folder(test::image_files);
  std::string labels = "patient_id,label\n";
  for (int i = 0; i < 150; ++i) {
    labels += "p" + std::to_string(i) + (i % 2 == 0 ? ",1\n" : ",0\n");
    folder.image("images/p" + std::to_string(i) + ".png", i == 0 ? 2 : 3, 3, 1,
                 std::vector<std::uint8_t>(i == 0 ? 6 : 9));
  }
  folder.write("labels.csv", labels).write("ehr.csv", "patient_id,age\np0,50\n");
  const CohortCheck checked = check_cohort(folder.path());
  EXPECT_TRUE(checked.report.problems.empty());
  EXPECT_TRUE(checked.report.complete);
  ASSERT_EQ(checked.report.notes.size(), 1u);
  EXPECT_EQ(checked.report.notes[0],
            "images/{patient_id}.png: 149 of 150 images are 3 x 3 (height x width), the others have 1 other size: to "
            "train on them set image_size under [preprocess], as in --set preprocess.image_size=[3,3]");
  EXPECT_EQ(checked.report.availability.at(2), 149);
  ASSERT_TRUE(checked.cohort.has_value());
  EXPECT_TRUE(checked.cohort->modalities[1].sizes_differ);
  EXPECT_TRUE(check_cohort(folder.path(), {.image_size = {4, 4}}).report.notes.empty());
}

// Nothing outside the folder is ever read, however it is spelled.
TEST(CohortProblems, PathsThatLeadOutOfTheFolder) {
  SoundCohort folder;
  const fs::path outside = folder.path().parent_path();
  fs::create_directories(outside / "cohort2");
  test::write_bytes(outside / "ehr.csv", kTable);
  test::write_bytes(outside / "cohort2" / "ehr.csv", kTable);
  const auto with = [&](const std::string& file, const std::string& message) {
    folder.write("cohort.toml", "format = 1\n" + std::string(test::binary_task) +
                                    "[modality.ehr]\nkind = \"table\"\nfile = \"" + file + "\"\n");
    expect_problem(folder, "cohort.toml", ":8:8: " + message);
  };
  const std::string dots = "the path holds \"..\": files of a cohort stay inside its folder";
  const std::string link = "the path leads out of the cohort folder through a symbolic link";
  with("../ehr.csv", dots);
  with("../cohort2/ehr.csv", dots);
  with("sub/../../ehr.csv", dots);
  with("sub/../ehr.csv", dots);
  with((outside / "ehr.csv").string(), "the path is absolute: files of a cohort are named relative to its folder");
  with("", "the path is empty");
  fs::create_symlink(outside / "ehr.csv", folder.path() / "link.csv");
  with("link.csv", link);
  fs::create_directory_symlink("../cohort2", folder.path() / "sibling");  // shares the prefix "cohort"
  with("sibling/ehr.csv", link);
  with("sibling/new.csv", link);
  fs::create_symlink("/nowhere/at/all", folder.path() / "dangling.csv");
  with("dangling.csv", link);

  // A link that stays inside is fine, and so is a cohort folder that is itself behind a link.
  fs::create_symlink("ehr.csv", folder.path() / "inner.csv");
  folder.write("cohort.toml", "format = 1\n" + std::string(test::binary_task) +
                                  "[modality.ehr]\nkind = \"table\"\nfile = \"inner.csv\"\n");
  EXPECT_EQ(error(folder.path()).message, "");
  fs::create_directory_symlink(folder.path(), outside / "alias");
  EXPECT_EQ(error(outside / "alias").message, "");
}

TEST(CohortProblems, ImagesBehindLinksThatLeadOut) {
  SoundCohort folder(test::image_files);
  folder.image("images/a.png", 1, 1, 1, {1});
  const fs::path outside = folder.path().parent_path() / "secret.png";
  write_png(outside, {1, 1, 1, 8, {2}});
  fs::create_symlink(outside, folder.path() / "images/b.png");
  expect_problem(folder, "images/b.png", ": a symbolic link that leads out of the cohort folder, or nowhere");
}

TEST(CohortProblems, AnIdIsNeverAPath) {
  SoundCohort folder(test::image_files);
  folder.write("labels.csv", "patient_id,label\na,1\n../outside,0\nb,1\n").image("outside.png", 1, 1, 1, {7});
  folder.image("images/a.png", 1, 1, 1, {1});
  const Cohort cohort = read_cohort(folder.path());
  EXPECT_FALSE(cohort.modalities[1].has(1));
}

TEST(CohortProblems, CheckListsThemAll) {
  SoundCohort folder(test::expression_table);
  folder.write("labels.csv", "patient_id,label\na,1\nb,0\nb,1\nc\n");
  folder.write("ehr.csv", "patient_id,age,ward\na,50,X\nb,eighty,Y\nc,ninety,3\nd,1,2,3\n");
  folder.write("genes.csv", "patient_id,G\na,1\nb,\"2\n");
  const CohortCheck checked = check_cohort(folder.path());
  EXPECT_FALSE(checked.cohort.has_value());
  EXPECT_FALSE(checked.report.complete);  // genes.csv breaks off
  const auto& problems = checked.report.problems;
  ASSERT_EQ(problems.size(), 7u);
  const char* where[] = {"labels.csv:4:1: ",
                         "labels.csv:5:2: ",
                         "ehr.csv:3:2: ",
                         "ehr.csv:4:3: ",
                         "ehr.csv:5:4: ",
                         "genes.csv:3:2: ",
                         "genes.csv: the rest of the file was not read"};
  for (std::size_t i = 0; i < 7; ++i) EXPECT_NE(problems[i].find(where[i]), std::string::npos) << problems[i];
  for (const std::string& problem : problems)
    EXPECT_EQ(problem.find("eighty"), std::string::npos) << "a value: " << problem;
}

TEST(CohortProblems, CheckGivesUpAfterAHundred) {
  SoundCohort folder;
  std::string labels = "patient_id,label\n";
  for (int i = 0; i < 300; ++i) labels += "a,1\n";
  folder.write("labels.csv", labels);
  const CohortReport report = check_cohort(folder.path()).report;
  EXPECT_EQ(report.problems.size(), kMostProblems);
  EXPECT_FALSE(report.complete);
}

TEST(CohortPath, ComparesComponentsNotCharacters) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "cohort/images");
  fs::create_directories(folder / "cohort2");
  EXPECT_TRUE(is_inside(folder / "cohort", folder / "cohort"));
  EXPECT_TRUE(is_inside(folder / "cohort", folder / "cohort/images/x.png"));
  EXPECT_FALSE(is_inside(folder / "cohort", folder / "cohort2"));
  EXPECT_FALSE(is_inside(folder / "cohort", folder / "cohort2/x.png"));
  EXPECT_FALSE(is_inside(folder / "cohort", folder / "cohort/../cohort2"));
  EXPECT_FALSE(is_inside(folder / "cohort", folder.path()));
  EXPECT_FALSE(is_inside(folder / "none", folder / "none/x"));
}

}  // namespace
}  // namespace plait
