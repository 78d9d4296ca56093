// The lesion that an image shows: three findings that follow the signal s, and nuisance that does not.
//   y_j = loading_j s + sqrt(1 - loading_j^2) e_j,   j = size, contrast, texture
//   radius = 4.8 exp(0.28 y_size), contrast = 48 exp(0.38 y_contrast), texture = 10 exp(0.40 y_texture)
// in pixels of a 32 x 32 image and in grey levels. Given the findings the pixels tell no more of s.
#pragma once

#include <array>

#include "io/generator/draws.h"
#include "io/generator/label_model.h"
#include "io/generator/signal.h"

namespace plait::synth {

inline constexpr std::array<const char*, 3> kFindingNames = {"size", "contrast", "texture"};
using LesionLoadings = std::array<double, 3>;

// Of the task alone.
LesionLoadings make_lesion_loadings(Task task);

struct Lesion {
  std::array<double, 3> y{};       // size, contrast, texture in standard units
  double row = 0.0, column = 0.0;  // centre, from the image's middle, pixels of a 32 x 32 image
  // The outline: radius (1 + sum_k cosine_k cos(k a) + sine_k sin(k a)) in the direction a, k = 2, 3, 5.
  std::array<double, 3> cosine{}, sine{};

  double radius() const;
  double contrast() const;  // mean brightness above the tissue
  double texture() const;   // standard deviation of the speckle inside
};

Lesion draw_lesion(const LesionLoadings& loadings, double signal, Draws draws);

// What the three findings tell of the signal: the oracle's belief, which no reader of pixels can surpass.
Belief lesion_belief(const LesionLoadings& loadings, const Lesion& lesion);

}  // namespace plait::synth
