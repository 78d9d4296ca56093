// What the paper says it measured ("Multi-Modal Learning Approaches Combining EHR, Imaging, and Genomic Data", V. N.
// Jasthi). Its data is not public and its hyper-parameters are not printed, so these numbers are quoted, never
// reproduced.
#pragma once

#include <array>
#include <string_view>

namespace plait::paper {

struct FusionRow {  // Table 1
  std::string_view fusion;
  double auc, f1, precision, recall;
};
inline constexpr std::array<FusionRow, 3> kFusions{
    {{"early", .88, .82, .80, .83}, {"late", .87, .81, .79, .82}, {"hybrid", .92, .86, .85, .87}}};

struct RemovalRow {  // Table 2: accuracy
  std::string_view removed;
  double cancer, cardiac, metabolic;
};
inline constexpr std::array<RemovalRow, 4> kRemovals{
    {{"", .92, .88, .89}, {"image", .86, .80, .84}, {"genomics", .83, .81, .80}, {"ehr", .85, .82, .83}}};

inline constexpr double kEhrF1Below = .72;    // Figure 3: EHR alone on early cancer
inline constexpr double kFusedF1Above = .85;  // Figure 3: the multi-modal model, each time

// Which modality attention leans on.
struct Lean {
  std::string_view task, modality;
};
inline constexpr std::array<Lean, 3> kAttention{{{"cancer", "genomics"}, {"cardiac", "image"}, {"metabolic", "ehr"}}};

}  // namespace plait::paper
