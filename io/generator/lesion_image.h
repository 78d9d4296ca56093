// The image of a lesion in tissue: 8-bit grey, the organ bright on a dark surround, tissue of two grain sizes, the
// lesion with its rough outline and speckle, and noise in every pixel. docs/synth.md has the formulas.
#pragma once

#include "io/formats/png.h"
#include "io/generator/draws.h"
#include "io/generator/lesion.h"

namespace plait::synth {

inline constexpr int kSmallestImage = 16, kLargestImage = 512;

// size x size pixels; everything but the noise scales with the image. Every call with the same draws paints the same.
PngImage paint_lesion(const Lesion& lesion, int size, Draws draws);

}  // namespace plait::synth
