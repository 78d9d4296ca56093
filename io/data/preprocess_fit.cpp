// What is fitted on the training part: column statistics, categories, gene selection, pixel statistics, the prior.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"
#include "io/data/preprocess.h"
#include "io/data/stored_rows.h"

namespace plait {
namespace {

// Columns gathered at once. In memory: a cache line or two of every row. From a file: as many as 32 MiB hold, because
// each block walks through the file's rows once.
constexpr std::size_t kColumnBlock = 32, kStoredBlock = std::size_t{1} << 25;

struct Moments {
  double mean = 0.0, deviation = 1.0, variance = 0.0;
};

// Population moments of values that are all there; two passes in double. Equal values have deviation 1 by convention,
// exactly: rounding in the mean must not become a huge scale.
Moments moments(std::span<const float> values) {
  Moments m;
  if (values.empty()) return m;
  const auto n = static_cast<double>(values.size());
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low == *high) return {.mean = *low};
  for (const float value : values) m.mean += value;
  m.mean /= n;
  for (const float value : values) m.variance += (value - m.mean) * (value - m.mean);
  m.variance /= n;
  m.deviation = std::sqrt(m.variance);
  return m;
}

double median(std::span<float> values) {  // reorders
  const std::size_t middle = values.size() / 2;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(middle);
  std::nth_element(values.begin(), at, values.end());
  if (values.size() % 2 == 1) return *at;
  return (static_cast<double>(*std::max_element(values.begin(), at)) + *at) / 2.0;
}

// The rows of the training patients who have the modality, in the order of the cohort.
std::vector<std::size_t> training_rows(const Cohort& cohort, const ModalityData& data,
                                       std::span<const std::int64_t> training) {
  std::vector<std::size_t> rows;
  for (const std::int64_t patient : training) {
    if (data.has(patient))
      rows.push_back(static_cast<std::size_t>(data.row_of_patient[static_cast<std::size_t>(patient)]));
  }
  if (rows.empty()) {
    fail_data({(cohort.folder / data.file).string()},
              fmt::format("no training patient has modality \"{}\": nothing can be fitted", data.name));
  }
  return rows;
}

class TableFit {
 public:
  TableFit(const Cohort& cohort, const ModalityData& data, const PreprocessOptions& options)
      : file_((cohort.folder / data.file).string()), data_(data), options_(options) {
    fit_.name = data.name;
    fit_.kind = data.kind;
    fit_.log1p = options.log1p && data.kind == ModalityKind::expression;
  }

  ModalityFit fit(const std::vector<std::size_t>& rows) {
    rows_ = &rows;
    const std::size_t columns = data_.columns.size();
    const std::size_t most =
        std::min(columns, data_.stored_table == nullptr
                              ? kColumnBlock
                              : std::max<std::size_t>(kStoredBlock / (sizeof(float) * rows.size()), 1));
    std::vector<float> block(most * rows.size());
    for (std::size_t begin = 0; begin < columns; begin += most) {
      const std::size_t count = std::min(most, columns - begin);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const float* cells = data_.row(static_cast<std::int64_t>(rows[r])) + begin;
        for (std::size_t j = 0; j < count; ++j) block[j * rows.size() + r] = cells[j];
      }
      for (std::size_t j = 0; j < count; ++j) {
        fit_column(data_.columns[begin + j], std::span(block).subspan(j * rows.size(), rows.size()));
      }
    }
    select_genes();
    if (fit_.columns.empty()) {
      fail_data({file_}, fmt::format("modality \"{}\" has no value in the training part", data_.name));
    }
    return std::move(fit_);
  }

 private:
  void fit_column(const Column& column, std::span<float> cells) {
    if (fit_.log1p) take_logarithm(column, cells);
    const auto end = std::remove_if(cells.begin(), cells.end(), [](float cell) { return std::isnan(cell); });
    const std::span<float> observed(cells.begin(), end);
    if (observed.empty()) {
      fit_.dropped.push_back(column.name);
      return;
    }
    ColumnFit fit;
    fit.name = column.name;
    fit.type = column.type;
    double variance = 0.0;
    if (column.type == ColumnType::categorical) {
      fit.categories = categories(column, observed);
    } else {
      const Moments m = moments(observed);
      variance = m.variance;
      if (options_.standardise) fit.mean = m.mean, fit.deviation = m.deviation;
      fit.missing_bit = data_.kind == ModalityKind::table && observed.size() < cells.size();
      fit.median = median(observed);
    }
    fit_.columns.push_back(std::move(fit));
    variances_.push_back(variance);
  }

  std::vector<std::string> categories(const Column& column, std::span<const float> codes) const {
    std::vector<std::uint8_t> seen(column.categories.size(), 0);
    for (const float code : codes) seen[static_cast<std::size_t>(code)] = 1;
    std::vector<std::string> result;
    for (std::size_t code = 0; code < seen.size(); ++code) {
      if (seen[code] != 0) result.push_back(column.categories[code]);
    }
    if (result.size() > kMostCategories) {
      fail_data({file_}, fmt::format("column \"{}\" has more than {} categories in the training part: is it an id or "
                                     "free text? Leave it out",
                                     column.name, kMostCategories));
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  void take_logarithm(const Column& column, std::span<float> cells) const {
    for (std::size_t r = 0; r < cells.size(); ++r) {
      if (cells[r] < 0.0f) {
        fail_data({file_, data_.line.empty() ? 0 : data_.line[(*rows_)[r]], column.field},
                  fmt::format("column \"{}\" has a negative value: log1p needs counts", column.name));
      }
      cells[r] = static_cast<float>(std::log1p(static_cast<double>(cells[r])));
    }
  }

  // Keeps the `genes` columns of largest variance, in their old order; of equals the first.
  void select_genes() {
    const auto genes = static_cast<std::size_t>(options_.genes);
    if (data_.kind != ModalityKind::expression || genes == 0 || genes >= fit_.columns.size()) return;
    std::vector<std::size_t> order(fit_.columns.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return variances_[a] > variances_[b]; });
    fit_.not_selected = static_cast<std::int64_t>(order.size() - genes);
    order.resize(genes);
    std::sort(order.begin(), order.end());
    std::vector<ColumnFit> kept;
    kept.reserve(order.size());
    for (const std::size_t j : order) kept.push_back(std::move(fit_.columns[j]));
    fit_.columns = std::move(kept);
  }

  std::string file_;
  const ModalityData& data_;
  const PreprocessOptions& options_;
  ModalityFit fit_;
  const std::vector<std::size_t>* rows_ = nullptr;  // behind the cells of a column
  std::vector<double> variances_;                   // of the fitted columns
};

// Exact: counts of each sample value, then two passes over at most 65536 of them.
template <class Sample>
void fit_channels(const Sample* samples, const StoredImages* stored, const std::vector<std::size_t>& rows,
                  ModalityFit& fit) {
  constexpr std::size_t values = std::size_t{1} << (8 * sizeof(Sample));
  constexpr double white = static_cast<double>(values - 1);
  const auto channels = static_cast<std::size_t>(fit.channels);
  const auto length = static_cast<std::size_t>(fit.height * fit.width * fit.channels);
  std::vector<std::uint64_t> counts(values * channels, 0);
  std::vector<Sample> read(stored == nullptr ? 0 : length);
  for (const std::size_t row : rows) {
    if (stored != nullptr) stored->read(static_cast<std::int64_t>(row), read.data());
    const Sample* image = stored != nullptr ? read.data() : samples + row * length;
    for (std::size_t i = 0; i < length; i += channels) {
      for (std::size_t c = 0; c < channels; ++c) ++counts[c * values + image[i + c]];
    }
  }
  const std::size_t samples_per_channel = length / channels * rows.size();
  const auto n = static_cast<double>(samples_per_channel);
  for (std::size_t c = 0; c < channels; ++c) {
    const std::uint64_t* count = counts.data() + c * values;
    double mean = 0.0, variance = 0.0;
    for (std::size_t v = 0; v < values; ++v) mean += static_cast<double>(count[v]) * (static_cast<double>(v) / white);
    mean /= n;
    bool constant = false;
    for (std::size_t v = 0; v < values; ++v) {
      const double off = static_cast<double>(v) / white - mean;
      variance += static_cast<double>(count[v]) * off * off;
      constant = constant || static_cast<double>(count[v]) == n;
    }
    fit.mean.push_back(mean);
    fit.deviation.push_back(constant ? 1.0 : std::sqrt(variance / n));
  }
}

ModalityFit fit_image(const ModalityData& data, const std::vector<std::size_t>& rows,
                      const PreprocessOptions& options) {
  ModalityFit fit;
  fit.name = data.name;
  fit.kind = ModalityKind::image;
  fit.height = data.height;
  fit.width = data.width;
  fit.channels = data.channels;
  fit.resized = options.image_size[0] > 0;
  if (!options.standardise) {
    fit.mean.assign(static_cast<std::size_t>(data.channels), 0.0);
    fit.deviation.assign(static_cast<std::size_t>(data.channels), 1.0);
  } else if (data.bits == 8) {
    fit_channels(data.bytes.data(), data.stored_images.get(), rows, fit);
  } else {
    fit_channels(data.words.data(), data.stored_images.get(), rows, fit);
  }
  return fit;
}

TargetFit fit_target(const Cohort& cohort, std::span<const std::int64_t> training) {
  TargetFit fit;
  fit.task = cohort.task;
  fit.names = cohort.target_names;
  const auto n = static_cast<double>(training.size());
  if (cohort.task == TaskKind::regression) {
    std::vector<double> values;
    for (const std::int64_t patient : training) values.push_back(cohort.target(patient));
    fit.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    // In units of the largest difference: squares of tiny ones would be 0.
    const double unit = std::max(*high - fit.mean, fit.mean - *low);
    double variance = 0.0;
    for (const double value : values) variance += (value - fit.mean) / unit * ((value - fit.mean) / unit);
    fit.deviation = *low == *high ? 1.0 : unit * std::sqrt(variance / n);
    fit.prior = {fit.mean};
    return fit;
  }
  if (cohort.task == TaskKind::survival) {
    fit.prior = {0.0};
    return fit;
  }
  if (cohort.task == TaskKind::multilabel) {
    for (std::int64_t label = 0; label < cohort.target_columns(); ++label) {
      double sum = 0.0;
      for (const std::int64_t patient : training) sum += cohort.target(patient, label);
      fit.prior.push_back(sum / n);
    }
    return fit;
  }
  std::vector<double> counts(cohort.classes.size(), 0.0);
  for (const std::int64_t patient : training) counts[static_cast<std::size_t>(cohort.target(patient))] += 1.0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0.0) continue;
    fit.classes.push_back(cohort.classes[k]);
    fit.prior.push_back(counts[k] / n);
  }
  if (fit.classes.size() < 2) {
    fail_data({(cohort.folder / cohort.labels_file).string()}, "the training part has one class only");
  }
  if (cohort.task == TaskKind::binary) fit.prior.erase(fit.prior.begin());
  return fit;
}

}  // namespace

Preprocess fit_preprocess(const Cohort& cohort, std::span<const std::int64_t> training,
                          const PreprocessOptions& options) {
  std::vector<std::int64_t> patients;
  for (const std::int64_t patient : training) {
    if (cohort.labelled(patient)) patients.push_back(patient);
  }
  std::sort(patients.begin(), patients.end());
  if (patients.empty()) {
    fail_data({(cohort.folder / cohort.labels_file).string()}, "the training part has no patient with a target");
  }
  Preprocess fit;
  fit.target = fit_target(cohort, patients);
  for (const ModalityData& data : cohort.modalities) {
    if (std::find(options.unread.begin(), options.unread.end(), data.name) != options.unread.end()) {
      ModalityFit& unread = fit.modalities.emplace_back();
      unread.name = data.name, unread.kind = data.kind, unread.read = false;
      continue;
    }
    const std::vector<std::size_t> rows = training_rows(cohort, data, patients);
    fit.modalities.push_back(data.kind == ModalityKind::image ? fit_image(data, rows, options)
                                                              : TableFit(cohort, data, options).fit(rows));
  }
  return fit;
}

}  // namespace plait
