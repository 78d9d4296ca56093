// Cohort folders of a few dozen patients that hold what real ones do: missing cells and missing modalities, categories,
// ids with zeros in front, spaces and letters beyond ASCII, a patient without a target, one without anything.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/cohort_folder.h"

namespace plait::test {

struct SmallCohort {
  std::string task = "binary";  // binary, multiclass, multilabel, regression, survival
  int patients = 48;
  int height = 9, width = 7, channels = 1, bits = 8;
  bool sizes_differ = false;  // images of two sizes: needs preprocess.image_size
  std::uint32_t seed = 1;

  static std::string id(int i) {
    const std::string number = std::to_string(i);
    return i == 7 ? "p 7" : i == 8 ? "\xc3\xa9t\xc3\xa9-8" : "00" + number;
  }
  // Patient 5 has nothing, patient 11 one table row of empty cells and so nothing either.
  bool has(int i, int modality) const { return i != 5 && i != 11 && (i + 1) % (modality + 3) != 0; }
};

namespace small_cohort {

// Numbers in [0, 1): a linear congruential generator (Knuth's MMIX constants), the upper bits.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
  double next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(state_ >> 40) / 16777216.0;
  }

 private:
  std::uint64_t state_;
};

inline std::string decimal(double value) {
  return std::to_string(std::round(value * 1e4) / 1e4);
}

inline std::string target_header(const std::string& task) {
  if (task == "survival") return "days,died";
  return task == "multilabel" ? "pain,fever" : task == "regression" ? "score" : "label";
}

inline std::string target_cells(const std::string& task, int i, double factor) {
  if (i == 13) return task == "multilabel" ? "1," : task == "survival" ? "7," : "";  // no target
  // Who has much of the factor dies early; a few times are shared.
  if (task == "survival")
    return std::to_string(1 + static_cast<int>(30.0 * (1.0 - factor))) + (i % 3 == 0 ? ",0" : ",1");
  if (task == "regression") return decimal(40.0 + 12.0 * factor);
  if (task == "multilabel") return std::string(factor > 0.5 ? "1" : "0") + (i % 3 == 0 ? ",1" : ",0");
  if (task == "multiclass") return factor < 0.33 ? "mild" : factor < 0.66 ? "none" : "severe";
  return factor > 0.5 ? "1" : "0";
}

inline std::vector<std::uint8_t> pixels(std::size_t count, int bits, double factor, Numbers& numbers) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t k = 0; k < count; ++k) {
    const double value = 0.2 + 0.5 * factor + 0.3 * numbers.next();
    if (bits == 8) bytes.push_back(static_cast<std::uint8_t>(value * 255.0));
    const auto word = static_cast<std::uint16_t>(value * 65535.0);
    if (bits == 16)
      bytes.insert(bytes.end(), {static_cast<std::uint8_t>(word & 255), static_cast<std::uint8_t>(word >> 8)});
  }
  return bytes;
}

inline std::string sections(const std::string& task) {
  const std::string target = task == "multilabel" ? R"(["pain", "fever"])" : '"' + target_header(task) + '"';
  const std::string columns = task == "survival" ? "time = \"days\"\nevent = \"died\"" : "target = " + target;
  return "name = \"small\"\n[task]\nkind = \"" + task + "\"\nfile = \"labels.csv\"\n" + columns +
         "\n[modality.ehr]\nkind = \"table\"\nfile = \"ehr.csv\"\ncategorical = [\"ward\"]\n"
         "[modality.genomics]\nkind = \"expression\"\nfile = \"genomics.csv\"\n" +
         std::string(image_files);
}

}  // namespace small_cohort

class SmallCohortFolder : public CohortFolder {
 public:
  explicit SmallCohortFolder(const SmallCohort& wanted = {})
      : CohortFolder(small_cohort::sections(wanted.task)), wanted_(wanted) {
    write_patients();
  }
  const SmallCohort& wanted() const { return wanted_; }

 private:
  void write_patients();

  SmallCohort wanted_;
};

inline void SmallCohortFolder::write_patients() {
  using namespace small_cohort;
  const auto& [task, patients, height, width, channels, bits, sizes_differ, seed] = wanted_;
  const auto id = SmallCohort::id;
  Numbers numbers(seed);
  std::string labels = "patient_id," + target_header(task) + "\n";
  std::string ehr = "age,patient_id,sex,ward,pressure\n", genomics = "patient_id,G1,G2,G3,G4,G5\n";
  ehr += "61,nobody,f,1,120\n";  // no row in the labels
  for (int i = 0; i < patients; ++i) {
    const double factor = numbers.next();
    labels += id(i) + "," + target_cells(task, i, factor) + "\n";
    if (i == 11) ehr += "NA," + id(i) + ",,,NaN\n";
    if (wanted_.has(i, 0))
      ehr += (i % 6 == 1 ? "" : decimal(30.0 + 40.0 * factor)) + "," + id(i) + "," +
             (i % 7 == 3   ? "NA"
              : i % 2 == 0 ? "f"
                           : "m") +
             "," +
             (i % 4 == 0   ? "1.0"
              : i % 4 == 1 ? "1"
                           : "02") +
             "," + decimal(100.0 + 50.0 * numbers.next()) + "\n";
    if (wanted_.has(i, 1)) {
      genomics += id(i);
      for (int g = 0; g < 5; ++g)
        genomics += (i + g) % 9 == 0 ? "," : "," + decimal(8.0 * numbers.next() + (g < 2 ? 4.0 * factor : 0.0));
      genomics += "\n";
    }
    if (!wanted_.has(i, 2)) continue;
    const int h = sizes_differ && i % 2 == 0 ? height + 3 : height, w = sizes_differ && i % 3 == 0 ? width - 2 : width;
    const auto count = static_cast<std::size_t>(h * w * channels);
    image("images/" + id(i) + ".png", h, w, channels, pixels(count, bits, factor, numbers), bits);
  }
  write("labels.csv", labels).write("ehr.csv", ehr).write("genomics.csv", genomics);
}

// Options of `plait train` that make a model small and its training short.
inline std::vector<std::string> small_model_options(const std::string& fusion = "hybrid") {
  std::vector<std::string> options;
  for (const char* set :
       {"model.embed_dim=8", "encoder.ehr.hidden=[12]", "encoder.genomics.hidden=[10]", "encoder.image.channels=[4, 6]",
        "train.epochs=3", "train.batch_size=16", "train.threads=1", "train.learning_rate=0.01"})
    options.insert(options.end(), {"--set", set});
  options.insert(options.end(), {"--set", "model.fusion=" + fusion});
  return options;
}

}  // namespace plait::test
