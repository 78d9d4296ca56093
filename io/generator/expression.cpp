#include "io/generator/expression.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace plait::synth {
namespace {

constexpr std::array<std::array<double, kModules>, 4> kLoadings = {{
    {0.90, 0.90, -0.85, 0.80, 0.70, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},  // cancer
    {0.0, 0.0, 0.90, -0.90, 0.85, 0.80, 0.70, 0.0, 0.0, 0.0, 0.0, 0.0},  // cardiac
    {0.0, 0.0, 0.0, 0.0, 0.90, 0.90, -0.85, 0.80, 0.70, 0.0, 0.0, 0.0},  // metabolic
    {0.90, 0.0, 0.0, 0.0, 0.0, -0.90, 0.0, 0.85, 0.80, 0.70, 0.0, 0.0},  // mortality
}};

// Keys the population's own draws; a user's seed draws at other sites.
std::uint64_t population_seed(Task task) {
  return 0x706c616974ull + static_cast<std::uint64_t>(task);
}

Gene draw_gene(Task task, int g) {
  Draws draws(population_seed(task), static_cast<std::uint32_t>(g), Stream::genes);
  Gene gene;
  gene.module = g % 15 < kModules ? g % 15 : -1;
  gene.mean = draws.uniform(6.0, 12.0);
  gene.deviation = draws.uniform(0.5, 1.0);
  gene.member = draws.uniform(0.75, 0.93);
  if (draws.uniform() < 0.2) gene.member = -gene.member;
  if (gene.module < 0) gene.member = 0.0;
  gene.batch = draws.uniform(-0.2, 0.2);
  return gene;
}

}  // namespace

std::string GenePanel::name(std::size_t gene) {
  return fmt::format("GENE{:05}", gene + 1);
}

GenePanel make_gene_panel(Task task, int genes) {
  GenePanel panel{.loading = kLoadings[static_cast<std::size_t>(task)], .genes = {}};
  for (int g = 0; g < genes; ++g) panel.genes.push_back(draw_gene(task, g));
  return panel;
}

Expression draw_expression(const GenePanel& panel, double signal, Draws draws) {
  Expression drawn;
  for (std::size_t k = 0; k < kModules; ++k)
    drawn.activity[k] =
        panel.loading[k] * signal + std::sqrt(1.0 - panel.loading[k] * panel.loading[k]) * draws.normal();
  drawn.batch = draws.normal();
  drawn.x.reserve(panel.genes.size());
  for (const Gene& gene : panel.genes) {
    const double activity = gene.module < 0 ? 0.0 : drawn.activity[static_cast<std::size_t>(gene.module)];
    const double x = gene.mean + gene.deviation * (gene.member * activity + gene.batch * drawn.batch +
                                                   std::sqrt(gene.noise_variance()) * draws.normal());
    const bool missing = draws.uniform() < kMissingExpression;
    drawn.x.push_back(missing ? std::numeric_limits<double>::quiet_NaN() : std::round(x * 1000.0) / 1000.0);
  }
  return drawn;
}

Belief expression_belief(const GenePanel& panel, const std::vector<double>& x) {
  // Information about the activities and the batch effect b: sums of outer products of the loadings.
  std::array<double, kModules> uu{}, ub{}, u{};
  double bb = 1.0, b = 0.0;
  for (std::size_t g = 0; g < panel.genes.size(); ++g) {
    if (std::isnan(x[g])) continue;
    const Gene& gene = panel.genes[g];
    const double precision = 1.0 / gene.noise_variance(), y = (x[g] - gene.mean) / gene.deviation;
    bb += gene.batch * gene.batch * precision;
    b += gene.batch * y * precision;
    if (gene.module < 0) continue;
    const auto k = static_cast<std::size_t>(gene.module);
    uu[k] += gene.member * gene.member * precision;
    ub[k] += gene.member * gene.batch * precision;
    u[k] += gene.member * y * precision;
  }
  // u_k given s has precision t and mean loading s. Eliminating u_k leaves a system of two in (s, b).
  double ss = 1.0, sb = 0.0, s = 0.0;
  for (std::size_t k = 0; k < kModules; ++k) {
    const double loading = panel.loading[k], t = 1.0 / (1.0 - loading * loading), pivot = t + uu[k];
    ss += loading * loading * t * (1.0 - t / pivot);
    sb += loading * t * ub[k] / pivot;
    bb -= ub[k] * ub[k] / pivot;
    s += loading * t * u[k] / pivot;
    b -= ub[k] * u[k] / pivot;
  }
  const double determinant = ss * bb - sb * sb;
  return {.mean = (bb * s - sb * b) / determinant, .variance = bb / determinant};
}

}  // namespace plait::synth
