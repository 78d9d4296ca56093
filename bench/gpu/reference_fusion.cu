// The attention fusion, forward and backward, in double: patient by patient, nothing kept between samples but the
// gradients of the scores.
#include "bench/gpu/reference.h"
#include "bench/gpu/samples.h"

namespace plait::bench {
namespace {

template <class T>
struct Patient {
  FusionOperands<T> o;
  PLAIT_HD double z(std::int64_t b, int m, std::int64_t j) const {
    return real(o.z[static_cast<std::size_t>(m)][b * o.p.z_stride + j]);
  }
  // The softmax over the modalities that are there; zeros elsewhere.
  PLAIT_HD void attention(std::int64_t b, double (&alpha)[max_modalities]) const {
    double top = -1e300, sum = 0;
    for (int m = 0; m < o.p.modalities; ++m) {
      alpha[m] = 0;
      if (!has_modality(o.present[b], m)) continue;
      for (std::int64_t j = 0; j < o.p.width; ++j) alpha[m] += real(o.weight[j]) * tanh(z(b, m, j));
      top = fmax(top, alpha[m]);
    }
    for (int m = 0; m < o.p.modalities; ++m) {
      if (!has_modality(o.present[b], m)) continue;
      alpha[m] = exp(alpha[m] - top);
      sum += alpha[m];
    }
    for (int m = 0; m < o.p.modalities; ++m)
      if (sum > 0) alpha[m] /= sum;
  }
};

template <class T>
struct FusedElement {
  Patient<T> patient;
  const T* fused;
  PLAIT_HD double expected(std::int64_t i) const {
    const AttentionFusionParams& p = patient.o.p;
    double alpha[max_modalities] = {}, sum = 0;
    patient.attention(i / p.width, alpha);
    for (int m = 0; m < p.modalities; ++m)
      if (has_modality(patient.o.present[i / p.width], m)) sum += alpha[m] * patient.z(i / p.width, m, i % p.width);
    return sum;
  }
  PLAIT_HD double actual(std::int64_t i) const {
    const AttentionFusionParams& p = patient.o.p;
    return real(fused[i / p.width * p.fused_stride + i % p.width]);
  }
};

// expected: the gradient of score m of patient b, i = b M + m. actual: alpha.
template <class T>
struct ScoreGradient {
  Patient<T> patient;
  PLAIT_HD double alpha_and_gradient(std::int64_t i, bool gradient) const {
    const AttentionFusionParams& p = patient.o.p;
    const std::int64_t b = i / p.modalities;
    double alpha[max_modalities] = {}, d_alpha[max_modalities] = {}, mean = 0;
    patient.attention(b, alpha);
    for (int m = 0; m < p.modalities; ++m) {
      d_alpha[m] = 0;
      if (!has_modality(patient.o.present[b], m)) continue;
      for (std::int64_t j = 0; j < p.width; ++j)
        d_alpha[m] += real(patient.o.d_fused[b * p.fused_stride + j]) * patient.z(b, m, j);
      mean += alpha[m] * d_alpha[m];
    }
    const int m = static_cast<int>(i % p.modalities);
    return gradient ? alpha[m] * (d_alpha[m] - mean) : alpha[m];
  }
  PLAIT_HD double expected(std::int64_t i) const { return alpha_and_gradient(i, true); }
  PLAIT_HD double actual(std::int64_t i) const { return alpha_and_gradient(i, false); }
};

template <class T>
struct EmbeddingGradient {
  Patient<T> patient;
  FusionAlignment alignment;
  const Pair* scores;  // of ScoreGradient, all of them
  EmbeddingPointers<T> dz;
  // i = (b M + m) d + j
  PLAIT_HD double expected(std::int64_t i) const {
    const AttentionFusionParams& p = patient.o.p;
    const std::int64_t j = i % p.width, score = i / p.width, b = score / p.modalities;
    const int m = static_cast<int>(score % p.modalities);
    double gradient = 0;
    if (has_modality(patient.o.present[b], m)) {
      const double t = tanh(patient.z(b, m, j));
      gradient = scores[score].actual * real(patient.o.d_fused[b * p.fused_stride + j]) +
                 scores[score].expected * real(patient.o.weight[j]) * (1 - t * t);
    }
    if (alignment.available != nullptr && has_modality(alignment.available[b], m)) {
      const int k = count_modalities(alignment.available[b]);
      double sum = 0;
      for (int other = 0; other < p.modalities; ++other)
        if (has_modality(alignment.available[b], other)) sum += patient.z(b, m, j) - patient.z(b, other, j);
      if (k > 1)
        gradient += alignment.scale * 4.0 * sum / (static_cast<double>(k * (k - 1)) * static_cast<double>(p.width));
    }
    return gradient;
  }
  PLAIT_HD double actual(std::int64_t i) const {
    const AttentionFusionParams& p = patient.o.p;
    const std::int64_t score = i / p.width;
    return real(dz[static_cast<std::size_t>(score % p.modalities)][score / p.modalities * p.z_stride + i % p.width]);
  }
};

template <class T>
struct WeightGradient {
  Patient<T> patient;
  const Pair* scores;
  const float* dweight;
  PLAIT_HD double expected(std::int64_t j) const {
    const AttentionFusionParams& p = patient.o.p;
    double sum = 0;
    for (std::int64_t b = 0; b < p.batch; ++b)
      for (int m = 0; m < p.modalities; ++m)
        if (has_modality(patient.o.present[b], m))
          sum += scores[b * p.modalities + m].expected * tanh(patient.z(b, m, j));
    return sum;
  }
  PLAIT_HD double actual(std::int64_t j) const { return static_cast<double>(dweight[j]); }
};

}  // namespace

template <class T>
double fusion_forward_error(const FusionOperands<T>& o, const T* fused, cudaStream_t stream) {
  return error_of(FusedElement<T>{{o}, fused}, o.p.batch * o.p.width, stream);
}

template <class T>
double fusion_backward_error(const FusionOperands<T>& o, const FusionAlignment& alignment,
                             const EmbeddingPointers<T>& dz, const float* dweight, cudaStream_t stream) {
  const std::int64_t count = o.p.batch * o.p.modalities;
  const Array<Pair> scores(sample(ScoreGradient<T>{{o}}, count, stream, count), stream);
  return worse(error_of(EmbeddingGradient<T>{{o}, alignment, scores, dz}, count * o.p.width, stream),
               error_of(WeightGradient<T>{{o}, scores, dweight}, o.p.width, stream));
}

template double fusion_forward_error<float>(const FusionOperands<float>&, const float*, cudaStream_t);
template double fusion_forward_error<bf16>(const FusionOperands<bf16>&, const bf16*, cudaStream_t);
template double fusion_backward_error<float>(const FusionOperands<float>&, const FusionAlignment&,
                                             const EmbeddingPointers<float>&, const float*, cudaStream_t);
template double fusion_backward_error<bf16>(const FusionOperands<bf16>&, const FusionAlignment&,
                                            const EmbeddingPointers<bf16>&, const float*, cudaStream_t);

}  // namespace plait::bench
