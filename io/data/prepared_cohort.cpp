#include "io/data/prepared_cohort.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "io/data/cohort_file.h"
#include "io/data/images.h"
#include "io/data/labels.h"
#include "io/data/prepared_columns.h"
#include "io/data/stored_rows.h"
#include "io/formats/cell.h"
#include "io/formats/csv.h"
#include "io/formats/json.h"

namespace plait {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kMostPatients = std::numeric_limits<std::int32_t>::max();
constexpr const char* kDescription = "cohort";

// The description's values, each of the type and within the bounds that it needs.
class Description {
 public:
  Description(const ColumnFile& file, const nlohmann::json& json) : file_(file), json_(json) {
    if (!json.is_object()) fail("is no description of a cohort");
  }

  std::string text(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_string()) fail(fmt::format("\"{}\" is no text", key));
    return value.get<std::string>();
  }
  bool flag(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_boolean()) fail(fmt::format("\"{}\" is neither true nor false", key));
    return value.get<bool>();
  }
  std::int64_t number(const char* key, std::int64_t least, std::int64_t most) const {
    const nlohmann::json& value = at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > static_cast<std::uint64_t>(most) ||
        value.get<std::int64_t>() < least)
      fail(fmt::format("\"{}\" is no number from {} to {}", key, least, most));
    return value.get<std::int64_t>();
  }
  std::vector<Description> list(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_array()) fail(fmt::format("\"{}\" is no list", key));
    std::vector<Description> items;
    for (const nlohmann::json& item : value) items.emplace_back(file_, item);
    return items;
  }
  [[noreturn]] void fail(const std::string& what) const { file_.fail(kDescription, what); }

 private:
  const nlohmann::json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(fmt::format("has no \"{}\"", key));
    return *found;
  }

  const ColumnFile& file_;
  const nlohmann::json& json_;
};

nlohmann::json description_of(const ColumnFile& file) {
  const std::span<const std::uint8_t> bytes = file.values<std::uint8_t>(kDescription);
  nlohmann::json json = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                   file.path().string() + ": column \"" + kDescription + "\"");
  Description(file, json).number("format", 1, 1);
  return json;
}

std::vector<ModalityName> names_of(const Description& cohort) {
  std::vector<ModalityName> names;
  for (const Description& modality : cohort.list("modalities")) {
    const std::optional<ModalityKind> kind = modality_kind_from_name(modality.text("kind"));
    if (!kind) modality.fail("a modality is of no known kind");
    names.push_back({modality.text("name"), *kind});
    const auto same = [&](const ModalityName& other) { return other.name == names.back().name; };
    if (!is_modality_name(names.back().name) || std::any_of(names.begin(), names.end() - 1, same))
      modality.fail("a modality has no name of its own that a modality can have");
  }
  if (names.empty() || names.size() > static_cast<std::size_t>(max_modalities))
    cohort.fail(fmt::format("has {} modalities: 1 to {} are possible", names.size(), max_modalities));
  return names;
}

// Not empty, UTF-8 because they are written into files and messages, and different from each other.
void check_texts(const ColumnFile& file, const std::string& column, std::span<const std::string> texts) {
  for (const std::string& text : texts)
    if (text.empty() || !is_utf8(text)) file.fail(column, "a text is empty or not UTF-8");
  std::vector<std::string_view> sorted(texts.begin(), texts.end());
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    file.fail(column, "holds a text twice that has to be there once");
}

class PreparedReader {
 public:
  PreparedReader(const std::filesystem::path& path, const CohortOptions& options)
      : file_(std::make_shared<const ColumnFile>(path)), options_(options), json_(description_of(*file_)) {}

  Cohort read(std::vector<UnmatchedIds>& unmatched, ProblemLog& log) {
    const Description description(*file_, json_);
    cohort_.name = description.text("name");
    cohort_.folder = file_->path();
    const std::optional<TaskKind> task = task_from_name(description.text("task"));
    if (!task) description.fail("the task is not known");
    cohort_.task = *task;
    cohort_.labels_file = description.text("labels_file");
    patients_ = static_cast<std::size_t>(description.number("patients", 1, kMostPatients));
    cohort_.has_targets = description.flag("has_targets");
    cohort_.has_groups = description.flag("has_groups");
    read_patients();
    read_targets();
    const FilePosition labels{(cohort_.folder / cohort_.labels_file).string()};
    if (options_.read_targets && !cohort_.has_targets)
      log.add(labels, "there is no such file: `plait predict` alone does without labels");
    if (!options_.read_targets) forget_targets();
    if (options_.for_training && cohort_.has_targets) check_classes(cohort_, labels, log);
    const std::vector<ModalityName> names = names_of(description);
    const std::vector<Description> parts = description.list("modalities");
    for (std::size_t m = 0; m < names.size(); ++m) {
      unmatched.push_back({names[m].name, file_->texts(column(m, "unmatched"))});  // of file names: any bytes
      ModalityData& data = cohort_.modalities.emplace_back();
      try {
        read_modality(m, names[m], parts[m], data, log);
        if (log.collects()) verify_rows(m, data);
      } catch (const Error& error) {
        data = {};  // nothing more of it is known
        data.name = names[m].name;
        data.kind = names[m].kind;
        data.row_of_patient.assign(patients_, -1);
        log.add(error);
      }
    }
    return std::move(cohort_);
  }

 private:
  static std::string column(std::size_t m, const char* what) { return prepared_column(m, what); }

  void read_patients() {
    cohort_.ids = file_->texts("ids");
    if (cohort_.ids.size() != patients_) file_->fail("ids", "has another number of patients than the description");
    check_texts(*file_, "ids", cohort_.ids);
    cohort_.line = copy<std::uint32_t>("lines", patients_);
    cohort_.group = copy<std::int32_t>("groups", patients_);
    for (const std::int32_t group : cohort_.group)
      if (group < 0 || static_cast<std::size_t>(group) >= patients_) file_->fail("groups", "a group is out of range");
  }

  void read_targets() {
    cohort_.target_names = file_->texts("target_names");
    check_texts(*file_, "target_names", cohort_.target_names);
    const std::size_t columns = cohort_.target_names.size();
    const bool several = cohort_.task == TaskKind::multilabel || cohort_.task == TaskKind::survival;
    if (columns == 0 || columns > CsvLimits{}.columns || (columns > 1 && !several) ||
        (columns != 2 && cohort_.task == TaskKind::survival))
      file_->fail("target_names", "has a number of targets that the task cannot have");
    cohort_.classes = file_->texts("classes");
    check_texts(*file_, "classes", cohort_.classes);
    const std::size_t most = cohort_.task == TaskKind::binary       ? 2
                             : cohort_.task == TaskKind::multiclass ? kMostClasses
                                                                    : 0;
    if (cohort_.classes.size() > most) file_->fail("classes", "has more classes than the task can have");
    cohort_.targets = copy<double>("targets", patients_ * columns);
    for (std::size_t i = 0; i < patients_; ++i) {
      const std::span<const double> row = std::span(cohort_.targets).subspan(i * columns, columns);
      const bool labelled = !std::isnan(row[0]);
      for (std::size_t k = 0; k < columns; ++k)
        if (std::isnan(row[k]) == labelled || (labelled && (!cohort_.has_targets || !is_target(row[k], k))))
          file_->fail("targets", fmt::format("row {} holds what no target can be", i + 1));
    }
  }

  bool is_target(double value, std::size_t column) const {
    if (cohort_.task == TaskKind::survival && column == 0) return value > 0.0 && value <= kLargestTarget;
    if (cohort_.task == TaskKind::regression) return std::fabs(value) <= kLargestTarget;
    if (cohort_.task == TaskKind::multilabel || cohort_.task == TaskKind::survival) return value == 0.0 || value == 1.0;
    return value >= 0.0 && value < static_cast<double>(cohort_.classes.size()) && std::trunc(value) == value;
  }

  void forget_targets() {
    cohort_.has_targets = false;
    cohort_.classes.clear();
    std::fill(cohort_.targets.begin(), cohort_.targets.end(), kMissing);
  }

  void read_modality(std::size_t m, const ModalityName& name, const Description& part, ModalityData& data,
                     ProblemLog& log) {
    data.name = name.name;
    data.kind = name.kind;
    data.file = part.text("file");
    data.rows = part.number("rows", 0, static_cast<std::int64_t>(patients_));
    const std::span<const std::int32_t> rows = file_->values<std::int32_t>(column(m, "rows"), patients_);
    data.row_of_patient.assign(rows.begin(), rows.end());
    patient_of_row_.assign(static_cast<std::size_t>(data.rows), -1);
    for (std::size_t i = 0; i < patients_; ++i) {
      if (rows[i] == -1) continue;
      if (rows[i] < 0 || rows[i] >= data.rows || patient_of_row_[static_cast<std::size_t>(rows[i])] >= 0)
        file_->fail(column(m, "rows"), "a row is out of range or of two patients");
      patient_of_row_[static_cast<std::size_t>(rows[i])] = static_cast<std::int64_t>(i);
    }
    if (std::find(patient_of_row_.begin(), patient_of_row_.end(), -1) != patient_of_row_.end())
      file_->fail(column(m, "rows"), "a row is of nobody");
    if (data.kind == ModalityKind::image) {
      const auto& unread = options_.unread;
      if (std::find(unread.begin(), unread.end(), data.name) == unread.end()) read_images(m, part, data, log);
    } else {
      read_table(m, data);
    }
  }

  void read_table(std::size_t m, ModalityData& data) {
    const std::vector<std::string> names = file_->texts(column(m, "names"));
    check_texts(*file_, column(m, "names"), names);
    const std::size_t columns = names.size();
    if (columns == 0 || columns > CsvLimits{}.columns)
      file_->fail(column(m, "names"), "has no possible number of columns");
    data.line = copy<std::uint32_t>(column(m, "lines"), static_cast<std::size_t>(data.rows));
    const auto types = file_->values<std::uint8_t>(column(m, "types"), columns);
    const auto fields = file_->values<std::uint32_t>(column(m, "fields"), columns);
    const auto counts = file_->values<std::uint32_t>(column(m, "category_counts"), columns);
    const std::vector<std::string> categories = file_->texts(column(m, "categories"));
    std::vector<float> limits;
    std::size_t next = 0;
    for (std::size_t j = 0; j < columns; ++j) {
      const auto type = static_cast<ColumnType>(types[j]);
      const bool categorical = type == ColumnType::categorical && data.kind == ModalityKind::table;
      if (!categorical && type != ColumnType::numeric && type != ColumnType::empty)
        file_->fail(column(m, "types"), fmt::format("column {} is of no type that it can have", j + 1));
      if (counts[j] > categories.size() - next || (counts[j] > 0 && !categorical))
        file_->fail(column(m, "category_counts"), "the categories do not fit the columns");
      const auto first = categories.begin() + static_cast<std::ptrdiff_t>(next);
      next += counts[j];
      data.columns.push_back({names[j], type, {first, first + counts[j]}, fields[j]});
      check_texts(*file_, column(m, "categories"), data.columns.back().categories);
      limits.push_back(categorical                   ? -static_cast<float>(counts[j])
                       : type == ColumnType::numeric ? std::numeric_limits<float>::max()
                                                     : 0.0f);
    }
    if (next != categories.size()) file_->fail(column(m, "categories"), "the categories do not fit the columns");
    if (data.rows == 0) return;
    const ColumnFile::Column& cells = file_->at(column(m, "cells"), ColumnValue::f32);
    if (cells.values() % columns != 0 || cells.values() / columns != static_cast<std::uint64_t>(data.rows))
      file_->fail(cells.name, "has another number of cells than rows and columns say");
    data.stored_table = std::make_shared<const StoredTable>(file_, cells, std::move(limits));
  }

  void read_images(std::size_t m, const Description& part, ModalityData& data, ProblemLog& log) {
    if (data.rows == 0) return;
    data.channels = part.number("channels", 1, 3);
    data.bits = static_cast<int>(part.number("bits", 8, 16));
    if (data.channels == 2 || (data.bits != 8 && data.bits != 16)) part.fail("images of a kind that there is not");
    const std::vector<ImageSize> sizes = image_sizes(m, part, data);
    const ImageSize wanted{options_.image_size[0], options_.image_size[1]};
    const ImageSize kept = wanted.height > 0 ? wanted : sizes[0];
    data.height = kept.height;
    data.width = kept.width;
    const auto& pixels = file_->at(column(m, "pixels"), data.bits == 8 ? ColumnValue::u8 : ColumnValue::u16);
    std::uint64_t samples = 0;  // at most 2^31 images of 2^26 pixels
    for (const ImageSize& size : sizes) samples += static_cast<std::uint64_t>(size.height * size.width * data.channels);
    if (sizes.size() == 1) samples *= static_cast<std::uint64_t>(data.rows);
    if (pixels.values() != samples)
      file_->fail(pixels.name, "has another number of samples than the images' sizes say");
    if (wanted.height == 0 && sizes.size() > 1 && refuse_sizes(sizes, data, log)) return;
    data.stored_images = std::make_shared<const StoredImages>(file_, pixels, data.channels, data.bits, sizes, kept);
  }

  // `plait check` meets every byte; everybody else those that are read.
  void verify_rows(std::size_t m, const ModalityData& data) const {
    if (data.stored_table != nullptr)
      for (std::int64_t row = 0; row < data.rows; ++row) data.stored_table->row(row);
    if (const ColumnFile::Column* pixels = file_->find(column(m, "pixels"))) file_->verify(*pixels, 0, pixels->bytes);
  }

  // One of all, or one a row.
  std::vector<ImageSize> image_sizes(std::size_t m, const Description& part, const ModalityData& data) const {
    std::vector<ImageSize> sizes;
    const ImageSize all{part.number("height", 0, kPngSide), part.number("width", 0, kPngSide)};
    if (all != ImageSize{}) {
      sizes.push_back(all);
    } else {
      const auto heights = file_->values<std::uint32_t>(column(m, "heights"), static_cast<std::uint64_t>(data.rows));
      const auto widths = file_->values<std::uint32_t>(column(m, "widths"), static_cast<std::uint64_t>(data.rows));
      for (std::size_t r = 0; r < heights.size(); ++r) sizes.push_back({heights[r], widths[r]});
    }
    for (const ImageSize& size : sizes)
      if (size.height < 1 || size.width < 1 || size.height > kPngSide || size.width > kPngSide ||
          size.height * size.width > kPngPixels)
        part.fail(fmt::format("an image of modality {} has a size that no image can have", m + 1));
    return sizes;
  }

  // Images that nobody resizes have to be equal: a problem, or a note where everything is told. True: they are not.
  bool refuse_sizes(const std::vector<ImageSize>& sizes, ModalityData& data, ProblemLog& log) {
    const auto other =
        std::find_if(sizes.begin(), sizes.end(), [&](const ImageSize& size) { return size != sizes[0]; });
    if (other == sizes.end()) return false;
    if (log.collects()) {
      SizeCounts counts;
      for (const ImageSize& size : sizes) ++counts[{size.height, size.width}];
      note_image_sizes(counts, data, log);
      data.sizes_differ = true;
      return true;
    }
    const std::filesystem::path first = image_path(data, 0);
    fail_image_size(image_path(data, static_cast<std::size_t>(other - sizes.begin())), *other,
                    first.filename().string(), sizes[0]);
  }

  // Where the image of a row was read from.
  std::filesystem::path image_path(const ModalityData& data, std::size_t row) const {
    std::string name = data.file;
    const std::size_t at = name.find(kPatientPlaceholder);
    if (at != std::string::npos)
      name.replace(at, kPatientPlaceholder.size(), cohort_.ids[static_cast<std::size_t>(patient_of_row_[row])]);
    return cohort_.folder / name;
  }

  template <class T>
  std::vector<T> copy(const std::string& name, std::size_t count) const {
    const std::span<const T> values = file_->values<T>(name, count);
    return {values.begin(), values.end()};
  }

  std::shared_ptr<const ColumnFile> file_;
  const CohortOptions& options_;
  nlohmann::json json_;
  Cohort cohort_;
  std::size_t patients_ = 0;
  std::vector<std::int64_t> patient_of_row_;  // of the modality being read
};

}  // namespace

Cohort read_prepared_cohort(const std::filesystem::path& file, const CohortOptions& options,
                            std::vector<UnmatchedIds>& unmatched, ProblemLog& log) {
  return PreparedReader(file, options).read(unmatched, log);
}

std::vector<ModalityName> prepared_modalities(const std::filesystem::path& path) {
  const ColumnFile file(path);
  const nlohmann::json json = description_of(file);
  return names_of(Description(file, json));
}

}  // namespace plait
