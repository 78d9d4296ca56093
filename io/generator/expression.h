// Gene expression (modality "genomics"), as the base-2 logarithm of normalised counts: modules of co-expressed genes, a
// few of which follow the signal s, a batch effect that reaches every gene, and genes of no module.
//   activity u_k = loading_k s + sqrt(1 - loading_k^2) v_k,             k = 0 .. 11
//   gene g of module k: x_g = mean_g + deviation_g (member_g u_k + batch_g b + noise_g e_g)
// v, b, e ~ N(0, 1); noise_g^2 = 1 - member_g^2 - batch_g^2. Gene g (from 0) belongs to module g mod 15; the
// remainders 12, 13, 14 are no module, with member_g = 0. A cell is missing with probability 0.02.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "io/generator/draws.h"
#include "io/generator/label_model.h"
#include "io/generator/signal.h"

namespace plait::synth {

inline constexpr int kModules = 12;
inline constexpr double kMissingExpression = 0.02;

struct Gene {
  int module = -1;  // -1: none
  double mean = 0.0, deviation = 1.0, member = 0.0, batch = 0.0;

  double noise_variance() const { return 1.0 - member * member - batch * batch; }
};

// Of the task and of the number of genes alone; gene g is the same for every number.
struct GenePanel {
  std::array<double, kModules> loading{};
  std::vector<Gene> genes;

  static std::string name(std::size_t gene);  // GENE00001 for gene 0
};

GenePanel make_gene_panel(Task task, int genes);

struct Expression {
  std::vector<double> x;  // [genes], rounded to 0.001; NaN = missing
  std::array<double, kModules> activity{};
  double batch = 0.0;
};

Expression draw_expression(const GenePanel& panel, double signal, Draws draws);

// The distribution of the signal given the cells that are not missing; activities, batch and noise are integrated out
// exactly (all are jointly normal).
Belief expression_belief(const GenePanel& panel, const std::vector<double>& x);

}  // namespace plait::synth
