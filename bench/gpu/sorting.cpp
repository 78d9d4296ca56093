// The area under the ROC curve: beside the bare sort by CUB that it contains.
#include <algorithm>
#include <cmath>

#include "bench/gpu/memory.h"
#include "bench/gpu/shapes.h"
#include "kernels/auc.h"
#include "kernels/sort.h"

namespace plait::bench {
namespace {

double auc_on_host(const std::vector<float>& scores, const std::vector<float>& labels) {
  std::vector<std::size_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double below = 0, won = 0, positives = 0;
  for (std::size_t i = 0; i < order.size();) {
    double p = 0, n = 0;
    const float score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i) (labels[order[i]] > 0.5f ? p : n) += 1;
    won += p * (below + n / 2);
    below += n;
    positives += p;
  }
  return won / (positives * below);
}

Trial prepare(std::int64_t count, double bytes, bool small, cudaStream_t stream) {
  auto scores = std::make_shared<std::vector<Array<float>>>();
  for (int i = 0; i < sets_for(bytes, small); ++i)
    scores->push_back(normal_array<float>(count, static_cast<std::uint32_t>(i + 1), stream));
  const Array<float> labels = normal_array<float>(count, 77, stream), sorted(count);
  const Array<std::int32_t> payload(std::vector<std::int32_t>(static_cast<std::size_t>(count), 1), stream);
  const Array<std::int32_t> sorted_payload(count);
  const Array<double> value(1);
  const Scratch scratch(static_cast<std::int64_t>(gpu::auc_workspace_bytes(count)));
  const Scratch sort_scratch(static_cast<std::int64_t>(gpu::sort_workspace_bytes(count)));
  Trial trial{.sets = static_cast<int>(scores->size())};
  trial.ours = [=](int i) {
    gpu::auc<float>({.count = count}, (*scores)[static_cast<std::size_t>(i)], labels, value, scratch, stream);
  };
  trial.rivals = {{"cub_sort_alone", {[=](int i) {
                     gpu::sort_descending(count, (*scores)[static_cast<std::size_t>(i)], payload, sorted,
                                          sorted_payload, sort_scratch, stream);
                   }}}};
  trial.outputs = {value.output()};
  trial.error = [=] {
    return std::fabs(value.host(stream)[0] - auc_on_host((*scores)[0].host(stream), labels.host(stream)));
  };
  return trial;
}

}  // namespace

void add_sorting(Cases& cases, bool small) {
  for (const std::int64_t scores : shapes::gpu_scores) {
    const std::int64_t count = small ? shapes::shrunk(scores) : scores;
    const double bytes = 8.0 * static_cast<double>(count);
    cases.push_back({.section = "sorting",
                     .goal = "",
                     .operation = "auc",
                     .dtype = "fp32",
                     .shape = std::to_string(count),
                     .flops = 0,
                     .bytes = bytes,
                     .unit = Unit::none,
                     .tolerance = 1e-12,
                     .prepare = [=](cudaStream_t stream) { return prepare(count, bytes, small, stream); }});
  }
}

}  // namespace plait::bench
