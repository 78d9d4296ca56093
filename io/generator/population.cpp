#include "io/generator/population.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "io/generator/lesion_image.h"

namespace plait::synth {
namespace {

template <class Number>
void check_range(const char* option, Number value, Number low, Number high) {
  if (!(value >= low && value <= high)) fail_usage(fmt::format("{} {}: from {} to {}", option, value, low, high));
}

}  // namespace

void check_options(const SynthOptions& options) {
  check_range<std::int64_t>("--patients", options.patients, 1, kMostPatients);
  if (options.prevalence) check_range("--prevalence", *options.prevalence, 0.01, 0.99);
  check_range("--missing", options.missing, 0.0, 0.95);
  check_range("--genes", options.genes, 1, kMostGenes);
  check_range("--image-size", options.image_size, kSmallestImage, kLargestImage);
}

Population make_population(const SynthOptions& options) {
  check_options(options);
  return {.label = make_label_model(options.task, options.prevalence.value_or(default_prevalence(options.task))),
          .missingness = make_missingness(options.mechanism, options.missing),
          .clinical = make_clinical_table(options.task),
          .lesion = make_lesion_loadings(options.task),
          .genes = make_gene_panel(options.task, options.genes),
          .image_size = options.image_size};
}

}  // namespace plait::synth
