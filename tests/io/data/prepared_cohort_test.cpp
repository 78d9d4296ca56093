// A prepared cohort against its folder: the same cohort, the same fit, the same batches, the same complaints.
#include "io/data/prepared_cohort.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "io/data/cohort_report.h"
#include "io/data/loader.h"
#include "io/data/stored_rows.h"
#include "io/formats/column_file.h"
#include "tests/support/column_bytes.h"
#include "tests/support/error_of.h"
#include "tests/support/small_cohort.h"

namespace plait {
namespace {

namespace fs = std::filesystem;
using test::CohortFolder;
using test::error_of;
using test::SmallCohort;
using test::SmallCohortFolder;
using test::Thrown;

struct Prepared {
  explicit Prepared(const fs::path& folder) { prepare_cohort(folder, path); }
  test::TemporaryFolder at;
  fs::path path = at / "cohort.plait";
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void expect_equal(const Cohort& a, const Cohort& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.labels_file, b.labels_file);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.line, b.line);
  EXPECT_EQ(a.target_names, b.target_names);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_TRUE(same_bits(a.targets, b.targets));
  EXPECT_EQ(a.has_targets, b.has_targets);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.has_groups, b.has_groups);
  ASSERT_EQ(a.modalities.size(), b.modalities.size());
  for (std::size_t m = 0; m < a.modalities.size(); ++m) {
    const ModalityData &x = a.modalities[m], &y = b.modalities[m];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.kind, y.kind);
    EXPECT_EQ(x.file, y.file);
    ASSERT_EQ(x.rows, y.rows);
    EXPECT_EQ(x.row_of_patient, y.row_of_patient);
    EXPECT_EQ(x.line, y.line);
    EXPECT_EQ(std::tie(x.height, x.width, x.channels, x.bits), std::tie(y.height, y.width, y.channels, y.bits));
    ASSERT_EQ(x.columns.size(), y.columns.size());
    for (std::size_t j = 0; j < x.columns.size(); ++j) {
      EXPECT_EQ(std::tie(x.columns[j].name, x.columns[j].type, x.columns[j].categories, x.columns[j].field),
                std::tie(y.columns[j].name, y.columns[j].type, y.columns[j].categories, y.columns[j].field));
    }
    for (std::int64_t row = 0; row < x.rows && !x.columns.empty(); ++row)
      EXPECT_EQ(std::memcmp(x.row(row), y.row(row), x.columns.size() * sizeof(float)), 0);
  }
}

// What Loader makes of the cohort, all of it.
std::string batches_of(const Cohort& cohort, const Preprocess& fit) {
  const Dataset dataset(cohort, fit);
  Loader loader(dataset, all_patients(cohort), {.batch_size = 7, .seed = 3});
  std::string bytes;
  const auto add = [&](const Tensor& t) {
    if (t.empty()) return bytes.append("-");
    return bytes.append(static_cast<const char*>(t.data),
                        static_cast<std::size_t>(t.rows() * t.row_stride) * dtype_size(t.dtype));
  };
  for (std::uint32_t epoch = 0; epoch < 2; ++epoch) {
    loader.start_epoch(epoch);
    while (const Batch* batch = loader.next()) {
      for (const ModalityBatch& modality : batch->modalities) add(modality.values), add(modality.observed);
      for (const Tensor* t : {&batch->available, &batch->rows, &batch->targets, &batch->weights}) add(*t);
    }
  }
  return bytes;
}

class PreparedCohorts : public testing::TestWithParam<SmallCohort> {};

TEST_P(PreparedCohorts, AreWhatTheirFoldersAre) {
  const SmallCohortFolder folder(GetParam());
  const Prepared prepared(folder.path());
  CohortOptions options;
  if (GetParam().sizes_differ) options.image_size = {8, 6};
  std::string before;
  for (const bool resize : {false, true}) {
    if (resize) options.image_size = {11, 4};
    const Cohort one = read_cohort(folder.path(), options), other = read_cohort(prepared.path, options);
    EXPECT_EQ(other.folder, prepared.path);
    expect_equal(one, other);
    EXPECT_TRUE(other.modalities[0].cells.empty() && other.modalities[2].bytes.empty() &&
                other.modalities[2].words.empty());
    std::vector<std::int64_t> training = labelled_patients(one);
    training.resize(training.size() * 2 / 3);
    const PreprocessOptions fitting{
        .genes = 4, .log1p = true, .image_size = resize ? options.image_size : PreprocessOptions{}.image_size};
    const Preprocess fit = fit_preprocess(one, training, fitting);
    EXPECT_EQ(preprocess_to_json(fit), preprocess_to_json(fit_preprocess(other, training, fitting)));
    const std::string batches = batches_of(one, fit);
    EXPECT_TRUE(batches == batches_of(other, fit));
    EXPECT_FALSE(batches == before);
    before = batches;
  }
}

TEST_P(PreparedCohorts, AreReadWithoutTargetsOrSomeModalities) {
  const SmallCohortFolder folder(GetParam());
  const Prepared prepared(folder.path());
  const CohortOptions options{.for_training = false, .read_targets = false, .unread = {"image", "ehr"}};
  expect_equal(read_cohort(folder.path(), options), read_cohort(prepared.path, options));
}

TEST_P(PreparedCohorts, AreReportedAlike) {
  const SmallCohortFolder folder(GetParam());
  const Prepared prepared(folder.path());
  const CohortReport one = check_cohort(folder.path()).report, other = check_cohort(prepared.path).report;
  EXPECT_EQ(other.problems, std::vector<std::string>{});
  EXPECT_EQ(one.notes, other.notes);
  EXPECT_EQ(GetParam().sizes_differ, !one.notes.empty());
  EXPECT_EQ(std::tie(one.name, one.patients, one.unlabelled, one.groups, one.classes, one.class_counts),
            std::tie(other.name, other.patients, other.unlabelled, other.groups, other.classes, other.class_counts));
  EXPECT_EQ(std::tie(one.modalities, one.availability, one.without_modality, one.without_target, one.without_either),
            std::tie(other.modalities, other.availability, other.without_modality, other.without_target,
                     other.without_either));
  ASSERT_EQ(one.unmatched.size(), other.unmatched.size());
  EXPECT_EQ(one.unmatched[0].ids, std::vector<std::string>{"nobody"});
  for (std::size_t m = 0; m < one.unmatched.size(); ++m) EXPECT_EQ(one.unmatched[m].ids, other.unmatched[m].ids);
}

INSTANTIATE_TEST_SUITE_P(Of, PreparedCohorts,
                         testing::Values(SmallCohort{}, SmallCohort{.task = "multiclass", .channels = 3, .bits = 16},
                                         SmallCohort{.task = "multilabel", .bits = 16, .sizes_differ = true},
                                         SmallCohort{.task = "regression", .channels = 3, .sizes_differ = true}),
                         [](const auto& info) { return info.param.task; });

TEST(PreparedCohort, ModalitiesAreKnownWithoutTheirData) {
  const SmallCohortFolder folder;
  const Prepared prepared(folder.path());
  const std::vector<ModalityName> one = cohort_modalities(folder.path()), other = cohort_modalities(prepared.path);
  ASSERT_EQ(other.size(), 3u);
  for (std::size_t m = 0; m < 3; ++m)
    EXPECT_EQ(std::tie(one[m].name, one[m].kind), std::tie(other[m].name, other[m].kind));
}

TEST(PreparedCohort, WithoutLabels) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table));
  folder.write("ehr.csv", "patient_id,age\nb,1\na,2\n");
  const Prepared prepared(folder.path());
  const CohortOptions predicting{.for_training = false, .read_targets = false};
  expect_equal(read_cohort(folder.path(), predicting), read_cohort(prepared.path, predicting));
  const Thrown thrown = error_of([&] { read_cohort(prepared.path); });
  EXPECT_EQ(thrown.code, ExitCode::data);
  EXPECT_TRUE(thrown.says((prepared.path / "labels.csv").string() + ": there is no such file")) << thrown.message;
  EXPECT_EQ(check_cohort(folder.path()).report.patients, check_cohort(prepared.path).report.patients);
}

// Groups, a modality that nobody has, a column without a value.
TEST(PreparedCohort, EmptyThings) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) +
                      std::string(test::expression_table) + std::string(test::image_files));
  folder.write("labels.csv", "patient_id,label,group\na,0,x\nb,1,x\nc,1,\n");
  folder.write("ehr.csv", "patient_id,age,blood\na,1,\nb,2,NA\n").write("genes.csv", "patient_id,G\n");
  fs::create_directory(folder.path() / "images");
  const Prepared prepared(folder.path());
  const Cohort one = read_cohort(folder.path()), other = read_cohort(prepared.path);
  expect_equal(one, other);
  EXPECT_EQ(other.group, (std::vector<std::int32_t>{0, 0, 1}));
  const Preprocess fit = fit_preprocess(one, all_patients(one), {.unread = {"genes", "image"}});
  EXPECT_TRUE(batches_of(one, fit) == batches_of(other, fit));
}

// The same message, but for the folder's name: file, line and column of the CSV file stay known.
TEST(PreparedCohort, ComplaintsNameThePlaceInTheFolder) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) + std::string(test::image_files));
  folder.write("labels.csv", "patient_id,label\na,0\nb,1\nc,1\nd,0\n");
  folder.write("ehr.csv", "patient_id,weight,age\na,1,1\nb,2,2\nc,3,1e30\nd,2,2\n");
  folder.image("images/b.png", 2, 3, 1, {1, 2, 3, 4, 5, 6}).image("images/c.png", 3, 2, 1, {1, 2, 3, 4, 5, 6});
  const Prepared prepared(folder.path());
  const auto expect_same = [&](const CohortOptions& options, const auto& use) {
    const Thrown one = error_of([&] { use(read_cohort(folder.path(), options)); });
    const Thrown other = error_of([&] { use(read_cohort(prepared.path, options)); });
    EXPECT_EQ(one.code, ExitCode::data);
    EXPECT_EQ(other.code, ExitCode::data);
    ASSERT_TRUE(one.message.starts_with(folder.path().string()) && other.message.starts_with(prepared.path.string()))
        << other.message;
    EXPECT_EQ(one.message.substr(folder.path().string().size()), other.message.substr(prepared.path.string().size()));
    return;
  };
  expect_same({}, [](const Cohort&) {});  // images of two sizes
  expect_same({.image_size = {2, 2}}, [](const Cohort& cohort) {
    Preprocess fit = fit_preprocess(cohort, std::vector<std::int64_t>{0, 1, 3}, {.image_size = {2, 2}});
    Dataset(cohort, fit);
  });
  const Thrown far = error_of([&] {
    const Cohort cohort = read_cohort(prepared.path, {.image_size = {2, 2}});
    Dataset(cohort, fit_preprocess(cohort, std::vector<std::int64_t>{0, 1, 3}, {.image_size = {2, 2}}));
  });
  EXPECT_TRUE(far.says("cohort.plait/ehr.csv:4:3: column \"age\" is too far")) << far.message;
}

TEST(PreparedCohort, ABadFolderLeavesNoFile) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table));
  folder.write("labels.csv", "patient_id,label\na,0\nb,1\n").write("ehr.csv", "patient_id,age\na,1\nb,old\n");
  const test::TemporaryFolder at;
  const Thrown thrown = error_of([&] { prepare_cohort(folder.path(), at / "cohort.plait"); });
  EXPECT_EQ(thrown.code, ExitCode::data);
  EXPECT_TRUE(thrown.says("ehr.csv:3:2:")) << thrown.message;
  EXPECT_TRUE(fs::is_empty(at.path()));
}

// Everything that a training reads.
void use_all(const fs::path& path, const Preprocess& fit) {
  const Cohort cohort = read_cohort(path, {.for_training = false});
  fit_preprocess(cohort, labelled_patients(cohort), {});
  batches_of(cohort, fit);
}

TEST(PreparedCohort, TurnedBitsAreNoticed) {
  const SmallCohortFolder folder(SmallCohort{.patients = 16});
  const Prepared prepared(folder.path());
  const Cohort cohort = read_cohort(folder.path());
  const Preprocess fit = fit_preprocess(cohort, labelled_patients(cohort), {});
  const std::string sound = test::read_bytes(prepared.path);
  ASSERT_NO_THROW(use_all(prepared.path, fit));
  for (std::size_t i = 0; i < sound.size(); i += 3) {
    std::string bytes = sound;
    bytes[i] = static_cast<char>(bytes[i] ^ 1 << i % 8);
    test::write_bytes(prepared.path, bytes);
    ASSERT_EQ(error_of([&] { use_all(prepared.path, fit); }).code, ExitCode::data) << i;
  }
}

// Contents that no folder has, under right checksums: one column is written anew, all others are copied.
class HostileColumns : public testing::Test {
 protected:
  HostileColumns() {
    folder.write("labels.csv", "patient_id,label\na,0\nb,1\nc,1\nd,0\n");
    folder.write("ehr.csv", "patient_id,age,sex\na,1,f\nb,2,m\nc,3,f\nd,2,m\n");
    folder.write("genes.csv", "patient_id,G\na,1\nc,2\n");
    for (const char* id : {"b", "c"}) folder.image(std::string("images/") + id + ".png", 1, 2, 1, {7, 9});
    prepare_cohort(folder.path(), at / "sound");
    const Cohort cohort = read_cohort(folder.path());
    fit = fit_preprocess(cohort, all_patients(cohort), {});
  }

  // What using the cohort throws when `name` holds these values; no type: the column is left out.
  template <class T>
  Thrown with(const std::string& name, const std::vector<T>& values) {
    const ColumnFile sound(at / "sound");
    bool found = false;
    ColumnFileWriter writer(at / "changed");
    for (const char* column : columns) {
      const ColumnFile::Column* from = sound.find(column);
      if (from == nullptr) continue;
      if (name == column) {
        found = true;
        if (!values.empty() || from->bytes == 0) writer.column<T>(name, values);
        continue;
      }
      writer.begin(column, from->type);
      writer.append(sound.data(*from), from->bytes);
    }
    writer.commit();
    EXPECT_TRUE(found) << name;
    const Thrown thrown = error_of([&] { use_all(at / "changed", fit); });
    EXPECT_EQ(error_of([&] { check_cohort(at / "changed"); }).code, ExitCode::done);
    return thrown;
  }
  template <class T>
  void expect_refused(const std::string& name, const std::vector<std::vector<T>>& lists) {
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const Thrown thrown = with(name, lists[i]);
      EXPECT_EQ(thrown.code, ExitCode::data) << name << ", " << i;
      EXPECT_TRUE(thrown.says("changed: column \"")) << thrown.message;
    }
  }
  std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

  static constexpr const char* columns[] = {"ids",
                                            "ids.ends",
                                            "lines",
                                            "groups",
                                            "target_names",
                                            "target_names.ends",
                                            "classes",
                                            "classes.ends",
                                            "targets",
                                            "m0.cells",
                                            "m0.rows",
                                            "m0.unmatched",
                                            "m0.unmatched.ends",
                                            "m0.lines",
                                            "m0.names",
                                            "m0.names.ends",
                                            "m0.types",
                                            "m0.fields",
                                            "m0.category_counts",
                                            "m0.categories",
                                            "m0.categories.ends",
                                            "m1.cells",
                                            "m1.rows",
                                            "m1.unmatched",
                                            "m1.unmatched.ends",
                                            "m1.lines",
                                            "m1.names",
                                            "m1.names.ends",
                                            "m1.types",
                                            "m1.fields",
                                            "m1.category_counts",
                                            "m1.categories",
                                            "m1.categories.ends",
                                            "m2.pixels",
                                            "m2.rows",
                                            "m2.unmatched",
                                            "m2.unmatched.ends",
                                            "cohort"};

  CohortFolder folder{std::string(test::binary_task) + std::string(test::ehr_table) +
                      std::string(test::expression_table) + std::string(test::image_files)};
  test::TemporaryFolder at;
  Preprocess fit;
};

TEST_F(HostileColumns, EveryColumnIsNeeded) {
  EXPECT_EQ(with<std::uint32_t>("lines", {2, 3, 4, 5}).code, ExitCode::done);
  for (const char* column : columns) {
    if (ColumnFile(at / "sound").at(column, ColumnFile(at / "sound").find(column)->type).bytes == 0) continue;
    EXPECT_TRUE(with<std::uint8_t>(column, {}).says("is missing")) << column;
  }
}

TEST_F(HostileColumns, Patients) {
  expect_refused<std::uint64_t>("ids.ends", {{1, 2, 3}, {1, 2, 3, 3}, {1, 1, 1, 4, 4}, {4, 3, 2, 4}});
  expect_refused<std::uint8_t>("ids", {bytes("abcd "), bytes("abca"), {'a', 'b', 'c', 0xff}});
  expect_refused<std::int32_t>("groups", {{0, 1, 2}, {0, 1, 2, 4}, {-1, 1, 2, 3}});
  expect_refused<std::uint32_t>("lines", {{1}, {1, 2, 3, 4, 5}});
  EXPECT_TRUE(with<float>("groups", {0, 1, 2, 3}).says("of another type"));
}

TEST_F(HostileColumns, Targets) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(with<double>("targets", {0, 1, nan, 0}).code, ExitCode::done);
  expect_refused<double>("targets",
                         {{0, 1, 1}, {0, 1, 2, 0}, {0, 1, -1, 0}, {0, 1, 0.5, 0}, {0, inf, 1, 0}, {0, 1, 1e300, 0}});
  expect_refused<std::uint64_t>("classes.ends", {{0, 1, 2}, {2}, {2, 2}});
  expect_refused<std::uint8_t>("classes", {{'1', '1'}, {'0', 0x80}});
  expect_refused<std::uint64_t>("target_names.ends", {{2, 5}, {0}});
}

TEST_F(HostileColumns, RowsOfPatients) {
  for (const char* column : {"m0.rows", "m1.rows", "m2.rows"})
    expect_refused<std::int32_t>(column, {{0, 0, 1, 2}, {0, 1, 2, 4}, {-2, 0, 1, 2}, {-1, -1, -1, -1}, {0, 1}});
}

TEST_F(HostileColumns, Cells) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(with<float>("m0.cells", {1, 0, 2, 1, 3, nan, nan, 1}).code, ExitCode::done);
  for (const float code : {2.0f, -1.0f, 0.5f, 3e9f, inf, -inf})
    EXPECT_TRUE(with<float>("m0.cells", {1, 0, 2, 1, 3, code, 2, 1}).says("\"m0.cells\": row 3, column 2")) << code;
  for (const float age : {inf, -inf})
    EXPECT_TRUE(with<float>("m0.cells", {1, 0, age, 1, 3, 0, 2, 1}).says("\"m0.cells\": row 2, column 1")) << age;
  expect_refused<float>("m0.cells", {{1, 0, 2}, {1, 0, 2, 1}, std::vector<float>(10, 1.0f)});
}

TEST_F(HostileColumns, ColumnsOfTables) {
  expect_refused<std::uint8_t>("m0.types", {{1}, {3, 2}, {255, 2}, {2, 2}, {0, 2}});
  expect_refused<std::uint8_t>("m1.types", {{2}, {0}});
  expect_refused<std::uint32_t>("m0.category_counts", {{2, 0}, {0, 1}, {0, 3}, {0, 0xffffffff}, {1, 1}});
  expect_refused<std::uint8_t>("m0.categories", {{'f', 'f'}, {'f', 0xc0}});
  expect_refused<std::uint8_t>("m0.names", {bytes("agesex "), bytes("age\xff\xff\xff"), bytes("a")});
  expect_refused<std::uint64_t>("m0.names.ends", {{6}, {3, 6, 6}, {3, 3}});
  expect_refused<std::uint32_t>("m0.lines", {{1}});
  expect_refused<std::uint32_t>("m0.fields", {{1}});
}

TEST_F(HostileColumns, Pixels) {
  expect_refused<std::uint8_t>("m2.pixels", {{1}, {1, 2, 3, 4, 5}});
  EXPECT_TRUE(with<std::uint16_t>("m2.pixels", {1, 2, 3, 4}).says("of another type"));
}

// Images of several sizes are a note of `plait check`: what is wrong with them is told all the same.
TEST_F(HostileColumns, PixelsOfSeveralSizesAreChecked) {
  const Prepared prepared(SmallCohortFolder(SmallCohort{.sizes_differ = true}).path());
  EXPECT_TRUE(check_cohort(prepared.path).report.problems.empty());
  std::string bytes = test::read_bytes(prepared.path);
  bytes.replace(bytes.find("m2.pixels"), 9, "m2.pixals");
  test::write_bytes(prepared.path, test::resealed(bytes));
  const std::vector<std::string> problems = check_cohort(prepared.path).report.problems;
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("column \"m2.pixels\": is missing"), std::string::npos) << problems[0];
}

TEST_F(HostileColumns, Description) {
  const ColumnFile sound(at / "sound");
  const auto span = sound.values<std::uint8_t>("cohort");
  const std::string text(span.begin(), span.end());
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const std::size_t place = changed.find(from);
    EXPECT_NE(place, std::string::npos) << from << text;
    return with("cohort", bytes(changed.replace(place, from.size(), to)));
  };
  EXPECT_EQ(replaced("{", " {").code, ExitCode::done);
  const std::pair<const char*, const char*> changes[] = {
      {"{", "["},
      {"{", "{{"},
      {"\"format\":1", "\"format\":2"},
      {"\"task\":\"binary\"", "\"task\":\"survival\""},
      {"\"task\":\"binary\"", "\"task\":\"ordinal\""},
      {"\"task\":\"binary\"", "\"task\":\"multilabel\""},
      {"\"task\":\"binary\"", "\"task\":7"},
      {"\"patients\":4", "\"patients\":0"},
      {"\"patients\":4", "\"patients\":5"},
      {"\"patients\":4", "\"patients\":-4"},
      {"\"patients\":4", "\"patients\":4.5"},
      {"\"patients\":4", "\"patients\":18446744073709551615"},
      {"\"patients\":4", "\"patients\":2147483647"},
      {"\"has_targets\":true", "\"has_targets\":false"},
      {"\"has_targets\":true", "\"has_targets\":1"},
      {"\"name\":\"ehr\"", "\"name\":\"early\""},
      {"\"name\":\"ehr\"", "\"name\":\"../ehr\""},
      {"\"name\":\"ehr\"", "\"name\":\"genes\""},
      {"\"kind\":\"table\"", "\"kind\":\"image\""},
      {"\"kind\":\"table\"", "\"kind\":\"expression\""},
      {"\"kind\":\"image\"", "\"kind\":\"table\""},
      {"\"kind\":\"image\"", "\"kind\":\"sound\""},
      {"\"rows\":4", "\"rows\":3"},
      {"\"rows\":4", "\"rows\":5"},
      {"\"bits\":8", "\"bits\":12"},
      {"\"bits\":8", "\"bits\":16"},
      {"\"channels\":1", "\"channels\":2"},
      {"\"channels\":1", "\"channels\":3"},
      {"\"height\":1", "\"height\":0"},
      {"\"height\":1", "\"height\":16384"},
      {"\"height\":1", "\"height\":4294967297"},
      {"\"width\":2", "\"width\":3"},
  };
  for (const auto& [from, to] : changes) {
    const Thrown thrown = replaced(from, to);
    EXPECT_EQ(thrown.code, ExitCode::data) << to;
    EXPECT_TRUE(thrown.says("changed: column \"")) << to << ": " << thrown.message;
  }
}

}  // namespace
}  // namespace plait
