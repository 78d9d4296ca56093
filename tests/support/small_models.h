// Small models with every kind of encoder, and parameters of which none is zero: a bias of 0 or an attention vector of
// 0 would leave gradient paths untried.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fusion/model.h"
#include "tests/support/synthetic_batch.h"

namespace plait {

// table 5, image 7 x 6 x channels, expression 9, embeddings of width 6; dropout 0.25 in every encoder, corruption,
// reconstruction. fusion: as configured, or with its variant: "hybrid_zero" (missing = "zero"), "late_logit",
// "late_stacked".
inline ModelConfig small_config(const std::string& fusion, std::int64_t image_channels = 1) {
  ModelConfig config;
  const std::size_t variant = fusion.find('_');
  config.fusion = fusion.substr(0, variant);
  if (variant != std::string::npos) {
    const std::string name = fusion.substr(variant + 1);
    if (name == "zero") config.missing = MissingRule::zero;
    if (name == "logit") config.late_mean = LateMean::logit;
    if (name == "stacked") config.late_mean = LateMean::stacked;
  }
  config.embed_dim = 6;
  config.inputs = {{.name = "table", .kind = ModalityKind::table, .features = 5},
                   {.name = "image", .kind = ModalityKind::image, .height = 7, .width = 6, .channels = image_channels},
                   {.name = "expression", .kind = ModalityKind::expression, .features = 9}};
  config.encoders = {{.type = EncoderType::mlp, .hidden = {7}, .channels = {}, .dropout = 0.25},
                     {.type = EncoderType::cnn, .hidden = {5}, .channels = {3, 4}, .dropout = 0.25},
                     {.type = EncoderType::dae, .hidden = {8}, .channels = {}, .dropout = 0.25, .reconstruction = 0.3}};
  return config;
}

inline ModelTraining small_training() {
  return {.alignment = 0.2, .alignment_mean = true, .keep = {0.8f, 0.6f, 0.7f}};
}

// Every subset of three modalities, the empty one included, each but the full one once.
inline std::vector<ModalityMask> small_masks() {
  return {7, 1, 6, 3, 7, 4, 2, 5, 7, 0};
}

inline BatchPlan small_plan(const ModelConfig& config, TaskKind task, std::int64_t outputs, DType dtype) {
  return {.inputs = config.inputs,
          .task = task,
          .outputs = outputs,
          .available = small_masks(),
          .padding = 1,
          .weighted = true,
          .some_unobserved = true,
          .dtype = dtype};
}

// Weights uniform in [-scale, scale], biases in [0, scale] so that few units are dead; padding stays zero.
inline void randomise_parameters(ParameterStore& store, std::uint32_t seed, double scale = 0.6) {
  for (int i = 0; i < store.size(); ++i) {
    const Parameter& p = store.parameter(i);
    dispatch_float(store.dtype(), [&]<class T>(T) {
      T* data = store.value(i).as<T>();
      const auto values =
          random_values<T>(p.count(), seed + static_cast<std::uint32_t>(i), p.decayed ? -scale : 0.0, scale);
      for (std::int64_t e = 0; e < p.count(); ++e)
        data[e / p.shape.columns() * p.row_stride + e % p.shape.columns()] = values[static_cast<std::size_t>(e)];
    });
  }
}

template <class T>
std::vector<T> flat_gradients(const ParameterStore& store) {
  const T* g = static_cast<const T*>(store.gradients());
  return {g, g + store.flat_count()};
}

template <class T>
std::vector<T> flat_values(const ParameterStore& store) {
  const T* v = static_cast<const T*>(store.values());
  return {v, v + store.flat_count()};
}

// Equal bits: NaN equals itself, zeros of different sign differ.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// The elements of a tensor without padding.
template <class T>
std::vector<T> elements(const Tensor& t) {
  std::vector<T> all;
  for (std::int64_t r = 0; r < t.rows(); ++r) {
    const T* row = t.as<T>() + r * t.row_stride;
    all.insert(all.end(), row, row + t.columns());
  }
  return all;
}

}  // namespace plait
