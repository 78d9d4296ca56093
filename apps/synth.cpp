#include <fmt/format.h>
#include <unistd.h>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/text_table.h"
#include "engine/error.h"
#include "io/generator/cohort_writer.h"
#include "io/run_folder.h"

namespace plait {
namespace {

synth::SynthOptions generator_options(const SynthCommand& command) {
  synth::SynthOptions options;
  const auto task = synth::task_from_name(command.task);
  const auto mechanism = synth::mechanism_from_name(command.mechanism);
  check(task.has_value() && mechanism.has_value(), "[synth] a name that the command line let through");
  options.task = *task;
  options.mechanism = *mechanism;
  options.patients = command.patients;
  options.seed = command.seed;
  options.prevalence = command.prevalence;
  options.missing = command.missing;
  options.genes = command.genes;
  options.image_size = command.image_size;
  synth::check_options(options);
  return options;
}

std::string subset_name(std::size_t subset) {
  std::string name;
  for (std::size_t m = 0; m < synth::kModalities; ++m) {
    if ((subset >> m & 1u) == 0) continue;
    if (!name.empty()) name += " + ";
    name += synth::kModalityNames[m];
  }
  return name;
}

std::string auc_text(const synth::Ceiling& ceiling) {
  return ceiling.auc ? fmt::format("{:.3f}", *ceiling.auc) : "-";
}

void print_ceilings(const synth::Ceilings& ceilings) {
  TextTable table({"best possible AUC", "latents", "data", "data, as available"});
  for (std::size_t subset = 1; subset < synth::kSubsets; ++subset)
    table.add({subset_name(subset), auc_text(ceilings.complete.latents[subset]),
               auc_text(ceilings.complete.observed[subset]), auc_text(ceilings.available.observed[subset])});
  fmt::print("{}", table.text());
}

}  // namespace

int run_synth(const SynthCommand& command) {
  const synth::SynthOptions options = generator_options(command);
  RunFolder folder(command.out);
  const bool terminal = isatty(fileno(stderr)) != 0;
  const synth::Truth truth = synth::write_synthetic_cohort(folder.path(), options, [&](std::int64_t done) {
    if (!terminal) return;
    fmt::print(stderr, "\r{} of {} patients{}", done, options.patients, done == options.patients ? "\n" : "");
    std::fflush(stderr);
  });
  folder.commit();
  std::int64_t positives = 0;
  for (const synth::PatientTruth& entry : truth.patients) positives += entry.patient.positive ? 1 : 0;
  fmt::print("{}, {} positive -> {}\n", counted(options.patients, "patient"), positives, folder.target().string());
  print_ceilings(truth.ceilings);
  return 0;
}

}  // namespace plait
