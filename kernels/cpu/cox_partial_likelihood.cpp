// Cox's partial likelihood and its gradient: down the times the risk sets grow and every tie adds its terms, back up
// the terms of all earlier events reach each patient; two exponentials a patient.
#include "kernels/cox_partial_likelihood.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/grad_store.h"

namespace plait::cpu {
namespace {

// Patients of one time and what their events leave for the gradient.
struct Tie {
  std::int64_t begin, end;
  double top;           // the largest risk of the risk set
  double inverse;       // sum over l of w/d / at_risk_l, in units of e^-top
  double tied_inverse;  // the same with l/d in each term: what the events of the tie do not feel
};

bool has_event(const float* outcomes, std::int64_t b) {
  return outcomes[2 * b + 1] > 0.5f;
}

// e^(from - to) where `to` is at least `from`; both may still be -infinity.
double rescale(double from, double to) {
  return from == to ? 1.0 : std::exp(from - to);
}

}  // namespace

std::size_t cox_workspace_bytes(std::int64_t batch) {
  return static_cast<std::size_t>(batch) * sizeof(Tie);
}

template <class T>
void cox_partial_likelihood(const CoxParams& p, const T* risks, const float* outcomes, const float* weights,
                            double* value, GradSlice<T> gradient, void* workspace) {
  const auto risk = [&](std::int64_t b) { return static_cast<double>(risks[b * p.stride]); };
  Tie* ties = static_cast<Tie*>(workspace);
  std::int64_t count = 0;
  double top = -std::numeric_limits<double>::infinity(), at_risk = 0.0, loss = 0.0, event_weight = 0.0;
  for (std::int64_t begin = 0, end = 0; begin < p.batch; begin = end) {
    const double before = top;
    for (; end < p.batch && outcomes[2 * end] == outcomes[2 * begin]; ++end)
      if (weights[end] != 0.0f && risk(end) > top) top = risk(end);
    at_risk *= rescale(before, top);
    double tied = 0.0, tied_weight = 0.0, events = 0.0;
    for (std::int64_t b = begin; b < end; ++b) {
      if (weights[b] == 0.0f) continue;
      const double w = static_cast<double>(weights[b]), hazard = w * std::exp(risk(b) - top);
      at_risk += hazard;
      if (!has_event(outcomes, b)) continue;
      tied += hazard;
      tied_weight += w;
      loss += w * (top - risk(b));
      events += 1.0;
    }
    Tie tie{begin, end, top, 0.0, 0.0};
    for (double l = 0.0; l < events; l += 1.0) {
      const double share = l / events, left = at_risk - share * tied, w = tied_weight / events;
      loss += w * std::log(left);
      tie.inverse += w / left;
      tie.tied_inverse += w * share / left;
    }
    event_weight += tied_weight;
    ties[count++] = tie;
  }
  *value = event_weight != 0.0 ? loss / event_weight : 0.0;

  with_store(gradient.mode, [&](auto add) {
    const double factor = event_weight != 0.0 ? p.coefficient / event_weight : 0.0;
    double inverse = 0.0, scale = top;
    while (count-- > 0) {
      const Tie& tie = ties[count];
      inverse = inverse * rescale(tie.top, scale) + tie.inverse;
      scale = tie.top;
      for (std::int64_t b = tie.begin; b < tie.end; ++b) {
        T& dx = gradient.data[b * p.stride];
        if (weights[b] == 0.0f || event_weight == 0.0) {
          if constexpr (!add.value) dx = T(0);
          continue;
        }
        const double hazard = std::exp(risk(b) - tie.top), w = static_cast<double>(weights[b]);
        const double slope = has_event(outcomes, b) ? hazard * (inverse - tie.tied_inverse) - 1.0 : hazard * inverse;
        put<add.value>(dx, static_cast<T>(factor * w * slope));
      }
    }
  });
}

template void cox_partial_likelihood(const CoxParams&, const float*, const float*, const float*, double*,
                                     GradSlice<float>, void*);
template void cox_partial_likelihood(const CoxParams&, const double*, const float*, const float*, double*,
                                     GradSlice<double>, void*);

}  // namespace plait::cpu
