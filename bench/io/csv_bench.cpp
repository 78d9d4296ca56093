// Reading a numeric table: the CSV reader alone, with numbers parsed, a whole cohort, and what is fitted on it. The
// file is random, larger than any cache, and made once; bytes_per_second is of the file. resident_MiB is the process's
// peak.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>

#include "io/data/dataset.h"
#include "io/data/loader.h"
#include "io/data/preprocess.h"
#include "io/formats/cell.h"
#include "io/formats/csv.h"
#include "kernels/math/philox.h"

namespace plait {
namespace {

constexpr std::int64_t kPatients = 20000, kGenes = 2000;

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

// 20,000 patients x 2,000 genes, five significant digits; removed at exit.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "plait-csv-bench") {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "cohort.toml")
        << "format = 1\n[task]\nkind = \"binary\"\nfile = \"labels.csv\"\ntarget = "
           "\"label\"\n[modality.genes]\nkind = \"expression\"\nfile = \"genes.csv\"\n";
    std::ofstream labels(path_ / "labels.csv"), genes(path_ / "genes.csv");
    labels << "patient_id,label\n";
    genes << "patient_id";
    for (std::int64_t j = 0; j < kGenes; ++j) genes << ",G" << j;
    genes << '\n';
    std::string row;
    for (std::int64_t i = 0; i < kPatients; ++i) {
      labels << 'P' << i << ',' << i % 2 << '\n';
      row = "P" + std::to_string(i);
      for (std::int64_t j = 0; j < kGenes; ++j) append(row, i, j);
      genes << row << '\n';
    }
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::int64_t bytes() const { return static_cast<std::int64_t>(std::filesystem::file_size(path_ / "genes.csv")); }

 private:
  static void append(std::string& row, std::int64_t i, std::int64_t j) {
    const std::uint32_t word = random_word(1, static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(i), 0, 0);
    char text[32];
    const float value = 20.0f * random_uniform(word) - 10.0f;
    row += ',';
    row.append(text, std::to_chars(text, text + sizeof text, value, std::chars_format::general, 5).ptr);
  }

  std::filesystem::path path_;
};

const Folder& folder() {
  static const Folder made;
  return made;
}

void report(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * folder().bytes());
  state.counters["resident_MiB"] = peak_mebibytes();
}

void scan(benchmark::State& state) {
  folder();  // made outside the clock
  for (auto _ : state) {
    CsvReader csv(folder().path() / "genes.csv", "genes.csv");
    std::size_t rows = 0;
    while (csv.next()) ++rows;
    benchmark::DoNotOptimize(rows);
  }
  report(state);
}

void parse(benchmark::State& state) {
  for (auto _ : state) {
    CsvReader csv(folder().path() / "genes.csv", "genes.csv");
    float sum = 0.0f;
    while (csv.next()) {
      for (std::size_t j = 1; j < csv.columns(); ++j) {
        float value = 0.0f;
        parse_cell(csv.cell(j), value);
        sum += value;
      }
    }
    benchmark::DoNotOptimize(sum);
  }
  report(state);
}

void read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(read_cohort(folder().path()).modalities[0].cells.data());
  report(state);
}

// Statistics of every column, then one epoch of batches.
void fit(benchmark::State& state) {
  const Cohort cohort = read_cohort(folder().path());
  for (auto _ : state) {
    benchmark::DoNotOptimize(fit_preprocess(cohort, all_patients(cohort), {}).modalities[0].columns.data());
  }
  state.counters["resident_MiB"] = peak_mebibytes();
}

void epoch(benchmark::State& state) {
  const Cohort cohort = read_cohort(folder().path());
  const Dataset dataset(cohort, fit_preprocess(cohort, all_patients(cohort), {}));
  Loader loader(dataset, all_patients(cohort), {.batch_size = 256, .prefetch = state.range(0) != 0});
  std::uint32_t number = 0;
  for (auto _ : state) {
    loader.start_epoch(number++);
    while (const Batch* batch = loader.next()) benchmark::DoNotOptimize(batch->modalities[0].values.data);
  }
  state.SetItemsProcessed(state.iterations() * kPatients);
  state.SetBytesProcessed(state.iterations() * kPatients * kGenes * 8);  // a float read, a float written
  state.counters["resident_MiB"] = peak_mebibytes();
}

BENCHMARK(scan)->Name("csv_scan/20000x2000")->Unit(benchmark::kMillisecond);
BENCHMARK(parse)->Name("csv_parse/20000x2000")->Unit(benchmark::kMillisecond);
BENCHMARK(read)->Name("read_cohort/20000x2000")->Unit(benchmark::kMillisecond);
BENCHMARK(fit)->Name("fit_preprocess/20000x2000")->Unit(benchmark::kMillisecond);
BENCHMARK(epoch)
    ->Name("loader_epoch/20000x2000/prefetch")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace plait

BENCHMARK_MAIN();
