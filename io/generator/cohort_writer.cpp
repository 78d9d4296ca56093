#include "io/generator/cohort_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/formats/csv_writer.h"
#include "kernels/cpu/parallel.h"

namespace plait::synth {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBlock = 512;  // patients drawn, then written, at a time

std::string cohort_toml(const SynthOptions& options) {
  return fmt::format(
      "format = 1\n"
      "name   = \"synth-{}-{}\"\n"
      "[task]\n"
      "kind   = \"binary\"\n"
      "file   = \"labels.csv\"\n"
      "target = \"label\"\n"
      "[modality.ehr]\n"
      "kind = \"table\"\n"
      "file = \"ehr.csv\"\n"
      "categorical = [\"ecog\"]\n"
      "[modality.image]\n"
      "kind  = \"image\"\n"
      "files = \"images/{{patient_id}}.png\"\n"
      "[modality.genomics]\n"
      "kind = \"expression\"\n"
      "file = \"genomics.csv\"\n",
      kTaskNames[static_cast<std::size_t>(options.task)], options.seed);
}

// The three CSV files, a row at a time.
class Tables {
 public:
  Tables(const fs::path& folder, const Population& population)
      : population_(population),
        labels_(folder / "labels.csv"),
        ehr_(folder / "ehr.csv"),
        genomics_(folder / "genomics.csv") {
    labels_.text("patient_id").text("label").end_row();
    ehr_.text("patient_id").text("age").text("sex");
    for (const NumericColumn& column : population.clinical.numeric) ehr_.text(column.name);
    for (const CategoricalColumn& column : population.clinical.categorical) ehr_.text(column.name);
    ehr_.end_row();
    genomics_.text("patient_id");
    for (std::size_t g = 0; g < population.genes.genes.size(); ++g) genomics_.text(GenePanel::name(g));
    genomics_.end_row();
  }

  void add(const std::string& id, const Patient& patient) {
    labels_.text(id).integer(patient.positive ? 1 : 0).end_row();
    if (has_modality(patient.available, kEhr)) add_clinical(id, patient.clinical);
    if (!has_modality(patient.available, kGenomics)) return;
    genomics_.text(id);
    for (const double x : patient.expression.x) number(genomics_, x);
    genomics_.end_row();
  }

  void close() {
    labels_.close();
    ehr_.close();
    genomics_.close();
  }

 private:
  static void number(CsvWriter& csv, double value) {
    if (std::isnan(value))
      csv.missing();
    else
      csv.number(value);
  }

  void add_clinical(const std::string& id, const ClinicalFindings& found) {
    ehr_.text(id).integer(found.age).text(found.man ? "M" : "F");
    const ClinicalTable& table = population_.clinical;
    for (std::size_t j = 0; j < table.numeric.size(); ++j)
      number(ehr_, std::isnan(found.y[j]) ? found.y[j] : table.numeric[j].value(found.y[j]));
    for (std::size_t j = 0; j < table.categorical.size(); ++j) {
      if (found.level[j] < 0)
        ehr_.missing();
      else
        ehr_.text(table.categorical[j].levels[static_cast<std::size_t>(found.level[j])]);
    }
    ehr_.end_row();
  }

  const Population& population_;
  CsvWriter labels_, ehr_, genomics_;
};

// parallel_for whose body may throw: the exception of the lowest item comes out.
template <class F>
void for_each_patient(std::int64_t count, const F& f) {
  std::vector<std::exception_ptr> failed(static_cast<std::size_t>(count));
  cpu::parallel_for(count, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      try {
        f(i);
      } catch (...) {
        failed[static_cast<std::size_t>(i)] = std::current_exception();
      }
    }
  });
  for (const std::exception_ptr& error : failed)
    if (error) std::rethrow_exception(error);
}

void release_cells(Patient& patient) {
  patient.clinical.y = {};
  patient.clinical.level = {};
  patient.expression.x = {};
}

Ceilings ceilings_of(const std::vector<PatientTruth>& patients) {
  std::vector<PatientScores> scores;
  std::vector<double> probabilities, labels;
  for (const PatientTruth& truth : patients) {
    scores.push_back(truth.scores);
    probabilities.push_back(truth.patient.probability);
    labels.push_back(truth.patient.positive ? 1.0 : 0.0);
  }
  return compute_ceilings(scores, probabilities, labels);
}

}  // namespace

Truth write_synthetic_cohort(const fs::path& folder, const SynthOptions& options,
                             const std::function<void(std::int64_t done)>& progress) {
  Truth truth{.options = options, .population = make_population(options), .patients = {}, .ceilings = {}};
  const Population& population = truth.population;
  const BayesScorer scorer(population.label, population.missingness);
  std::error_code failed;
  if (!fs::create_directory(folder / "images", failed) && failed)
    fail_storage((folder / "images").string() + ": cannot be made: " + failed.message());
  write_text_file(folder / "cohort.toml", cohort_toml(options));
  Tables tables(folder, population);
  truth.patients.resize(static_cast<std::size_t>(options.patients));
  for (std::int64_t begin = 0; begin < options.patients; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, options.patients - begin);
    for_each_patient(count, [&](std::int64_t i) {
      const auto row = static_cast<std::uint32_t>(begin + i);
      PatientTruth& entry = truth.patients[row];
      entry.patient = draw_patient(population, options.seed, row);
      const auto densities = observed_densities(population, entry.patient);
      for (std::size_t m = 0; m < kModalities; ++m) entry.belief[m] = moments(densities[m]);
      entry.scores = scorer.score(entry.patient.signals, densities, entry.patient.available);
      if (has_modality(entry.patient.available, kImage))
        write_png(folder / "images" / (patient_id(row) + ".png"),
                  paint_image(population, options.seed, row, entry.patient));
    });
    for (std::int64_t row = begin; row < begin + count; ++row) {
      Patient& patient = truth.patients[static_cast<std::size_t>(row)].patient;
      tables.add(patient_id(row), patient);
      release_cells(patient);
    }
    if (progress) progress(begin + count);
  }
  tables.close();
  truth.ceilings = ceilings_of(truth.patients);
  write_truth(folder / "truth.json", truth);
  return truth;
}

}  // namespace plait::synth
