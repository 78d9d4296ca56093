// Which modalities a patient lacks: drawn for each modality on its own. A patient may lack all three.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "io/generator/draws.h"
#include "io/generator/signal.h"
#include "kernels/modality_mask.h"

namespace plait::synth {

// random: P(absent) = rate, whatever the patient is like (missing completely at random).
// latent: P(m absent | s_m) = 1 / (1 + exp(-(offset - slope s_m))): who has a strong signal is examined more often, so
//         absence itself tells something (missing not at random). The offset is the one that gives the rate.
enum class Mechanism { random, latent };
inline constexpr std::array<const char*, 2> kMechanismNames = {"random", "latent"};
std::optional<Mechanism> mechanism_from_name(std::string_view name);

struct Missingness {
  Mechanism mechanism = Mechanism::random;
  double rate = 0.0;  // in [0, 1)
  double offset = 0.0, slope = 0.0;

  double absent_probability(double signal) const;
  // A distribution of the signal, given also that the modality is there, or is not.
  Density given(const Density& density, bool available) const;
};

inline constexpr double kLatentSlope = 1.2;

Missingness make_missingness(Mechanism mechanism, double rate);

ModalityMask draw_available(const Missingness& missingness, const Signals& signals, Draws draws);

}  // namespace plait::synth
