// Shapes of the GPU's benchmarks, beside those of bench/shapes.h: sizes that fill the chip, and those of clinical
// models (../README.md). `small` shrinks a shape to what a check on the SIMT executor can afford, raggedness kept.
#pragma once

#include <algorithm>
#include <cstdint>

#include "bench/shapes.h"

namespace plait::shapes {

// Every layout is timed: NT (forward), NN (input gradient), TN (weight gradient).
inline constexpr Product gpu_products[] = {
    {8192, 8192, 8192, true},
    {4096, 4096, 4096, true},
};

// Layers of tables and of expression profiles: forward, and the weight gradient. (A first layer needs no other.)
inline constexpr Dense gpu_denses[] = {
    {256, 256, 256, true},  {32, 20000, 512, true},  {256, 20000, 512, true}, {1024, 20000, 512, true},
    {256, 2000, 512, true}, {1024, 1000, 256, true}, {8192, 512, 512, true},
};

// Layers large enough for the epilogue to be hidden, or not.
inline constexpr Dense gpu_epilogues[] = {
    {4096, 4096, 4096, true},
    {8192, 1024, 1024, true},
    {1024, 1024, 512, true},
    {256, 256, 256, true},
};

inline constexpr Conv gpu_convs[] = {
    {32, 56, 56, 64, 64, 3, 3, 1, true},   {32, 28, 28, 128, 128, 3, 3, 1, true}, {32, 14, 14, 256, 256, 3, 3, 1, true},
    {32, 112, 112, 32, 64, 3, 3, 1, true}, {256, 14, 14, 16, 32, 3, 3, 1, true},
};

// First layers: written more than computed.
inline constexpr Conv gpu_stems[] = {
    {32, 224, 224, 1, 32, 3, 3, 1, true},
    {32, 224, 224, 3, 32, 3, 3, 1, true},
    {256, 28, 28, 1, 16, 3, 3, 1, true},
};

inline constexpr Pool gpu_pools[] = {
    {128, 112, 112, 64, true},
    {32, 224, 224, 32, true},
};

struct Fusion {
  std::int64_t batch, width;
  int modalities;
  std::string name() const {
    return std::to_string(batch) + "x" + std::to_string(width) + "x" + std::to_string(modalities);
  }
};

// The first moves 268 MB in bf16, 537 MB in float.
inline constexpr Fusion gpu_fusions[] = {{65536, 512, 3}, {8192, 256, 3}};

struct Rows {
  std::int64_t batch, columns;
  std::string name() const { return std::to_string(batch) + "x" + std::to_string(columns); }
};

inline constexpr Rows gpu_losses[] = {{1 << 21, 16}, {1 << 20, 64}};
inline constexpr Rows gpu_biases[] = {{1 << 17, 1024}, {8192, 512}};
inline constexpr Rows gpu_rows[] = {{8192, 20000}};
inline constexpr std::int64_t gpu_parameters[] = {10'240'512, 1 << 25};
inline constexpr std::int64_t gpu_flat[] = {1 << 27};
inline constexpr std::int64_t gpu_scores[] = {1 << 20, 1 << 22};

inline std::int64_t shrunk(std::int64_t size, std::int64_t most) {
  return size <= most ? size : most + size % 7;
}
inline Product shrunk(Product s) {
  return {shrunk(s.m, 72), shrunk(s.n, 80), shrunk(s.k, 100)};
}
inline Dense shrunk(Dense s) {
  return {shrunk(s.batch, 40), shrunk(s.in, 120), shrunk(s.out, 50)};
}
inline Conv shrunk(Conv s) {
  return {shrunk(s.batch, 2),        shrunk(s.height, 6), shrunk(s.width, 7), shrunk(s.in_channels, 8),
          shrunk(s.out_channels, 9), s.kernel_height,     s.kernel_width,     s.pad};
}
inline Pool shrunk(Pool s) {
  return {shrunk(s.batch, 2), shrunk(s.height, 6), shrunk(s.width, 7), shrunk(s.channels, 8)};
}
inline Fusion shrunk(Fusion s) {
  return {shrunk(s.batch, 20), shrunk(s.width, 40), s.modalities};
}
inline Rows shrunk(Rows s) {
  return {shrunk(s.batch, 30), shrunk(s.columns, 12)};
}
inline std::int64_t shrunk(std::int64_t s) {
  return shrunk(s, 5000);
}

}  // namespace plait::shapes
