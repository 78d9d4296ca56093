// How often each patient counts: a bootstrap resample is the same patients with other counts, so nothing is copied or
// sorted again. Integer counts keep every count in a metric exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace plait {

class Multiplicity {
 public:
  // Every patient once.
  Multiplicity() = default;
  // times[patient]; the span must outlive this object.
  explicit Multiplicity(std::span<const std::uint32_t> times) : times_(times), once_(false) {}

  std::uint64_t operator[](std::size_t patient) const { return once_ ? 1 : times_[patient]; }

  // True when this can be applied to n patients.
  bool fits(std::size_t n) const { return once_ || times_.size() == n; }

 private:
  std::span<const std::uint32_t> times_;
  bool once_ = true;
};

// Mean of one term a patient, terms[n]; nothing when nobody counts.
inline std::optional<double> mean_over_patients(std::span<const double> terms, Multiplicity times = {}) {
  double sum = 0.0;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    // A branch, not a product: a patient who is left out cannot reach the result.
    if (const std::uint64_t count = times[i]; count > 0) {
      sum += static_cast<double>(count) * terms[i];
      total += count;
    }
  }
  if (total == 0) return std::nullopt;
  return sum / static_cast<double>(total);
}

}  // namespace plait
